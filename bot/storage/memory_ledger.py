"""The double-entry ledger in memory."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from bot.ports import LedgerCheck, WalletLedger
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import check_legs
from bot.trading.ledger import Entry, EntryKind


class MemoryLedger(MemoryTables):
    """What a wallet's entries sum to, and what came from outside."""

    async def wallet_ledger(self, wallet_id: str) -> WalletLedger:
        await trio.lowlevel.checkpoint()
        openings = (entry.slot for entry in self._entries_of(wallet_id) if entry.kind is EntryKind.OPENING)
        return WalletLedger(self._booked(wallet_id), next(openings, None), self._ledger_checks.get(wallet_id))

    async def ours(self, wallet_id: str, signatures: Sequence[str]) -> set[str]:
        await trio.lowlevel.checkpoint()
        return self._ours(wallet_id, signatures)

    async def outside(self, wallet_id: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        foreign = [row for row in self._entries_of(wallet_id) if row.intent_id is None and row.signature is not None]
        undone = {row.signature for row in foreign if row.kind is EntryKind.REVERSAL}
        adjusted = {
            row.signature
            for row in self._adjustments
            if row.wallet_id == wallet_id and row.signature and not row.undone
        }
        return sorted({row.signature for row in foreign if row.signature and row.signature not in undone} | adjusted)

    async def book(self, entries: Sequence[Entry], *, booked_lamports: int) -> bool:
        await trio.lowlevel.checkpoint()
        for entry in entries:
            check_legs(entry.legs)
            if entry.wallet_id not in self._wallets:
                raise LookupError(f"there is no wallet {entry.wallet_id}")
        for wallet_id in {entry.wallet_id for entry in entries}:
            signatures = [entry.signature for entry in entries if entry.signature is not None]
            if self._booked(wallet_id) != booked_lamports or self._ours(wallet_id, signatures):
                return False
        self.ledger += entries
        return True

    async def keep_check(self, check: LedgerCheck) -> None:
        await trio.lowlevel.checkpoint()
        if check.wallet_id not in self._wallets:
            raise LookupError(f"there is no wallet {check.wallet_id}")
        known = self._ledger_checks.get(check.wallet_id)
        if known is None or known.slot <= check.slot:
            self._ledger_checks[check.wallet_id] = check

    def _entries_of(self, wallet_id: str) -> list[Entry]:
        return [entry for entry in self.ledger if entry.wallet_id == wallet_id]

    def _booked(self, wallet_id: str) -> int:
        return sum(entry.wallet_lamports for entry in self._entries_of(wallet_id))
