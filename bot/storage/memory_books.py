"""A user's own books in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import trio

from bot.ports import BookedEntry, ClosedSums, PeriodSums, ReasonSums, ResultSums
from bot.storage.memory_tables import MemoryTables, MemoryTrade
from bot.storage.rules import FAILED_TRADES, is_failed_trade
from bot.trading.intent import TRADES, Context, Intent, IntentState, Mode, Side
from bot.trading.ledger import Account, Entry, EntryKind
from bot.trading.position import Position

_Moment = tuple[int, PeriodSums]


class MemoryBooks(MemoryTables):
    """What a user asks of his own books.

    The twin has no clock of its own: an entry that no order of ours explains is as old as the one before it.
    """

    async def period_sums(self, user_id: str, mode: Mode, bounds_ms: Sequence[int]) -> list[PeriodSums]:
        await trio.lowlevel.checkpoint()
        sums = [PeriodSums()] * (len(bounds_ms) - 1)
        for at_ms, told in self._told(user_id, mode):
            place = bisect_right(bounds_ms, at_ms) - 1
            if 0 <= place < len(sums):
                sums[place] += told
        return sums

    def _told(self, user_id: str, mode: Mode) -> Iterator[_Moment]:
        """Everything that counts, each with its moment."""
        for trade in self._trades_of(user_id, mode):
            fill = trade.fill
            trading = fill.protocol_fee_lamports + fill.creator_fee_lamports + fill.lp_fee_lamports
            yield (
                trade.at_ms,
                PeriodSums(
                    buys=int(fill.side is Side.BUY),
                    sells=int(fill.side is Side.SELL),
                    realized_lamports=trade.realized_lamports,
                    fees_lamports=trading + fill.network_fee_lamports + fill.tip_lamports + fill.other_lamports,
                ),
            )
            if beside := self._beside({trade.intent.id: fill.signature})[trade.intent.id]:
                yield trade.at_ms, PeriodSums(realized_lamports=-beside, fees_lamports=beside)
        for intent in self._ended(user_id, mode):
            at_ms, paid = self._closed_at_ms[intent.id], self._paid(intent)
            failed = int(is_failed_trade(intent))
            if failed or paid:
                yield at_ms, PeriodSums(failed=failed, realized_lamports=-paid, fees_lamports=paid)
        for moved in self._adjustments:
            if _is_of(self._positions[moved.position_id], user_id, mode):
                yield moved.at_ms, PeriodSums(realized_lamports=moved.lamports)

    async def result_sums(self, user_id: str, mode: Mode, since_ms: int, limit: int) -> ResultSums:
        await trio.lowlevel.checkpoint()
        trades = [row for row in self._trades_of(user_id, mode) if row.at_ms >= since_ms]
        sales: dict[str, list[int]] = defaultdict(list)
        for trade in trades:
            if trade.fill.side is Side.SELL:
                sales[trade.intent.request.reason].append(trade.realized_lamports)
        reasons = [ReasonSums(reason, len(of), sum(one > 0 for one in of), sum(of)) for reason, of in sales.items()]
        reasons.sort(key=lambda one: (-one.sales, one.reason))
        beside = self._beside({row.intent.id: row.fill.signature for row in trades})
        ended = [row for row in self._ended(user_id, mode) if self._closed_at_ms[row.id] >= since_ms]
        adjusted = [
            row
            for row in self._adjustments
            if row.at_ms >= since_ms and _is_of(self._positions[row.position_id], user_id, mode)
        ]
        return ResultSums(
            by_reason=tuple(reasons[:limit]),
            sold_lamports=sum(row.realized_lamports for row in trades),
            untraded_lamports=-sum(beside.values())
            - sum(self._paid(row) for row in ended if row.state in FAILED_TRADES),
            closings_lamports=-sum(self._paid(row) for row in ended if row.state not in FAILED_TRADES),
            moved_lamports=sum(row.lamports for row in adjusted),
            swept_lamports=sum(row.taken.cost_lamports for row in adjusted if row.sweep_id is not None),
        )

    async def closed_sums(self, user_id: str, mode: Mode) -> list[ClosedSums]:
        await trio.lowlevel.checkpoint()
        judged = self._judged()
        closed: dict[Context, list[Position]] = {context: [] for context in Context}
        for row in self._positions.values():
            if _is_of(row, user_id, mode) and row.closed_at_ms is not None and row.id in judged:
                closed[row.context].append(row)
        return [_closed_sums(context, rows) for context, rows in closed.items() if rows]

    async def ledger_sums(self, user_id: str, mode: Mode, before: int | None = None) -> Mapping[Account, int]:
        await trio.lowlevel.checkpoint()
        sums: Counter[Account] = Counter()
        for _, entry in self._numbered(user_id, mode, before):
            for leg in entry.legs:
                sums[leg.account] += leg.lamports
        return {account: lamports for account, lamports in sums.items() if lamports}

    async def booked(self, user_id: str, mode: Mode, limit: int, before: int | None = None) -> list[BookedEntry]:
        await trio.lowlevel.checkpoint()
        found: list[BookedEntry] = []
        at_ms = 0
        for number, entry in self._numbered(user_id, mode, before):
            found.append(self._booked_entry(number, entry, at_ms))
            at_ms = found[-1].at_ms
        return found[::-1][:limit]

    def _booked_entry(self, number: int, entry: Entry, before_ms: int) -> BookedEntry:
        intent = self._intents.get(entry.intent_id or "")
        position = self._positions.get(entry.position_id or "")
        fill = self._fill_of(entry) if entry.kind is EntryKind.FILL else None
        if entry.kind is EntryKind.REVERSAL:
            at_ms = self._reversed_at_ms.get((entry.signature, entry.landing), before_ms)
        elif fill is not None:
            at_ms = fill.at_ms
        else:
            at_ms = self._closed_at_ms.get(entry.intent_id or "", before_ms)
        mint = position.mint if position is not None else ""
        return BookedEntry(
            number=number,
            at_ms=at_ms,
            entry=entry,
            side=None if intent is None else intent.request.side,
            mint=mint if intent is None else intent.request.mint,
            token_raw=0 if fill is None else fill.fill.token_raw,
            reason="" if intent is None else intent.request.reason,
        )

    def _fill_of(self, entry: Entry) -> MemoryTrade | None:
        """The fill of an entry: one that was taken back may have settled again since, at another moment."""
        back = [row.trade for row in self._reversals if row.trade.fill.signature == entry.signature]
        standing = self._trades.get(entry.signature or "")
        fills = [*back, *([] if standing is None else [standing])]
        return fills[min(entry.landing, len(fills) - 1)] if fills else None

    def _numbered(self, user_id: str, mode: Mode, before: int | None) -> Iterator[tuple[int, Entry]]:
        """The entries of a user's wallets of a mode in the order of writing, each with its place in the whole ledger."""
        mine = {row.id for row in self._wallets.values() if (row.user_id, row.mode) == (user_id, mode)}
        for number, entry in enumerate(self.ledger, start=1):
            if entry.wallet_id in mine and (before is None or number < before):
                yield number, entry

    def _trades_of(self, user_id: str, mode: Mode) -> list[MemoryTrade]:
        wanted = (user_id, mode)
        return [row for row in self._trades.values() if (row.intent.request.user_id, row.intent.request.mode) == wanted]

    def _ended(self, user_id: str, mode: Mode) -> list[Intent]:
        """Orders that traded nothing: failed and expired ones, and closings and withdrawals that succeeded."""
        return [
            row
            for row in self._intents.values()
            if (row.request.user_id, row.request.mode) == (user_id, mode)
            and (row.state in FAILED_TRADES or (row.state is IntentState.FILLED and row.request.side not in TRADES))
        ]

    def _paid(self, intent: Intent) -> int:
        """What such an order took for good; rent that came back is nobody's gain."""
        legs = [leg for entry in self.ledger if entry.intent_id == intent.id for leg in entry.legs]
        if intent.state in FAILED_TRADES:
            return -sum(leg.lamports for leg in legs if leg.account is Account.WALLET)
        return sum(leg.lamports for leg in legs if leg.account in {Account.NETWORK_FEE, Account.PRIORITY_FEE})


def _is_of(position: Position, user_id: str, mode: Mode) -> bool:
    return (position.user_id, position.mode) == (user_id, mode)


def _closed_sums(context: Context, rows: Sequence[Position]) -> ClosedSums:
    """The sums of at least one closed position; of equal results the earliest is shown."""
    won = [row.realized_lamports for row in rows if row.realized_lamports > 0]
    lost = [row.realized_lamports for row in rows if row.realized_lamports <= 0]
    best = max(rows, key=lambda row: row.realized_lamports)
    worst = min(rows, key=lambda row: row.realized_lamports)
    return ClosedSums(
        context=context,
        won=len(won),
        lost=len(lost),
        won_lamports=sum(won),
        lost_lamports=sum(lost),
        held_ms=sum((row.closed_at_ms or 0) - row.opened_at_ms for row in rows),
        best=(best.mint, best.realized_lamports),
        worst=(worst.mint, worst.realized_lamports),
    )
