"""The books of followed wallets, in memory: folded out of the recorded swaps whenever somebody asks."""

from __future__ import annotations

from collections.abc import Collection

import trio

from bot.storage.memory_tables import MemoryTables
from bot.storage.wallet_book_rules import ledger_swap
from bot.trading.wallet_ledger import LedgerSwap, MintBook, WalletRecord, book_of, record_of


class MemoryWalletBooks(MemoryTables):
    """Implements `WalletRecordStore`. There is nothing to be folded later: no book is kept."""

    async def wallet_records(self, addresses: Collection[str], since_s: int) -> dict[str, WalletRecord]:
        await trio.lowlevel.checkpoint()
        wanted = set(addresses)
        books = self._books_of(wanted)
        records = {
            address: record_of(address, [book for book in mine.values() if book.last_at_s > since_s])
            for address, mine in books.items()
        }
        return {address: record for address, record in records.items() if record.tokens}

    async def fold_unbooked(self, limit: int) -> int:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return 0

    def _books_of(self, addresses: Collection[str]) -> dict[str, dict[str, MintBook]]:
        swaps: dict[str, dict[str, list[LedgerSwap]]] = {}
        for address, mint in self._folded_books:
            if address in addresses:
                swaps.setdefault(address, {}).setdefault(mint, [])
        for signal in self._signals.values():
            if signal.address in addresses:
                swaps.setdefault(signal.address, {}).setdefault(signal.mint, []).append(ledger_swap(signal))
        return {
            address: {mint: book_of(mint, told, self._folded_books.get((address, mint))) for mint, told in mine.items()}
            for address, mine in swaps.items()
        }
