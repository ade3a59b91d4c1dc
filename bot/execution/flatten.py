"""The plan of a flatten while it is carried out: rows in memory, written in batches, that a restart takes up again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from bot.ports import Desk, Preview, Submitted
from bot.trading.flatten import FlattenOrder, FlattenRow, FlattenState, FlattenSums, sums_of
from bot.trading.intent import Intent, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.position import Position
from bot.trading.risk_gate import FROZEN, Refused
from bot.trading.trading_state import GLOBAL

# Refusals that say nothing of the token: the chain, the database or the wallet's turn is what the order waits for.
NOT_ABOUT_TOKEN = frozenset(
    {"unavailable", "no_route", "busy", "unknown", "in_flight", "no_engine", "no_router", "untrusted"}
)


@dataclass(slots=True)
class FlattenBook:
    """The rows of every flatten that is ordered now, by position. `now_ms` is milliseconds since 1970."""

    now_ms: Callable[[], int]
    _orders: dict[str, FlattenOrder] = field(default_factory=dict)
    _rows: dict[str, dict[str, FlattenRow]] = field(default_factory=dict)
    _unsaved: dict[tuple[str, str], FlattenRow] = field(default_factory=dict)
    _unseen: set[str] = field(default_factory=set)  # flattens whose positions were not looked at yet
    _untried: set[tuple[str, str]] = field(default_factory=set)

    def knows(self, order: FlattenOrder) -> bool:
        """Whether this flatten was taken up by this process."""
        return order.id in self._orders

    def take_up(self, order: FlattenOrder) -> None:
        """A flatten that begins, or goes on after a restart."""
        self._orders[order.id] = order
        self._rows.setdefault(order.id, {})
        self._unseen.add(order.id)

    def remember(self, rows: Iterable[FlattenRow]) -> None:
        """What an earlier process left of a flatten: positions that it sold, and how often it tried the others."""
        for row in rows:
            known = self._rows.get(row.flatten_id)
            if known is None:
                continue
            here = known.setdefault(row.position_id, row)
            if here.attempts < row.attempts:
                self._put(replace(here, attempts=row.attempts))

    def keep_only(self, orders: Iterable[FlattenOrder]) -> None:
        """Forget the flattens that are ordered no more; what is not written of them yet still will be."""
        wanted = {order.id for order in orders}
        for flatten_id in [known for known in self._orders if known not in wanted]:
            del self._orders[flatten_id], self._rows[flatten_id]
            self._unseen.discard(flatten_id)
            self._untried = {key for key in self._untried if key[0] != flatten_id}

    def has(self, order: FlattenOrder, position_id: str) -> bool:
        """Whether a flatten has taken a position up: it stays in it, wherever its token trades by now."""
        return position_id in self._rows[order.id]

    def look(self, order: FlattenOrder, positions: Mapping[str, Position], holders: AbstractSet[str]) -> None:
        """Bring one flatten's rows to what is open now; what `holders` have is kept. `positions` are by id."""
        now_ms, rows = self.now_ms(), self._rows[order.id]
        for position in positions.values():
            row = rows.get(position.id)
            if row is None:
                row = FlattenRow(order.id, position.id, FlattenState.WAITING, now_ms, now_ms)
                self._put(row)
            if position.user_id in holders:
                self._put(row.moved(FlattenState.HELD, now_ms))
            elif row.state is FlattenState.HELD:
                self._put(row.moved(FlattenState.WAITING, now_ms))
        for row in list(rows.values()):
            if row.position_id not in positions:
                self._put(row.moved(FlattenState.SOLD, now_ms))
        self._unseen.discard(order.id)

    def sent(self, position_id: str) -> None:
        """An order of this position has left."""
        for row in self._rows_of(position_id):
            self._put(row.sent(self.now_ms()))

    def refused(self, position_id: str, refused: Refused) -> None:
        """An order of this position did not leave."""
        for row in self._rows_of(position_id):
            if refused.code == FROZEN:  # nobody waits for it: only its owner can end that
                self._put(replace(row.moved(FlattenState.UNSELLABLE, self.now_ms()), last_error=refused.reason))
                continue
            is_about_token = refused.code not in NOT_ABOUT_TOKEN
            self._put(row.refused(refused.reason, self.now_ms(), is_about_token=is_about_token))

    @property
    def is_signing(self) -> bool:
        """Whether a position is still to be sold for which no order has left, or was refused, even once."""
        return bool(self._unseen or self._untried)

    def unsellable(self, order: FlattenOrder) -> frozenset[str]:
        """The positions of a flatten that nobody waits for any more."""
        rows = self._rows[order.id].values()
        return frozenset(row.position_id for row in rows if row.state is FlattenState.UNSELLABLE)

    def sums(self, order: FlattenOrder) -> FlattenSums:
        """How far one flatten is."""
        return sums_of(self._rows[order.id].values())

    def view(self) -> tuple[str, FlattenSums] | None:
        """What is ordered now in one line: the flatten of everybody, the only other one, or several others summed."""
        orders = self.orders()
        if not orders:
            return None
        widest = [order for order in orders if order.scope == GLOBAL] or orders
        scope = widest[0].scope if len(widest) == 1 else f"{len(widest)} orders"
        return scope, sums_of(row for order in widest for row in self._rows[order.id].values())

    def orders(self) -> list[FlattenOrder]:
        """The flattens that are ordered now, in the order in which they were taken up."""
        return list(self._orders.values())

    def unsaved(self) -> list[FlattenRow]:
        """What the database has not got yet, each row once."""
        return list(self._unsaved.values())

    def saved(self, rows: Iterable[FlattenRow]) -> None:
        """These are written; a row that moved meanwhile stays to be written."""
        for row in rows:
            key = (row.flatten_id, row.position_id)
            if self._unsaved.get(key) is row:
                del self._unsaved[key]

    def _rows_of(self, position_id: str) -> list[FlattenRow]:
        found = (rows.get(position_id) for rows in self._rows.values())
        return [row for row in found if row is not None]

    def _put(self, row: FlattenRow) -> None:
        rows = self._rows[row.flatten_id]
        if rows.get(row.position_id) == row:
            return
        key = (row.flatten_id, row.position_id)
        rows[row.position_id] = row
        self._unsaved[key] = row
        if row.state is FlattenState.WAITING and not row.attempts and not row.last_error:
            self._untried.add(key)
        else:
            self._untried.discard(key)


@dataclass(frozen=True, slots=True)
class NotingDesk:
    """A desk that tells the book what became of the exits that go over it."""

    desk: Desk
    book: FlattenBook

    async def preview(self, request: TradeRequest) -> Preview | Refused:
        return await self.desk.preview(request)

    async def again(self, intent: Intent, rung: Rung) -> Submitted | Refused:
        outcome = await self.desk.again(intent, rung)
        if intent.request.position_id is not None and isinstance(outcome, Submitted):
            self.book.sent(intent.request.position_id)
        return outcome

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Submitted | Refused:
        outcome = await self.desk.submit(request, rung)
        if request.position_id is not None:
            if isinstance(outcome, Submitted):
                self.book.sent(request.position_id)
            else:
                self.book.refused(request.position_id, outcome)
        return outcome
