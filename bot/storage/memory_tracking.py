"""Followed wallets, how far each was read, and the swaps found in them, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import TrackedWallet, WalletCursor, WalletSignal
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import check_signal, storable
from bot.trading.copying import RuleState


class MemoryTracking(MemoryTables):
    """Tracked wallets, cursors and signals."""

    async def track(self, wallet: TrackedWallet) -> bool:
        await trio.lowlevel.checkpoint()
        self._user(wallet.user_id)
        key = (wallet.user_id, wallet.address)
        if key in self._tracked:
            return False
        self._tracked[key] = replace(wallet, label=storable(wallet.label))
        return True

    async def untrack(self, user_id: str, address: str) -> bool:
        await trio.lowlevel.checkpoint()
        gone = self._tracked.pop((user_id, address), None)
        if all(wallet.address != address for wallet in self._tracked.values()):
            self._cursors.pop(address, None)
        return gone is not None

    async def tracked(self, user_id: str | None = None) -> list[TrackedWallet]:
        await trio.lowlevel.checkpoint()
        return [wallet for wallet in self._tracked.values() if user_id in (None, wallet.user_id)]

    async def cursor(self, address: str) -> WalletCursor | None:
        await trio.lowlevel.checkpoint()
        return self._cursors.get(address)

    async def move_cursor(self, cursor: WalletCursor) -> None:
        await trio.lowlevel.checkpoint()
        known = self._cursors.get(cursor.address)
        if known is None or known.slot <= cursor.slot:
            self._cursors[cursor.address] = cursor

    async def record_signal(self, signal: WalletSignal) -> bool:
        await trio.lowlevel.checkpoint()
        check_signal(signal)
        key = (signal.address, signal.signature, signal.mint, signal.side)
        if key in self._signals:
            return False
        self._signals[key] = signal
        if any(
            rule.leader == signal.address and rule.state is not RuleState.STOPPED for rule in self._copy_rules.values()
        ):
            self._copies_due[key] = None
        return True

    async def signals(self, address: str, limit: int) -> list[WalletSignal]:
        await trio.lowlevel.checkpoint()
        found = [signal for signal in reversed(self._signals.values()) if signal.address == address]
        found.sort(key=lambda signal: -signal.slot)
        return found[:limit]
