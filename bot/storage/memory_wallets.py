"""What users call their wallets, and which of them each strategy buys from, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import Wallet
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import WALLET_BOUND, no_wallet
from bot.trading.strategy import Strategy


class MemoryStrategyWallets(MemoryTables):
    """See `WalletStore`."""

    async def rename_wallet(self, user_id: str, wallet_id: str, name: str) -> bool:
        await trio.lowlevel.checkpoint()
        wallet = self._wallet(user_id, wallet_id)
        others = [row for row in self._wallets.values() if (row.user_id, row.mode) == (user_id, wallet.mode)]
        if any(row.name == name and row.id != wallet_id for row in others):
            return False
        self._wallets[wallet_id] = replace(wallet, name=name)
        return True

    async def bind_wallet(self, user_id: str, wallet_id: str, strategy: Strategy, now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        wallet = self._wallet(user_id, wallet_id)
        for row in list(self._wallets.values()):
            if (row.user_id, row.mode) == (user_id, wallet.mode):
                kept = tuple(one for one in row.strategies if one != strategy)
                bound = (*kept, strategy.value) if row.id == wallet_id else kept
                self._wallets[row.id] = replace(row, strategies=bound)
        self._put_audit(user_id, WALLET_BOUND, {"wallet": wallet_id, "strategy": strategy.value}, now_ms)

    def _wallet(self, user_id: str, wallet_id: str) -> Wallet:
        wallet = self._wallets.get(wallet_id)
        if wallet is None or wallet.user_id != user_id:
            raise no_wallet(user_id, wallet_id)
        return wallet
