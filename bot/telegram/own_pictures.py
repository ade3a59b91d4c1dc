"""What the pictures of a user's own books and trades show, out of the rows that the texts are made of."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clock import SpanUnit
from bot.pictures.plain import Bar, PositionPicture, ProfitPicture
from bot.ports import BookedEntry, PeriodSums, Token
from bot.telegram.book_text import reason_text
from bot.trading.intent import Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.position import Position
from bot.trading.units import counted


def profit_picture(
    mode: str, zone: str, unit: SpanUnit, first_days: Sequence[str], sums: Sequence[PeriodSums]
) -> ProfitPicture:
    """The results of as many spans as there are first days (`YYYY-MM-DD`), oldest first; an empty span stays in its place."""
    whole = sum(sums, PeriodSums())
    bars = tuple(
        Bar(day[:7] if unit is SpanUnit.MONTH else day[5:], one.realized_lamports, one.buys + one.sells + one.failed)
        for day, one in zip(first_days, sums, strict=True)
    )
    return ProfitPicture(
        mode=mode,
        period=f"the last {counted(len(bars), unit.value)}",
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
