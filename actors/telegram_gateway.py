"""The gateway to Telegram: it polls for updates and lets each chat's commands run in their order, chats beside each other.

An update is confirmed by the poll after the one that brought it, once it stands in its chat's queue and in the inbox
(`bot/execution/chat_inbox.py`). A start asks Telegram for everything that is not confirmed and leaves out what the inbox
knows; no number of an update is kept as the place to go on from, because Telegram begins anew with one that may be lower.
What a command trades is absorbed by the intent's key, `tg:<update id>`. Trouble with Telegram is no crash.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.commands import COMMANDS
from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.chat_doing import Doer
from bot.execution.chat_inbox import MAX_TRIES, ChatInbox
from bot.execution.chat_intake import LATE_MS, Intake, Verdict
from bot.execution.chat_pictures import ChatPictures
from bot.execution.chat_saying import REST_MAX_S, REST_MIN_S, until_taken
from bot.execution.chat_secrets import ShownSecrets
from bot.execution.chat_words import FAILED, OVERTAKEN, PRESSED_AGAIN
from bot.execution.health import Health
from bot.ports import (
    MAX_UPDATES,
    ButtonPress,
    ChatApi,
    ChatDoor,
    ChatText,
    ChatUpdate,
    InboxStore,
    OtherUpdate,
    Pictures,
    TakenCommand,
)

log = structlog.get_logger()

POLL_S = 20
BAD_IN_A_ROW = 2  # one lost poll is no outage

RECALL_S = 2.0  # how long polling waits for what the inbox knows from before the start
WRITE_S = 1.0  # how long commands wait to be written into the inbox
WRITE_URGENT_S = 0.25

MAX_CHATS = 1_000  # chats served at once
MAX_CHATS_WAITING = 10_000  # chats with something to do; more wait with Telegram
MAX_URGENT = 2  # of one chat: the one that is being done, and one behind it, which does for all that come meanwhile
MAX_SECRETS = 100  # messages that are being deleted at once


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to be done about an update of this number; `press` where a button was pressed."""

    update_id: int
    verdict: Verdict
    press: ButtonPress | None = None

    @property
    def to_write(self) -> TakenCommand | None:
        """What goes into the inbox: commands, and nothing that somebody wrote without meaning one."""
        command = self.verdict.command
        return command if command is not None and command.text.startswith("/") else None


