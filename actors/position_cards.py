"""Keeps cards of positions current: each is edited while its position changes, and a last time when that is closed.

Nothing waits for a card. One edit a chat at a time, seldom, and only where neither the chat nor the bot has anything else to
say: what there is no room for is left out, and the next look shows what is so then. A position that closed is looked at
until its card says so. Which message is whose card stands in the store, so that a restart goes on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable, Unavailable
from bot.execution.message_book import MessageBook
from bot.ports import Card, CardFace, CardView, Chain, ChatMessage, PricePoint, SpareEdits, Store, Topic, User
from bot.trading.alerting import CARDS, AlertLevel
from bot.trading.curve import Fees
from bot.trading.intent import Side
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState

log = structlog.get_logger()

ROUND_S = 1.0
EVERY_S = 5.0  # between two edits in one chat
REREAD_S = 30.0  # between two looks at whose cards there are while nobody tells of a new one
STAMP_OLD_S = 300.0  # a card that has not changed for so long says that it is still so
AT_ONCE = 8  # chats that are edited beside each other
REST_S = 30.0  # of a chat after trouble
FIRST_PRICE_S = 30.0  # after a start a price that is not there yet is waited for
ORDERS_KEPT_MS = 86_400_000


class NewestPrices(Protocol):
    def newest_of(self, mint: str) -> PricePoint | None:
        """The newest reserves known of a mint; None where none are."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a card says since when, in trio's seconds."""

    news: str
    at_s: float


