"""The sealed keys of wallets that sign now, so that ten sales of one wallet read its row once. Nothing is opened here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from bot.errors import CodeRefused, KeyUnavailable, SigningRefused, WalletFrozen
from bot.execution.alerts import Alert
from bot.execution.vault_alerts import signing_refused
from bot.ports import SealedKey, Signing, Store, Sweeping, Vault, Wallet, Withdrawing, Withdrawn

KEPT_S = 30.0  # a key that was sealed anew is read within this time


@dataclass(slots=True)
class SealedKeys:
    """What is kept is sealed as in its row: the vault opens it for one signature and keeps nothing.

    `alert` tells operators of what the vault refuses to sign, and `is_frozen` hears of the wallets that it says are frozen.
    """

    store: Store
    vault: Vault
    alert: Callable[[Alert], None]
    is_frozen: Callable[[Wallet], None]
    _kept: OrderedDict[str, tuple[float, SealedKey]] = field(
        default_factory=OrderedDict
    )  # with when it was read, oldest first

    async def sign(self, wallet: Wallet, asked: Signing) -> bytes:
        """The wallet's signature (64 bytes) of a message of an intent.

        Raises KeyUnavailable, after which its row is read again, StoreUnavailable and LeaseLost.
        """
        key = await self._of(wallet.id)
        try:
            return await self.vault.sign(wallet, key, asked)
        except KeyUnavailable as error:
            self._kept.pop(wallet.id, None)
            if isinstance(error, WalletFrozen):
                self.is_frozen(wallet)
            elif isinstance(error, SigningRefused):
                self.alert(signing_refused(wallet, asked, str(error)))
            raise

    async def sign_withdrawal(self, wallet: Wallet, asked: Withdrawing) -> Withdrawn:
        """The same of a withdrawal; raises CodeRefused too."""
        key = await self._of(wallet.id)
        try:
            return await self.vault.sign_withdrawal(wallet, key, asked)
        except CodeRefused:
            raise
        except KeyUnavailable as error:
            self._kept.pop(wallet.id, None)
            if isinstance(error, WalletFrozen):
                self.is_frozen(wallet)
            raise

    async def sign_sweep(self, wallet: Wallet, asked: Sweeping) -> bytes:
        """The same of a sweep, which takes no code."""
        key = await self._of(wallet.id)
        try:
            return await self.vault.sign_sweep(wallet, key, asked)
        except KeyUnavailable:
            self._kept.pop(wallet.id, None)
            raise

    async def _of(self, wallet_id: str) -> SealedKey:
        now_s = trio.current_time()
        while self._kept and now_s - next(iter(self._kept.values()))[0] >= KEPT_S:
            self._kept.popitem(last=False)
        if (kept := self._kept.get(wallet_id)) is not None:
            return kept[1]
        key = await self.store.sealed_key(wallet_id)
        self._kept[wallet_id] = (now_s, key)
        self._kept.move_to_end(wallet_id)
        return key
