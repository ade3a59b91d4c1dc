"""The gateway to Telegram: it polls for updates and lets each chat's commands run in their order, chats beside each other.

An update is confirmed by the poll after the one that brought it, once it stands in its chat's queue. A crash in between
brings it again: what it traded is absorbed by the intent's key, `tg:<update id>`. Trouble with Telegram is no crash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from math import inf

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.commands import COMMANDS
from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.chat_intake import Floods, Recent, enters, is_urgent
from bot.execution.chat_saying import REST_MAX_S, REST_MIN_S, Speaker, until_taken
from bot.execution.chat_words import (
    FAILED,
    FLOOD,
    GROUP,
    KEY_DELETED,
    KEY_STAYS,
    LATE,
    LATE_ENTRY,
    LATE_PRESS,
    OVERTAKEN,
    TOO_SLOW,
    WORKING,
)
from bot.execution.health import Health
from bot.ports import MAX_UPDATES, ButtonPress, ChatApi, ChatDoor, ChatReply, ChatText, ChatUpdate, OtherUpdate

log = structlog.get_logger()

POLL_S = 20
BAD_IN_A_ROW = 2  # one lost poll is no outage

COMMAND_S = 60.0  # a command that hangs must not keep the same user from selling for ever
SLOW_S = 2.0  # after that long somebody who waits is told that it is being done
LATE_MS = 120_000  # what was sent longer ago while nobody listened is not done unasked
LATE_ENTRY_MS = 60_000  # what would buy, or let something buy, is not done later than this even if somebody listened

MAX_CHATS = 1_000  # chats served at once
MAX_CHATS_WAITING = 10_000  # chats with something to do; more wait with Telegram
MAX_WAITING = 10  # commands of one chat
MAX_URGENT = 2  # of one chat: the one that is being done, and one behind it, which does for all that come meanwhile
MAX_SECRETS = 100  # messages that are being deleted at once


@dataclass(slots=True)
class _Job:
    """Something to be done for a chat. `enters` says that it would buy or let something buy."""

    chat_id: int
    do: Callable[[], Awaitable[None]]
    enters: bool = False


class TelegramGateway:
    """One poller, one worker per chat with something to do. `down` and `up` are the guard's, bound to `telegram`."""

    def __init__(
        self,
        *,
        api: ChatApi,
        door: ChatDoor,
        clock: Clock,
        health: Health,
        down: Callable[[str], None],
        up: Callable[[], None],
    ) -> None:
        self._api, self._door, self._clock, self._health = api, door, clock, health
        self._speaker = Speaker(api)
        self._down, self._up = down, up
        self._confirm: int | None = None
        self._heard_at_s = -inf
        self._catching_up = False
        self._lost = False
        self._troubles = 0
        self._seen, self._groups = Recent(), Recent()
        self._floods = Floods()
        self._queues: dict[int, deque[_Job]] = {}
        self._urgent: dict[int, deque[_Job]] = {}
        self._entering: dict[int, trio.CancelScope] = {}
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
        self._entering.clear()
        async with trio.open_nursery() as workers:
            for chat_id in self._urgent:
                workers.start_soon(self._work_urgently, chat_id)
            for chat_id in self._queues:
                self._waiting.acquire_on_behalf_of_nowait(chat_id)
                workers.start_soon(self._work, chat_id)
            workers.start_soon(self._introduce)
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
            for update in sorted(updates, key=_place_in_batch):
                try:
                    await self._take(update, workers)
                except Exception:
                    # It would come again for ever, and nobody's command after it would be heard.
                    log.exception("update_dropped", update=update.update_id)
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

    async def _take(self, update: ChatUpdate, workers: trio.Nursery) -> None:
        """Give an update its place, waiting for one when too many chats wait; twice the same one is taken once."""
        if update.update_id in self._seen:
            return
        if isinstance(update, ChatText) and self._door.is_secret(update.text):
            await self._shredders.acquire_on_behalf_of(update.update_id)
            workers.start_soon(self._shred, update)
        elif not isinstance(update, OtherUpdate):
            if update.chat_type == "private" and is_urgent(_text_of(update)):
                self._hurry(update, workers)
            elif (job := self._job(update)) is not None:
                await self._queue(job, workers)
        self._seen.add(update.update_id)

    async def _queue(self, job: _Job, workers: trio.Nursery) -> None:
        if job.chat_id not in self._queues:
            await self._waiting.acquire_on_behalf_of(job.chat_id)
            self._queues[job.chat_id] = deque()
            workers.start_soon(self._work, job.chat_id)
        self._queues[job.chat_id].append(job)

    def _hurry(self, update: ChatText | ButtonPress, workers: trio.Nursery) -> None:
        """Do an urgent command beside everything that waits, and take back what its user sent before and would enter.

        No flood keeps it out: of a chat's many only one is done, and one behind it.
        """
        chat_id = update.chat_id
        queue = self._queues.get(chat_id, deque())
        for place, job in enumerate(queue):
            if job.enters:
                queue[place] = _Job(chat_id, partial(self._speaker.say, chat_id, ChatReply((OVERTAKEN,))))
        if (entering := self._entering.get(chat_id)) is not None:
            entering.cancel()
        lane = self._urgent.setdefault(chat_id, deque())
        if len(lane) == MAX_URGENT:
            return
        late = isinstance(update, ChatText) and self._is_late(update)
        lane.append(
            _Job(
                chat_id,
                partial(self._speaker.say, chat_id, ChatReply((LATE,)), urgent=True)
                if late
                else partial(self._do_urgently, update),
            )
        )
        if len(lane) == 1:
            workers.start_soon(self._work_urgently, chat_id)

    def _job(self, update: ChatText | ButtonPress) -> _Job | None:
        """What is to be done about an update, None for nothing. Floods end here, before anybody reads their text."""
        chat_id = update.chat_id
        if update.chat_type != "private":
            if chat_id in self._groups:
                return None
            self._groups.add(chat_id)
            return self._answer_with(chat_id, GROUP)
        flood = self._floods.of(chat_id)
        crowded = len(self._queues.get(chat_id, ())) >= MAX_WAITING
        if not flood.admits(trio.current_time(), crowded=crowded):
            if flood.told:
                return None
            flood.told = True
            log.warning("chat_flood", update=update.update_id)
            return self._answer_with(chat_id, FLOOD)
        if isinstance(update, ButtonPress):
            return _Job(chat_id, partial(self._press, update), enters(update.data))
        if self._is_late(update):
            return self._answer_with(chat_id, LATE)
        late_ms = self._clock.now_ms() - update.sent_at_ms
        if late_ms > LATE_ENTRY_MS and enters(update.text):
            log.warning("command_too_late", update=update.update_id, late_s=late_ms // 1000)
            return self._answer_with(chat_id, LATE_ENTRY.format(seconds=late_ms // 1000))
        return _Job(chat_id, partial(self._command, update, update.text), enters(update.text))

    def _is_late(self, update: ChatText) -> bool:
        """Whether a text was sent so long ago, while nobody listened, that it is not done unasked."""
        return self._catching_up and self._clock.now_ms() - update.sent_at_ms > LATE_MS

    def _answer_with(self, chat_id: int, text: str) -> _Job:
        return _Job(chat_id, partial(self._speaker.say, chat_id, ChatReply((text,))))

    async def _work(self, chat_id: int) -> None:
        """Do one chat's jobs in their order, until none is left."""
        async with self._served:
            queue = self._queues[chat_id]
            while queue:
                await queue.popleft().do()
            del self._queues[chat_id]
        self._waiting.release_on_behalf_of(chat_id)

    async def _work_urgently(self, chat_id: int) -> None:
        """Do one chat's urgent commands, one after the other; each stays in its lane until it is done."""
        lane = self._urgent[chat_id]
        while lane:
            try:
                await lane[0].do()
            finally:
                lane.popleft()
        del self._urgent[chat_id]

    # -------------------------------------------------------------------------------------------------------- doing

    async def _press(self, press: ButtonPress) -> None:
        """A button's data is a command. A press that cannot be answered any more is old, and not done unasked."""
        if await self._is_answered(press):
            await self._command(press, press.data)
        else:
            await self._speaker.say(press.chat_id, ChatReply((LATE_PRESS,)))

    async def _do_urgently(self, update: ChatText | ButtonPress) -> None:
        """What is urgent waits for no answer to its button."""
        async with trio.open_nursery() as nursery:
            if isinstance(update, ButtonPress):
                nursery.start_soon(self._is_answered, update)
            await self._command(update, _text_of(update), urgent=True)

    async def _is_answered(self, press: ButtonPress) -> bool:
        """Tell the presser that his press has come; False for one that is too old for that, or was taken already."""
        try:
            await self._api.answer_press(press.query_id)
        except ChatUnavailable as error:
            log.info("press_not_answered", update=press.update_id, reason=str(error))
        except (ChatRejected, ChatForbidden) as error:
            log.info("press_too_late", update=press.update_id, reason=str(error))
            return False
        return True

    async def _command(self, update: ChatText | ButtonPress, text: str, *, urgent: bool = False) -> None:
        """Run a command and reply. What takes long is announced; the reply then takes the announcement's place."""
        announced: list[int] = []
        waiting = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce, update.chat_id, waiting, announced)
            with trio.CancelScope() as overtaken:
                if enters(text):
                    self._entering[update.chat_id] = overtaken
                try:
                    reply = await self._answer(update.user_id, text, f"tg:{update.update_id}")
                finally:
                    if enters(text):
                        del self._entering[update.chat_id]
            if overtaken.cancelled_caught:
                reply = ChatReply((OVERTAKEN,))
            waiting.cancel()
        await self._speaker.say(update.chat_id, reply, *announced, urgent=urgent)

    async def _announce(self, chat_id: int, waiting: trio.CancelScope, announced: list[int]) -> None:
        with waiting:
            await trio.sleep(SLOW_S)
        if waiting.cancelled_caught:
            return
        try:
            announced.append(await self._api.send(chat_id, WORKING))
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.info("work_not_announced", reason=str(error))

    async def _answer(self, user_id: int, text: str, key: str) -> ChatReply:
        """One user's bug must not end the gateway of all: it is logged with its traceback, and the user is told."""
        try:
            with trio.fail_after(COMMAND_S):
                return await self._door.answer(user_id, text, key)
        except trio.TooSlowError:
            log.error("command_too_slow", key=key)
            return ChatReply((TOO_SLOW,))
        except Exception:
            log.exception("command_failed", key=key)
            return ChatReply((FAILED,))

    async def _shred(self, update: ChatText) -> None:
        """Delete a message that looks like a private key, at once and beside whatever its chat is doing."""
        told = KEY_DELETED
        try:
            await until_taken(partial(self._api.delete, update.chat_id, update.message_id), inf)
            log.warning("secret_deleted", update=update.update_id)
        except (ChatRejected, ChatForbidden) as error:
            told = KEY_STAYS
            log.error("secret_not_deleted", update=update.update_id, reason=str(error))
        await self._speaker.say(update.chat_id, ChatReply((told,)))
        self._shredders.release_on_behalf_of(update.update_id)


def _text_of(update: ChatText | ButtonPress) -> str:
    """The command in an update: a button's data is one."""
    return update.text if isinstance(update, ChatText) else update.data


def _place_in_batch(update: ChatUpdate) -> tuple[bool, int]:
    """Urgent commands first, because a place for something else may have to be waited for; then in the order of sending."""
    waits = isinstance(update, OtherUpdate) or not is_urgent(_text_of(update))
    return waits, update.update_id


def _offered() -> dict[str, str]:
    """The commands that every private chat is offered, with their help; what is for a role is in /help of those who have it."""
    return {command.name: command.help for command in COMMANDS if not command.is_privileged}
