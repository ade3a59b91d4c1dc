"""Rows that are kept for a time, in memory."""

from __future__ import annotations

import trio

from bot.ports import Verdict
from bot.storage.memory_tables import MemoryTables
from bot.storage.wallet_book_rules import ledger_swap
from bot.trading.copying import CopyState
from bot.trading.wallet_ledger import LedgerSwap, book_of

CAME_TO_NOTHING = frozenset({"SKIPPED", "EXPIRED"})
NO_ORDER = frozenset({Verdict.PASSED, Verdict.REFUSED})


class MemoryRetention(MemoryTables):
    """Drops them."""

    async def forget_runs(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [row for row in self._runs.values() if row.created_at_ms < before_ms and row.status in CAME_TO_NOTHING]
        gone = sorted(old, key=lambda row: row.created_at_ms)[:limit]
        for row in gone:
            del self._runs[row.id]
        return len(gone)

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [row for row in self._outbox.values() if row.created_at_ms < before_ms and not self._is_due(row.id)]
        gone = sorted(old, key=lambda row: row.created_at_ms)[:limit]
        for row in gone:
            del self._outbox[row.id]
            self._delivered.pop(row.id, None)
            self._undeliverable.pop(row.id, None)
        return len(gone)

    async def forget_decisions(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [row for row in self._auto_decisions.values() if row.at_ms < before_ms and row.verdict in NO_ORDER]
        gone = sorted(old, key=lambda row: row.at_ms)[:limit]
        for row in gone:
            del self._auto_decisions[row.id]
        return len(gone)

    async def forget_refusals(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        refused = [(key, row) for key, row in self._copies.items() if row.state is CopyState.REFUSED]
        old = [(row.decided_at_ms, key) for key, row in refused if row.decided_at_ms < before_ms]
        gone = sorted(old)[:limit]
        for _, key in gone:
            del self._copies[key]
        return len(gone)

    async def forget_swaps(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [
            (one.block_time_s, ledger_swap(one).place, key)
            for key, one in self._signals.items()
            if one.block_time_s * 1000 < before_ms and key not in self._copies_due
        ]
        gone = [key for *_, key in sorted(old)[:limit]]
        swaps = dict[tuple[str, str], list[LedgerSwap]]()
        for key in gone:
            signal = self._signals.pop(key)
            swaps.setdefault((signal.address, signal.mint), []).append(ledger_swap(signal))
        for (address, mint), some in swaps.items():
            self._folded_books[address, mint] = book_of(mint, some, self._folded_books.get((address, mint)))
        return len(gone)

    async def forget_books(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        kept = {(one.address, one.mint) for one in self._signals.values()}
        old = [key for key, book in self._folded_books.items() if book.last_at_s * 1000 < before_ms and key not in kept]
        for key in old[:limit]:
            del self._folded_books[key]
        return len(old[:limit])