class TelegramGateway:
    """One poller, one worker per chat with something to do. `down` and `up` are the guard's, bound to `telegram`.

    `pictures` draws what follows an answer; without it no picture follows.
    """

    def __init__(
        self,
        *,
        api: ChatApi,
        door: ChatDoor,
        inbox: InboxStore,
        clock: Clock,
        health: Health,
        down: Callable[[str], None],
        up: Callable[[], None],
        pictures: Pictures | None = None,
    ) -> None:
        self._api, self._door, self._clock, self._health = api, door, clock, health
        self._down, self._up = down, up
        self._inbox = ChatInbox(inbox, clock)
        shown = None if pictures is None else ChatPictures(api, pictures)
        self._secrets = ShownSecrets(api, door, clock)
        self._doer = Doer(api, door, self._inbox.done, self._secrets.forget_soon, shown)
        self._intake = Intake()
        self._confirm: int | None = None
        self._heard_at_s = -inf
        self._catching_up = False
        self._lost = False
        self._troubles = 0
        self._queues: dict[int, deque[_Job]] = {}
        self._urgent: dict[int, deque[_Job]] = {}
        self._doing: dict[int, _Job] = {}
        self._served = trio.CapacityLimiter(MAX_CHATS)
        self._waiting = trio.CapacityLimiter(MAX_CHATS_WAITING)
        self._shredders = trio.CapacityLimiter(MAX_SECRETS)

    def __repr__(self) -> str:
        return f"<TelegramGateway chats={len(self._queues)} troubles={self._troubles}>"

    async def run(self, ctx: Context) -> None:
        """Poll until cancelled. Commands that wait outlive a crash of this actor; the one in progress does not."""
        ctx.ready()
        self._served, self._shredders = trio.CapacityLimiter(MAX_CHATS), trio.CapacityLimiter(MAX_SECRETS)
        self._waiting = trio.CapacityLimiter(MAX_CHATS_WAITING)
        async with trio.open_nursery() as workers:
            for chat_id in self._urgent:
                workers.start_soon(self._work_urgently, chat_id)
            for chat_id in self._queues:
                self._waiting.acquire_on_behalf_of_nowait(chat_id)
                workers.start_soon(self._work, chat_id)
            workers.start_soon(self._introduce)
            workers.start_soon(self._inbox.keep_marking)
            workers.start_soon(self._secrets.run)
            recalled = trio.Event()
            workers.start_soon(self._recall, workers, recalled)
            with trio.move_on_after(RECALL_S):
                await recalled.wait()
            await self._poll(workers)

    # ------------------------------------------------------------------------------------------------------- polling

    async def _introduce(self) -> None:
        """Set the command list once Telegram answers. It is a help to users, so polling does not wait for it."""
        try:
            name = await until_taken(self._api.whoami, inf)
            await until_taken(partial(self._api.set_commands, _offered()), inf)
            log.info("telegram_introduced", name=name)
        except (ChatRejected, ChatForbidden) as error:
            log.error("telegram_commands_refused", reason=str(error))

    async def _poll(self, workers: trio.Nursery) -> None:
        rest_s = REST_MIN_S
        while True:
            updates = await self._ask()
            if isinstance(updates, float):
                await trio.sleep(max(rest_s, updates))
                rest_s = min(rest_s * 2, REST_MAX_S)
                continue
            rest_s = REST_MIN_S
            await self._take(updates, workers)
            # What piled up during a silence comes in full batches.
            self._catching_up = self._catching_up and len(updates) == MAX_UPDATES
            # After an empty answer everything is confirmed. The offset must go then: after a week without updates
            # Telegram begins anew with a random id, maybe below it.
            self._confirm = max(update.update_id for update in updates) + 1 if updates else None

    async def _ask(self) -> list[ChatUpdate] | float:
        """The next updates; after trouble the seconds for which Telegram asked to be left alone, or 0."""
        # The first answer, at a start or after trouble, is not waited for: until it is there nobody knows that Telegram
        # can be reached. Another program with the same token would be hidden by that, since short polls get through.
        wait_s = POLL_S if self._heard_at_s > -inf and not self._lost else 0
        try:
            updates = await self._api.updates(self._confirm, wait_s)
        except ChatUnavailable as error:
            self._lost = not error.rival
            self._in_trouble(str(error))
            return float(error.retry_after_s or 0)
        except (ChatRejected, ChatForbidden) as error:
            self._in_trouble(str(error))
            return 0.0
        self._heard()
        return updates

    def _in_trouble(self, why: str) -> None:
        self._troubles += 1
        if self._troubles >= BAD_IN_A_ROW:
            self._health.turn(self._clock.now_ms(), why, healthy=False)
            self._down(f"users cannot be reached: {why}")

    def _heard(self) -> None:
        now_s = trio.current_time()
        self._catching_up = self._catching_up or now_s - self._heard_at_s > LATE_MS / 1000
        self._heard_at_s = now_s
        self._troubles, self._lost = 0, False
        self._health.turn(self._clock.now_ms(), "answers", healthy=True)
        self._up()

    # -------------------------------------------------------------------------------------------------------- taking

    async def _recall(self, workers: trio.Nursery, recalled: trio.Event) -> None:
        """Do what an earlier life of this process or another one took and did not do."""
        for command in await self._inbox.recall():
            verdict = self._intake.judge_command(command, self._clock.now_ms(), after_silence=True)
            if command.tries > MAX_TRIES:
                log.error("command_given_up", update=command.update_id, tries=command.tries)
                verdict = Verdict(command.telegram_id, say=FAILED)
            if verdict.command is None:
                self._inbox.done(command)
            await self._place(_Job(command.update_id, verdict), workers)
        recalled.set()

    async def _take(self, updates: list[ChatUpdate], workers: trio.Nursery) -> None:
        """Give updates their places, urgent ones first; what was taken before is not taken again."""
        jobs: list[_Job] = []
        ahead: Counter[int] = Counter()
        for update in self._fresh(updates):
            if (job := await self._judged(update, ahead, workers)) is not None:
                jobs.append(job)
                ahead[job.verdict.chat_id] += 1
        for urgent, patience_s in ((True, WRITE_URGENT_S), (False, WRITE_S)):
            group = [job for job in jobs if job.verdict.urgent == urgent]
            to_write = [command for job in group if (command := job.to_write) is not None]
            known = await self._inbox.take(to_write, workers, patience_s)
            for job in group:
                if job.update_id in known:
                    self._inbox.placed(job.update_id)
                else:
                    await self._place(job, workers)

    def _fresh(self, updates: list[ChatUpdate]) -> list[ChatUpdate]:
        """Those that this process has not seen, each once, in the order of their numbers."""
        by_number = {update.update_id: update for update in updates if update.update_id not in self._inbox.seen}
        self._intake.note_urgent(by_number.values())
        return [by_number[number] for number in sorted(by_number)]

    async def _judged(self, update: ChatUpdate, ahead: Counter[int], workers: trio.Nursery) -> _Job | None:
        """What is to be done about an update, None for nothing; `ahead` are those of its batch before it, by chat.

        One that cannot be judged is left behind: it would come again for ever, and nobody's command after it would be heard.
        """
        if isinstance(update, OtherUpdate):
            return None
        try:
            if isinstance(update, ChatText) and self._door.is_secret(update.text):
                await self._shredders.acquire_on_behalf_of(update.update_id)
                workers.start_soon(self._shred, update)
                verdict = None
            else:
                verdict = self._intake.judge(
                    update,
                    waiting=len(self._queues.get(update.chat_id, ())) + ahead[update.chat_id],
                    now_s=trio.current_time(),
                    now_ms=self._clock.now_ms(),
                    after_silence=self._catching_up,
                )
        except Exception:
            log.exception("update_dropped", update=update.update_id)
            verdict = None
        if verdict is None:
            self._inbox.placed(update.update_id)
            return None
        if verdict.command is None:
            log.warning("command_not_taken", update=update.update_id, told=verdict.say)
        return _Job(update.update_id, verdict, update if isinstance(update, ButtonPress) else None)

    async def _place(self, job: _Job, workers: trio.Nursery) -> None:
        """Put a job where it is done, waiting for a place when too many chats wait."""
        chat_id = job.verdict.chat_id
        if job.verdict.urgent:
            self._hurry(job, workers)
        else:
            if chat_id not in self._queues:
                await self._waiting.acquire_on_behalf_of(chat_id)
                self._queues[chat_id] = deque()
                workers.start_soon(self._work, chat_id)
            self._queues[chat_id] += self._once(job)
        self._inbox.placed(job.update_id)

    def _once(self, job: _Job) -> list[_Job]:
        """The job; of a press of a button whose press before is not done yet, that it was done once, told once."""
        chat_id, press, command = job.verdict.chat_id, job.press, job.verdict.command
        before = [*self._queues[chat_id], *([self._doing[chat_id]] if chat_id in self._doing else [])]
        pressed = {(one.press.message_id, one.press.data) for one in before if one.press is not None}
        if press is None or command is None or (press.message_id, press.data) not in pressed:
            return [job]
        self._inbox.done(command)
        log.info("press_doubled", update=job.update_id)
        is_told = any(one.verdict.say == PRESSED_AGAIN for one in before)
        return [] if is_told else [_Job(job.update_id, Verdict(chat_id, say=PRESSED_AGAIN))]

    def _hurry(self, job: _Job, workers: trio.Nursery) -> None:
        """Do an urgent command beside everything that waits, and take back what its user sent before and would enter.

        No flood keeps it out: of a chat's many only one is done, and one behind it.
        """
        chat_id = job.verdict.chat_id
        queue = self._queues.get(chat_id, deque())
        for place, waiting in enumerate(queue):
            if waiting.verdict.enters and waiting.verdict.command is not None:
                self._inbox.done(waiting.verdict.command)
                queue[place] = _Job(waiting.update_id, Verdict(chat_id, say=OVERTAKEN))
        self._doer.overtake(chat_id)
        lane = self._urgent.setdefault(chat_id, deque())
        if len(lane) < MAX_URGENT:
            lane.append(job)
            if len(lane) == 1:
                workers.start_soon(self._work_urgently, chat_id)
        elif job.verdict.command is not None:
            self._inbox.done(job.verdict.command)

    # -------------------------------------------------------------------------------------------------------- doing

    async def _work(self, chat_id: int) -> None:
        """Do one chat's jobs in their order, until none is left."""
        async with self._served:
            queue = self._queues[chat_id]
            while queue:
                self._doing[chat_id] = queue.popleft()
                try:
                    await self._do(self._doing[chat_id])
                finally:
                    del self._doing[chat_id]
            del self._queues[chat_id]
        self._waiting.release_on_behalf_of(chat_id)

    async def _do(self, job: _Job) -> None:
        command = job.verdict.command
        if command is None:
            await self._doer.say(job.verdict.chat_id, job.verdict.say)
        elif job.press is not None:
            await self._doer.press(job.press, command)
        else:
            await self._doer.command(command)

    async def _work_urgently(self, chat_id: int) -> None:
        """Do one chat's urgent commands, one after the other; each stays in its lane until it is done."""
        lane = self._urgent[chat_id]
        while lane:
            try:
                if (command := lane[0].verdict.command) is not None:
                    await self._doer.urgently(lane[0].press, command)
            finally:
                lane.popleft()
        del self._urgent[chat_id]

    async def _shred(self, update: ChatText) -> None:
        """Delete a message that looks like a private key, at once and beside whatever its chat is doing."""
        await self._doer.shred(update)
        self._shredders.release_on_behalf_of(update.update_id)


def _offered() -> dict[str, str]:
    """The commands that every private chat is offered, with a line each; what is for a role is in /help of those who have it."""
    return {command.name: command.brief for command in COMMANDS if not command.is_privileged}
