"""A freeze is in two places, the guard and the vault: whoever freezes a wallet or lets it go has its turn, so that both agree.

Without it a freeze that was on its way to the vault would come there behind the code that ended it, and the vault would sign
nothing for a wallet that nobody sees as frozen. One that the vault alone remembers, because the database was restored from
before it, is taken up by the guard with the first message that the vault does not sign.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import trio

from bot.clock import Clock
from bot.execution.warning_messages import vault_freeze_message
from bot.ports import NoteKind, SealedNote, Store, Vault, Wallet
from bot.trading.trading_state import FROZEN

UNFROZEN = "wallet unfrozen"  # the action of the audit
VAULT = "vault"
REMEMBERED = "the vault remembers a freeze that this bot did not know of"


class Freezer(Protocol):
    """The guard's side of a freeze."""

    async def freeze_wallet(self, wallet: Wallet, *, by: str = ..., why: str = ...) -> bool: ...

    async def unfreeze_wallet(self, wallet: Wallet) -> bool: ...

    def freezes(self, user_id: str, wallet_id: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class WalletFreezes:
    """One of them for everybody who freezes or lets go. Each method raises KeyUnavailable and Unavailable."""

    guard: Freezer
    store: Store
    vault: Vault
    clock: Clock
    _turns: dict[str, trio.Lock] = field(default_factory=dict)
    _heard: dict[str, Wallet] = field(default_factory=dict)  # frozen by the word of the vault alone
    _news: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)

    async def freeze(self, wallet: Wallet) -> None:
        """In both places; the guard is asked before, by whoever may not wait for the turn.

        It is asked again within, because whoever was letting the wallet go may have ended that freeze: the last word holds.
        """
        async with self._turn(wallet):
            await self.guard.freeze_wallet(wallet)
            await self.vault.freeze(wallet, await self.store.sealed_key(wallet.id))

    async def tell_vault(self, wallet: Wallet) -> bool:
        """Have the vault know of a freeze that the guard has; False when that has ended meanwhile, and nothing is told."""
        async with self._turn(wallet):
            key = await self.store.sealed_key(wallet.id)
            if not self.is_frozen(wallet):
                return False
            await self.vault.freeze(wallet, key)
            return True

    async def let_go(self, wallet: Wallet, current: SealedNote, code: str) -> bool:
        """For a code of its owner the vault signs again, and then the guard lets it; False when the guard had no freeze.

        The vault is asked all the same then: it remembers a freeze that a restored database does not. Raises CodeRefused too.
        """
        async with self._turn(wallet):
            after = await self.vault.unfreeze(wallet, await self.store.sealed_key(wallet.id), current, code)
            now_ms = self.clock.now_ms()
            await self.store.keep_notes(wallet.user_id, {NoteKind.CODE.value: after}, UNFROZEN, now_ms)
            was_frozen = await self.guard.unfreeze_wallet(wallet)
            self._heard.pop(wallet.id, None)
            return was_frozen

    def vault_refuses(self, wallet: Wallet) -> None:
        """The vault has said that a wallet is frozen; no I/O."""
        if not self.is_frozen(wallet):
            self._heard[wallet.id] = wallet
            self._news.unpark_all()

    async def heard(self) -> None:
        """Wait until the vault has said of a wallet that it is frozen, and the guard does not know it."""
        await trio.lowlevel.checkpoint()
        while not self._heard:
            await self._news.park()

    async def take_up(self) -> None:
        """Freeze what the vault has said is frozen, and tell its owner once. Raises Unavailable; called again it goes on."""
        for wallet in list(self._heard.values()):
            async with self._turn(wallet):
                if wallet.id not in self._heard:
                    continue
                await self.guard.freeze_wallet(wallet, by=VAULT, why=REMEMBERED)
                await self.store.post(vault_freeze_message(self.clock, wallet))
                self._heard.pop(wallet.id, None)

    def is_frozen(self, wallet: Wallet) -> bool:
        """Whether its owner, or the bot for him, has frozen this wallet."""
        return FROZEN in self.guard.freezes(wallet.user_id, wallet.id)

    @asynccontextmanager
    async def _turn(self, wallet: Wallet) -> AsyncIterator[None]:
        turn = self._turns.setdefault(wallet.id, trio.Lock())
        try:
            async with turn:
                yield
        finally:
            if not turn.locked():
                self._turns.pop(wallet.id, None)
