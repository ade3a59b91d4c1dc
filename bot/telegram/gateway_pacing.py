"""Telegram's limits kept on our side: about one message a second into a chat, thirty a second in all.

Figures: https://core.telegram.org/bots/faq, "My bot is hitting limits". Whoever sends goes through here, replies and
messages alike, because the limits are the bot's and not the sender's. What is urgent, an alert or the answer to a /panic,
goes before everything else that waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import TypeVar

import trio

from bot.errors import ChatUnavailable
from bot.ports import Button, ChatApi, ChatUpdate, Document, Photo

PATIENCE_S = 3.0  # a chat that asked for a longer rest is not waited for; the sender hears when to come again
ROUNDING = 1e-3  # of a turn, which seconds in floats may be off
FORGET_ABOVE = 1_000  # chats in the books before those at rest are forgotten

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Pace:
    """`per_s` messages a second; `burst` of them may come at once after a rest."""

    per_s: float
    burst: int

    def book(self, booked_until_s: float, now_s: float) -> tuple[float, float]:
        """When the next message may go, and until when the books are full with it; seconds of one clock."""
        busy_until_s = max(booked_until_s, now_s)
        return max(now_s, busy_until_s - (self.burst - 1) / self.per_s), busy_until_s + 1 / self.per_s


@dataclass(order=True, slots=True)
class _Turn:
    """One who waits. Turns sort by who goes first: the urgent ones, then whoever came first."""

    late: bool
    number: int
    is_first: trio.Event = field(default_factory=trio.Event, compare=False)


@dataclass(slots=True)
class Turns:
    """Lets callers through at a pace, the urgent ones first and otherwise in the order in which they came."""

    pace: Pace
    busy_until_s: float = 0.0
    _waiting: list[_Turn] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def __len__(self) -> int:
        return len(self._waiting)

    async def take(self, *, urgent: bool = False) -> None:
        """Wait for a turn."""
        turn = _Turn(not urgent, next(self._numbers))
        heappush(self._waiting, turn)
        try:
            await trio.lowlevel.checkpoint()
            while True:
                now_s = trio.current_time()
                at_s, busy_until_s = self.pace.book(self.busy_until_s, now_s)
                is_first = self._waiting[0] is turn
                if is_first and at_s <= now_s:
                    self.busy_until_s = busy_until_s
                    return
                turn.is_first = trio.Event()
                with trio.move_on_at(at_s if is_first else inf):
                    await turn.is_first.wait()
        finally:
            self._leave(turn)

    def has_room(self, spare: int) -> bool:
        """Whether nobody waits and, after a turn that is taken now, `spare` more may go at once."""
        now_s = trio.current_time()
        _, busy_until_s = self.pace.book(self.busy_until_s, now_s)
        booked = (busy_until_s - now_s) * self.pace.per_s - ROUNDING
        return not self._waiting and booked <= self.pace.burst - spare

    def take_now(self) -> None:
        """Take a turn for which there is room."""
        _, self.busy_until_s = self.pace.book(self.busy_until_s, trio.current_time())

    def _leave(self, turn: _Turn) -> None:
        if self._waiting[0] is turn:
            heappop(self._waiting)
        else:
            self._waiting.remove(turn)
            heapify(self._waiting)
        if self._waiting:
            self._waiting[0].is_first.set()


CHAT_PACE = Pace(per_s=1, burst=3)
BOT_PACE = Pace(per_s=30, burst=5)
SPARE_PACE = Pace(per_s=10, burst=3)  # of all edits that nobody waits for


class PacedChat:
    """Implements `bot.ports.ChatApi` by another one. A 429 holds its chat for as long as Telegram asks.

    A second chat that is told to wait while the first still rests means the bot as a whole: then everything waits. Nothing
    is sent again here; who sends knows best whether it is still worth telling.
    """

    def __init__(self, api: ChatApi, *, chat: Pace = CHAT_PACE, bot: Pace = BOT_PACE) -> None:
        self._api, self._chat_pace = api, chat
        self._chats: dict[int, Turns] = {}
        self._bot = Turns(bot)
        self._spare = Turns(SPARE_PACE)
        self._held: dict[int, float] = {}
        self._all_held = 0.0

    def __repr__(self) -> str:
        return f"<PacedChat chats={len(self._chats)} held={len(self._held)}>"

    async def whoami(self) -> str:
        return await self._api.whoami()

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        return await self._api.updates(offset, wait_s)

    async def send(
        self,
        chat_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        silent: bool = False,
        urgent: bool = False,
    ) -> int:
        call = partial(self._api.send, chat_id, text, buttons, silent=silent, urgent=urgent)
        return await self._in_turn(chat_id, call, urgent=urgent)

    async def send_document(self, chat_id: int, document: Document) -> int:
        return await self._in_turn(chat_id, partial(self._api.send_document, chat_id, document))

    async def send_photo(self, chat_id: int, photo: Photo, *, silent: bool = False) -> int:
        return await self._in_turn(chat_id, partial(self._api.send_photo, chat_id, photo, silent=silent))

    async def edit(
        self, chat_id: int, message_id: int, text: str, buttons: Sequence[Button] = (), *, urgent: bool = False
    ) -> None:
        call = partial(self._api.edit, chat_id, message_id, text, buttons, urgent=urgent)
        await self._in_turn(chat_id, call, urgent=urgent)

    async def edit_if_idle(self, chat_id: int, message_id: int, text: str, buttons: Sequence[Button] = ()) -> bool:
        """See `bot.ports.SpareEdits`: what others send next goes at once all the same."""
        self._forget()
        now_s = trio.current_time()
        chat = self._chats.setdefault(chat_id, Turns(self._chat_pace))
        rests = max(self._held.get(chat_id, 0), self._all_held) > now_s
        rooms = (chat, self._bot, self._spare)
        if rests or not (
            all(one.has_room(one.pace.burst - 1) for one in (chat, self._bot)) and self._spare.has_room(0)
        ):
            return False
        for one in rooms:
            one.take_now()
        await self._called(chat_id, partial(self._api.edit, chat_id, message_id, text, buttons))
        return True

    async def delete(self, chat_id: int, message_id: int) -> None:
        await self._api.delete(chat_id, message_id)

    async def answer_press(self, query_id: str) -> None:
        await self._api.answer_press(query_id)

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        await self._api.set_commands(commands)

    async def _in_turn(self, chat_id: int, call: Callable[[], Awaitable[Result]], *, urgent: bool = False) -> Result:
        self._forget()
        self._refuse_long_rest(chat_id)
        await self._chats.setdefault(chat_id, Turns(self._chat_pace)).take(urgent=urgent)
        await trio.sleep_until(max(self._held.get(chat_id, 0), self._all_held))
        await self._bot.take(urgent=urgent)
        self._refuse_long_rest(chat_id)
        return await self._called(chat_id, call)

    async def _called(self, chat_id: int, call: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await call()
        except ChatUnavailable as error:
            if error.retry_after_s is not None:
                self._hold(chat_id, trio.current_time() + error.retry_after_s)
            raise

    def _refuse_long_rest(self, chat_id: int) -> None:
        wait_s = max(self._held.get(chat_id, 0), self._all_held) - trio.current_time()
        if wait_s > PATIENCE_S:
            raise ChatUnavailable(f"Telegram asked to wait {wait_s:.0f} s more", retry_after_s=wait_s)

    def _hold(self, chat_id: int, until_s: float) -> None:
        now_s = trio.current_time()
        self._held = {chat: held_s for chat, held_s in self._held.items() if held_s > now_s}
        if self._held.keys() - {chat_id}:
            self._all_held = max(self._all_held, until_s)
        self._held[chat_id] = until_s

    def _forget(self) -> None:
        if len(self._chats) > FORGET_ABOVE:
            now_s = trio.current_time()
            self._chats = {
                chat: turns for chat, turns in self._chats.items() if len(turns) or turns.busy_until_s > now_s
            }
