"""The gateway to Telegram: it polls for updates and lets each chat's commands run in their order, chats beside each other.

An update is confirmed by the poll after the one that brought it, once it stands in its chat's queue. A crash in between
brings it again: what it traded is absorbed by the intent's key, `tg:<update id>`. Trouble with Telegram is no crash.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TypeVar

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.commands import BY_NAME, COMMANDS
from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.health import Health
from bot.ports import MAX_UPDATES, Button, ButtonPress, ChatApi, ChatDoor, ChatReply, ChatText, ChatUpdate, OtherUpdate

log = structlog.get_logger()

POLL_S = 20
REST_MIN_S = 0.5
REST_MAX_S = 30.0
BAD_IN_A_ROW = 2  # one lost poll is no outage

COMMAND_S = 60.0  # a command that hangs must not keep the same user from selling for ever
SLOW_S = 2.0  # after that long somebody who waits is told that it is being done
REPLY_S = 120.0  # how long a reply is tried
LATE_MS = 120_000  # what was sent longer ago while nobody listened is not done unasked
LATE_ENTRY_MS = 60_000  # what would buy, or let something buy, is not done later than this even if somebody listened

MAX_CHATS = 1_000  # chats served at once; more wait with Telegram
MAX_WAITING = 10  # commands of one chat
BURST = 20  # messages of one chat at once, and one more each second
MAX_SECRETS = 100  # messages that are being deleted at once
REMEMBERED = 10_000  # updates, groups and floods

WORKING = "Working on it…"
LATE = (
    "I was away when you sent this, and it came too late to be done unasked. See /positions, and send it again if you"
    " still want it."
)
LATE_ENTRY = (
    "You sent this {seconds} s ago, and Telegram brought it only now. It would buy or let something buy, so it was not done;"
    " send it again if you still want it."
)
LATE_PRESS = (
    "That press is too old, or was taken already. See /positions, and press the button again if you still want it."
)
TOO_SLOW = "This takes longer than it should; what was sent goes on by itself. See /positions before you repeat it."
FAILED = "That went wrong inside the bot and is in its log; see /positions before you repeat it."
FLOOD = "Too many messages at once. What I did not answer was not read; wait a few seconds and send it again."
GROUP = "I do not trade in groups, because everybody could read along. Write to me in a private chat."
KEY_DELETED = (
    "That looked like a private key or a recovery phrase. I deleted it from this chat and did not keep it, but whoever"
    " has seen it can take the money: move the funds to a new wallet now. I never need a key from you."
)
KEY_STAYS = (
    "That looked like a private key or a recovery phrase, and I am not allowed to delete it: delete it yourself. Whoever"
    " has seen it can take the money: move the funds to a new wallet now. I never need a key from you."
)

Job = Callable[[], Awaitable[None]]
Result = TypeVar("Result")


@dataclass(slots=True)
class _Recent:
    """The latest keys, up to a limit."""

    limit: int = REMEMBERED
    _keys: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def __contains__(self, key: int) -> bool:
        return key in self._keys

    def add(self, key: int) -> None:
        """Remember a key, and forget the oldest above the limit."""
        self._keys[key] = None
        if len(self._keys) > self.limit:
            self._keys.popitem(last=False)


@dataclass(slots=True)
class _Flood:
    """What one chat may still send; `told` while a flood lasts that its sender knows of."""

    left: float = BURST
    at_s: float = 0.0
    told: bool = False

    def admits(self, now_s: float, *, crowded: bool) -> bool:
        """Judge one message at this second of trio's clock; `crowded` says that too many of its chat wait already."""
        self.left = min(self.left + now_s - self.at_s, BURST)
        self.at_s = now_s
        if crowded or self.left < 1:
            return False
        self.left -= 1
        if self.left > BURST // 2:
            self.told = False
        return True


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
        self._down, self._up = down, up
        self._confirm: int | None = None
        self._heard_at_s = -inf
        self._catching_up = False
        self._lost = False
        self._troubles = 0
        self._seen = _Recent()
        self._groups = _Recent()
        self._floods: OrderedDict[int, _Flood] = OrderedDict()
        self._queues: dict[int, deque[Job]] = {}
        self._places = trio.CapacityLimiter(MAX_CHATS)
        self._shredders = trio.CapacityLimiter(MAX_SECRETS)

    def __repr__(self) -> str:
        return f"<TelegramGateway chats={len(self._queues)} troubles={self._troubles}>"

    async def run(self, ctx: Context) -> None:
        """Poll until cancelled. Commands that wait outlive a crash of this actor; the one in progress does not."""
        ctx.ready()
        self._places, self._shredders = trio.CapacityLimiter(MAX_CHATS), trio.CapacityLimiter(MAX_SECRETS)
        async with trio.open_nursery() as workers:
            for chat_id in self._queues:
                self._places.acquire_on_behalf_of_nowait(chat_id)
                workers.start_soon(self._work, chat_id)
            workers.start_soon(self._introduce)
            await self._poll(workers)

    # ------------------------------------------------------------------------------------------------------- polling

    async def _introduce(self) -> None:
        """Set the command list once Telegram answers. It is a help to users, so polling does not wait for it."""
        try:
            name = await _until_taken(self._api.whoami, inf)
            await _until_taken(partial(self._api.set_commands, {one.name: one.help for one in COMMANDS}), inf)
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
            for update in updates:
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
        """Give an update its place, waiting for one when too many chats are served; twice the same one is taken once."""
        if update.update_id in self._seen:
            return
        if isinstance(update, ChatText) and self._door.is_secret(update.text):
            await self._shredders.acquire_on_behalf_of(update.update_id)
            workers.start_soon(self._shred, update)
        elif not isinstance(update, OtherUpdate) and (job := self._job(update)) is not None:
            if update.chat_id not in self._queues:
                await self._places.acquire_on_behalf_of(update.chat_id)
                self._queues[update.chat_id] = deque()
                workers.start_soon(self._work, update.chat_id)
            self._queues[update.chat_id].append(job)
        self._seen.add(update.update_id)

    def _job(self, update: ChatText | ButtonPress) -> Job | None:
        """What is to be done about an update, None for nothing. Floods end here, before anybody reads their text."""
        chat_id = update.chat_id
        if update.chat_type != "private":
            if chat_id in self._groups:
                return None
            self._groups.add(chat_id)
            return partial(self._say, chat_id, ChatReply((GROUP,)))
        flood = self._floods.setdefault(chat_id, _Flood())
        if len(self._floods) > REMEMBERED:
            self._floods.popitem(last=False)
        crowded = len(self._queues.get(chat_id, ())) >= MAX_WAITING
        if not flood.admits(trio.current_time(), crowded=crowded):
            if flood.told:
                return None
            flood.told = True
            log.warning("chat_flood", update=update.update_id)
            return partial(self._say, chat_id, ChatReply((FLOOD,)))
        if isinstance(update, ButtonPress):
            return partial(self._press, update)
        late_ms = self._clock.now_ms() - update.sent_at_ms
        if self._catching_up and late_ms > LATE_MS:
            return partial(self._say, chat_id, ChatReply((LATE,)))
        if late_ms > LATE_ENTRY_MS and _enters(update.text):
            log.warning("command_too_late", update=update.update_id, late_s=late_ms // 1000)
            return partial(self._say, chat_id, ChatReply((LATE_ENTRY.format(seconds=late_ms // 1000),)))
        return partial(self._command, update, update.text)

    async def _work(self, chat_id: int) -> None:
        """Do one chat's jobs in their order, until none is left."""
        queue = self._queues[chat_id]
        while queue:
            await queue.popleft()()
        del self._queues[chat_id]
        self._places.release_on_behalf_of(chat_id)

    # -------------------------------------------------------------------------------------------------------- doing

    async def _press(self, press: ButtonPress) -> None:
        """A button's data is a command. A press that cannot be answered any more is old, and not done unasked."""
        late = False
        try:
            await self._api.answer_press(press.query_id)
        except ChatUnavailable as error:
            log.info("press_not_answered", update=press.update_id, reason=str(error))
        except (ChatRejected, ChatForbidden) as error:
            late = True
            log.info("press_too_late", update=press.update_id, reason=str(error))
        if late:
            await self._say(press.chat_id, ChatReply((LATE_PRESS,)))
        else:
            await self._command(press, press.data)

    async def _command(self, update: ChatText | ButtonPress, text: str) -> None:
        """Run a command and reply. What takes long is announced; the reply then takes the announcement's place."""
        announced: list[int] = []
        waiting = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce, update.chat_id, waiting, announced)
            reply = await self._answer(update.user_id, text, f"tg:{update.update_id}")
            waiting.cancel()
        await self._say(update.chat_id, reply, *announced)

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
            await _until_taken(partial(self._api.delete, update.chat_id, update.message_id), inf)
            log.warning("secret_deleted", update=update.update_id)
        except (ChatRejected, ChatForbidden) as error:
            told = KEY_STAYS
            log.error("secret_not_deleted", update=update.update_id, reason=str(error))
        await self._say(update.chat_id, ChatReply((told,)))
        self._shredders.release_on_behalf_of(update.update_id)

    # -------------------------------------------------------------------------------------------------------- saying

    async def _say(self, chat_id: int, reply: ChatReply, announced: int | None = None) -> None:
        """Send a reply, its first part in the place of an announcement. What is lost here a user can ask for again."""
        last = len(reply.parts) - 1
        try:
            for number, part in enumerate(reply.parts):
                buttons = reply.buttons if number == last else ()
                await self._say_part(chat_id, part, buttons, announced if number == 0 else None)
            if reply.document is not None:
                await _until_taken(partial(self._api.send_document, chat_id, reply.document), REPLY_S)
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.warning("reply_lost", reason=str(error))

    async def _say_part(self, chat_id: int, text: str, buttons: Sequence[Button], announced: int | None) -> None:
        if announced is not None:
            try:
                await _until_taken(partial(self._api.edit, chat_id, announced, text, buttons), REPLY_S)
                return
            except ChatRejected as error:
                log.info("announcement_gone", reason=str(error))
        await _until_taken(partial(self._api.send, chat_id, text, buttons), REPLY_S)


def _enters(text: str) -> bool:
    """Whether a text is a command that buys or lets something buy. What sells, pauses or only asks is done however late."""
    name, *arguments = text.split() or [""]
    command = BY_NAME.get(name.removeprefix("/").partition("@")[0].lower())
    return command is not None and command.enters_with is not None and len(arguments) >= command.enters_with


async def _until_taken(call: Callable[[], Awaitable[Result]], patience_s: float) -> Result:
    """Await a call again and again while Telegram is away or asks to wait; raises its last error when that takes too long.

    A message whose answer was lost is sent twice by this: better told twice than not at all.
    """
    give_up_at_s = trio.current_time() + patience_s
    rest_s = REST_MIN_S
    while True:
        try:
            return await call()
        except ChatUnavailable as error:
            wait_s = max(rest_s, error.retry_after_s or 0)
            if trio.current_time() + wait_s > give_up_at_s:
                raise
        await trio.sleep(wait_s)
        rest_s = min(rest_s * 2, REST_MAX_S)
