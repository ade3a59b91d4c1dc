"""The vault of paper trading: it makes and keeps wallets like the other, and uses no key for an order."""

from __future__ import annotations

from collections.abc import Callable

import trio

from bot.ports import SealedKey, Signing, Vault, Wallet

NO_SIGNATURE = bytes(64)


class UnsignedVault:
    """Wallets are sealed by `keeper` under the master key, so that their keys exist and stay guarded.

    What a paper order carries in the place of a signature is zeros, which no cluster takes for one.
    """

    def __init__(self, keeper: Vault, fence: Callable[[], None] | None = None) -> None:
        """`fence` raises LeaseLost when this process may not sign; without one nobody else could be signing."""
        self._keeper, self._fence = keeper, fence

    def __repr__(self) -> str:
        return f"<UnsignedVault {self._keeper!r}>"

    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        return await self._keeper.create_key(user_id)

    async def key_ids(self) -> list[str]:
        return await self._keeper.key_ids()

    async def seal_anew(self, wallet: Wallet, key: SealedKey) -> SealedKey:
        return await self._keeper.seal_anew(wallet, key)

    async def adopt(self, user_id: str, address: str, token: bytes) -> SealedKey:
        return await self._keeper.adopt(user_id, address, token)

    async def check_key(self, wallet: Wallet, key: SealedKey) -> None:
        await self._keeper.check_key(wallet, key)

    async def sign(
        self,
        wallet: Wallet,  # noqa: ARG002 - nothing is signed
        key: SealedKey,  # noqa: ARG002
        asked: Signing,  # noqa: ARG002
    ) -> bytes:
        """Zeros, behind the same fence as a signature: a bot that lost its lease fills no paper order either."""
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        return NO_SIGNATURE