@dataclass(slots=True)
class PositionCards:
    """`is_selling` says of a position whether a sale of it is on its way.

    `_shown` is what each card says as far as this life knows, `_next_at_s` when each user's chat may be edited again,
    `_points` the last reserves that anybody saw of each position's token, by the position.
    """

    store: Store
    chain: Chain
    prices: NewestPrices
    clock: Clock
    api: SpareEdits
    face: CardFace
    book: MessageBook
    is_selling: Callable[[str], bool]
    _cards: dict[str, list[ChatMessage]] = field(default_factory=dict)
    _users: dict[str, User] = field(default_factory=dict)
    _settings: Mapping[str, UserSettings] = field(default_factory=dict)
    _shown: dict[ChatMessage, _Shown] = field(default_factory=dict)
    _next_at_s: dict[str, float] = field(default_factory=dict)
    _points: dict[str, PricePoint] = field(default_factory=dict)
    _fees: Fees | None = None
    _began_at_s: float = 0.0
    _read_at_s: float | None = None
    _read_version: int = -1

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        self._began_at_s, self._read_at_s = trio.current_time(), None
        while True:
            try:
                await self._round()
            except Unavailable as error:
                log.info("cards_wait", reason=str(error))
            await trio.sleep(ROUND_S)

    async def _round(self) -> None:
        """Edit at most one card of each chat."""
        await self._reread()
        await self._end_moved()
        now_s = trio.current_time()
        due = [user_id for user_id in self._cards if self._next_at_s.get(user_id, 0.0) <= now_s]
        if not due:
            return
        await self._read_fees()
        limiter = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for user_id in due:
                nursery.start_soon(self._look_at, user_id, limiter)

    async def _reread(self) -> None:
        """Learn whose cards there are, when somebody has a new one and every now and then."""
        now_s = trio.current_time()
        is_fresh = self._read_at_s is not None and now_s - self._read_at_s < REREAD_S
        version = self.book.version
        if is_fresh and version == self._read_version:
            return
        await self.store.forget_chat_messages(Topic.ORDER, self.clock.now_ms() - ORDERS_KEPT_MS)
        cards = await self.store.chat_messages(Topic.POSITION)
        self._users = {user.id: user for user in await self.store.users() if user.telegram_id is not None}
        holders = list({card.user_id for card in cards} & self._users.keys())
        levels = await self.store.alert_levels(holders)
        wanted = {user_id for user_id in holders if levels.get(user_id, {}).get(CARDS) is not AlertLevel.OFF}
        self._settings = await self.store.many_settings(list(wanted))
        self._cards = {}
        for card in cards:
            if card.user_id in self._settings:
                self._cards.setdefault(card.user_id, []).append(card)
        self._shown = {card: self._shown[card] for card in cards if card in self._shown}
        ids = {card.subject.id for card in cards}
        self._points = {position_id: point for position_id, point in self._points.items() if position_id in ids}
        self._next_at_s = {user_id: at_s for user_id, at_s in self._next_at_s.items() if at_s > now_s}
        self._read_at_s, self._read_version = now_s, version

    async def _end_moved(self) -> None:
        """Say on a card that there is a later one of the same position, where there is room for that."""
        while self.book.moved:
            card = self.book.moved[0]
            user = self._users.get(card.user_id)
            if user is not None and user.telegram_id is not None:
                try:
                    if not await self.api.edit_if_idle(user.telegram_id, card.message_id, self.face.moved(card.lead)):
                        return
                except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
                    log.info("old_card_not_ended", user=user.id, reason=str(error))
            self.book.moved.popleft()

    async def _look_at(self, user_id: str, limiter: trio.CapacityLimiter) -> None:
        """Edit the first card of one user that says something else than what is so: closed ones, then the oldest."""
        async with limiter:
            try:
                held = {row.id: row for row in await self.store.remembered_positions(user_id)}
                for card in sorted(self._cards[user_id], key=lambda one: self._turn(one, held)):
                    position = held.get(card.subject.id) or await self.store.position(card.subject.id)
                    if position is None:
                        await self._forget(card)
                    elif await self._update(card, position):
                        return
            except Unavailable as error:
                log.info("card_waits", user=user_id, reason=str(error))
                self._next_at_s[user_id] = trio.current_time() + REST_S

    def _turn(self, card: ChatMessage, held: Mapping[str, Position]) -> tuple[bool, float]:
        shown = self._shown.get(card)
        return card.subject.id in held, shown.at_s if shown is not None else 0.0

    async def _update(self, card: ChatMessage, position: Position) -> bool:
        """Whether this card has taken its chat's turn, or there is no room for one."""
        point = self.prices.newest_of(position.mint) or self._points.get(position.id)
        is_closed = position.state is PositionState.CLOSED
        now_s = trio.current_time()
        if point is None and not is_closed and now_s - self._began_at_s < FIRST_PRICE_S:
            return False
        if point is not None:
            self._points[position.id] = point
        view = CardView(
            position,
            self._settings[card.user_id],
            self.clock.now_ms(),
            point,
            self._fees,
            self.is_selling(position.id),
            await self._ended_by(position) if is_closed else "",
        )
        face = self.face.show(view)
        shown = self._shown.get(card)
        if shown is not None and shown.news == face.news and now_s - shown.at_s < STAMP_OLD_S:
            return False
        if await self._edit(card, face):
            self._shown[card] = _Shown(face.news, now_s)
            self._next_at_s[card.user_id] = now_s + EVERY_S
            if is_closed:
                await self._forget(card)
        return True

    async def _edit(self, card: ChatMessage, face: Card) -> bool:
        """Whether the card reads so now. One that can never be edited again is let go."""
        chat_id = self._users[card.user_id].telegram_id
        try:
            assert chat_id is not None, "only users with a chat have cards here"
            return await self.api.edit_if_idle(chat_id, card.message_id, face.below(card.lead), face.buttons)
        except (ChatRejected, ChatForbidden) as error:
            log.info("card_let_go", user=card.user_id, position=card.subject.id, reason=str(error))
            await self._forget(card)
            return False

    async def _forget(self, card: ChatMessage) -> None:
        await self.store.forget_chat_message(card)
        self._shown.pop(card, None)
        self._cards[card.user_id] = [one for one in self._cards[card.user_id] if one != card]
        if not self._cards[card.user_id]:
            del self._cards[card.user_id]

    async def _ended_by(self, position: Position) -> str:
        """The reason of the latest sale of a position; empty where none has landed."""
        for intent_id in reversed(await self.store.orders_of(position.id)):
            story = await self.store.order_story(intent_id)
            if story is None or story.landed is None or story.landed.position_id != position.id:
                continue
            if story.intent.request.side is Side.SELL:
                return story.intent.request.reason
        return ""

    async def _read_fees(self) -> None:
        """The fees of now, or those that were last read."""
        try:
            self._fees = await self.chain.fees()
        except Unavailable as error:
            log.info("fees_of_cards_not_read", reason=str(error))
