"""The port `Vault` with keys sealed in our own rows and signing in this process."""

from __future__ import annotations

import os
from collections.abc import Callable

import trio
from solders.keypair import Keypair

from bot.errors import KeyUnavailable
from bot.ports import SealedKey, Wallet
from bot.vault.envelope import open_sealed, seal
from bot.vault.master_key import MasterKey

SEED_BYTES = 32


class LocalVault:
    """Signs with keys that it opens for the moment of signing.

    What can be overwritten is overwritten. Copies that Python and the signing library make inside cannot be; SECURITY.md
    says what that means.
    """

    def __init__(self, master_key: MasterKey, fence: Callable[[], None] | None = None) -> None:
        """`fence` raises LeaseLost when this process may not sign; without one nobody else could be signing."""
        self._master_key = master_key
        self._fence = fence

    def __repr__(self) -> str:
        return f"<LocalVault {self._master_key.id}>"

    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        await trio.lowlevel.checkpoint()
        seed = bytearray(os.urandom(SEED_BYTES))
        try:
            address = str(Keypair.from_seed(bytes(seed)).pubkey())
            return address, seal(self._master_key, user_id, address, seed)
        finally:
            _overwrite(seed)

    async def sign(self, wallet: Wallet, key: SealedKey, intent_id: str, message: bytes) -> bytes:
        """Refuses a row whose key is not the wallet's, even where the seal holds. Raises LeaseLost behind the fence.

        The fence is asked once more behind the signature: who was frozen in between hands none out.
        """
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        seed = open_sealed(self._master_key, wallet.user_id, wallet.address, key)
        try:
            if len(seed) != SEED_BYTES:
                raise KeyUnavailable(
                    f"wallet {wallet.address} holds {len(seed)} bytes, no key; intent {intent_id} is not signed"
                )
            keypair = Keypair.from_seed(bytes(seed))
        finally:
            _overwrite(seed)
        if str(keypair.pubkey()) != wallet.address:
            raise KeyUnavailable(
                f"the key of wallet {wallet.address} is another wallet's; intent {intent_id} is not signed"
            )
        signature = bytes(keypair.sign_message(message))
        if self._fence is not None:
            self._fence()
        return signature


def _overwrite(secret: bytearray) -> None:
    secret[:] = bytes(len(secret))
