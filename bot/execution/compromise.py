"""A wallet whose key was used elsewhere: where its user has named a safe address, it is frozen whole, and so swept there."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.execution.ordered_causes import RECONCILER, OrderedCauses
from bot.ports import Store, Wallet, safe_address


@dataclass(frozen=True, slots=True)
class Compromise:
    """Without a safe address nothing more is done than what an outflow does by itself: the user's word can end that."""

    store: Store
    clock: Clock
    guard: OrderedCauses

    async def compromised(self, wallet: Wallet, why: str) -> None:
        """Freeze this wallet until its owner gives a code. To say it again changes nothing."""
        rows = await self.store.allowed_addresses(wallet.user_id)
        if safe_address(rows, wallet.id, self.clock.now_ms()) is not None:
            await self.guard.freeze_wallet(wallet, by=RECONCILER, why=why)
