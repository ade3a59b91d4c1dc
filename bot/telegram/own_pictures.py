"""What the pictures of a user's own books and trades show, out of the rows that the texts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bot.clock import SpanUnit, spans_until
from bot.pictures.plain import Bar, PositionPicture, ProfitPicture
from bot.ports import BookedEntry, OutboxMessage, PeriodSums, Recipe, Store, Token, User
from bot.telegram.book_text import reason_text
from bot.telegram.words import int_of
from bot.trading.intent import Mode, Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.position import Position
from bot.trading.units import counted

# A moment after everything: a block's clock may stand ahead of ours, and what it made belongs to the last span.
END_MS = 253_370_764_800_000
SHOWN = {SpanUnit.DAY: 14, SpanUnit.WEEK: 8, SpanUnit.MONTH: 12}
PAGE, PAGES = 1_000, 5  # entries of the ledger, newest first, among which those of a position are looked for


@dataclass(frozen=True, slots=True)
class OwnPictures:
    """Reads what they show."""

    store: Store

    def of_message(self, user: User, message: OutboxMessage) -> Recipe | None:
        """What a message by itself is followed by: of a position that has closed, and of a report; None for any other."""
        facts = message.payload
        if message.kind == "fill" and facts.get("position_closed") and "position_id" in facts:
            return partial(self._of_closed, str(facts["position_id"]))
        if message.kind == "report":
            mode, unit = Mode(str(facts["mode"])), SpanUnit(str(facts["unit"]))
            last_ms = int_of(facts, "end_ms") - 1
            return partial(self.of_profit, user.id, mode, unit, last_ms, int_of(facts, "end_ms"))
        return None

    async def _of_closed(self, position_id: str) -> PositionPicture:
        position = await self.store.position(position_id)
        if position is None:
            raise LookupError("that position is gone")
        return await self.of_position(position)

    async def of_position(self, position: Position) -> PositionPicture:
        """A closed position; raises LookupError where no sale of it stands in the books."""
        rows: list[BookedEntry] = []
        page = await self.store.booked(position.user_id, position.mode, PAGE)
        for _ in range(PAGES):
            rows += [row for row in page if row.entry.position_id == position.id]
            if len(page) < PAGE or page[-1].at_ms < position.opened_at_ms:
                break
            page = await self.store.booked(position.user_id, position.mode, PAGE, page[-1].number)
        token = await self.store.token(position.mint)
        zone = (await self.store.settings(position.user_id)).timezone
        return position_picture(position, token, rows, zone)

    async def of_profit(
        self, user_id: str, mode: Mode, unit: SpanUnit, until_ms: int, end_ms: int = END_MS
    ) -> ProfitPicture:
        """A bar for each of the latest spans, the last of which holds `until_ms` and counts up to `end_ms`."""
        zone = (await self.store.settings(user_id)).timezone
        spans = spans_until(until_ms, unit, SHOWN[unit], zone)
        sums = await self.store.period_sums(user_id, mode, [*(span.start_ms for span in spans), end_ms])
        return profit_picture(mode.value, zone, unit, [span.first_day for span in spans], sums)


def profit_picture(
    mode: str, zone: str, unit: SpanUnit, first_days: Sequence[str], sums: Sequence[PeriodSums], *, whose: str = ""
) -> ProfitPicture:
    """The results of as many spans as there are first days (`YYYY-MM-DD`), oldest first; an empty span stays in its place.

    `whose` is the public handle of somebody else.
    """
    whole = sum(sums, PeriodSums())
    bars = tuple(
        Bar(day[:7] if unit is SpanUnit.MONTH else day[5:], one.realized_lamports, one.buys + one.sells + one.failed)
        for day, one in zip(first_days, sums, strict=True)
    )
    return ProfitPicture(
        mode=mode,
        period=f"the last {counted(len(bars), unit.value)}{f' of {whose}' if whose else ''}",
        zone=zone,
        bars=bars,
        buys=whole.buys,
        sells=whole.sells,
        failed=whole.failed,
        fees_lamports=whole.fees_lamports,
    )


def position_picture(
    position: Position, token: Token | None, rows: Sequence[BookedEntry], zone: str
) -> PositionPicture:
    """A closed position; `rows` are the entries of the ledger that name it, newest first.

    Its cost is what its sales brought less its result, so that the three agree whatever else was booked to it. Raises
    LookupError where no sale stands.
    """
    standing = {EntryKind.FILL: 1, EntryKind.REVERSAL: -1}
    counts = {side: sum(standing.get(row.entry.kind, 0) for row in rows if row.side is side) for side in Side}
    sales = [row for row in rows if row.side is Side.SELL and row.entry.kind in standing]
    if counts[Side.SELL] < 1:
        raise LookupError("no sale of it stands in the books")
    brought_lamports = sum(_net_lamports(row) for row in sales)
    return PositionPicture(
        mint=position.mint,
        name="" if token is None else token.name,
        symbol="" if token is None else token.symbol,
        mode=position.mode.value,
        zone=zone,
        opened_at_ms=position.opened_at_ms,
        closed_at_ms=position.closed_at_ms or position.opened_at_ms,
        cost_lamports=brought_lamports - position.realized_lamports,
        realized_lamports=position.realized_lamports,
        buys=counts[Side.BUY],
        sales=counts[Side.SELL],
        reason=reason_text(sales[0].reason),
    )


def _net_lamports(row: BookedEntry) -> int:
    """What an entry brought into the wallet, rent apart, which comes and goes without being won or lost."""
    return sum(leg.lamports for leg in row.entry.legs if leg.account in {Account.WALLET, Account.RENT})
