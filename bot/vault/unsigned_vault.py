"""The vault of paper trading: it makes and keeps wallets like the other, and uses no key for an order of mode paper."""

from __future__ import annotations

from collections.abc import Callable

import trio

from bot.errors import SigningRefused
from bot.ports import (
    Allowance,
    ExportDemand,
    ExportedKey,
    NewCode,
    NoteKind,
    SealedKey,
    SealedNote,
    Signing,
    Sweeping,
    Vault,
    Wallet,
    Withdrawing,
    Withdrawn,
)
from bot.trading.intent import Mode

NO_SIGNATURE = bytes(64)


class UnsignedVault:
    """Wallets are sealed by `keeper` under the master key, so that their keys exist and stay guarded.

    What a paper order carries in the place of a signature is zeros, which no cluster takes for one.
    """

    def __init__(
        self, keeper: Vault, fence: Callable[[], None] | None = None, signed: frozenset[Mode] = frozenset()
    ) -> None:
        """`keeper` signs for wallets of the modes in `signed`, and nobody for any other.

        `fence` raises LeaseLost when this process may not sign; without one nobody else could be signing.
        """
        self._keeper, self._fence, self._signed = keeper, fence, signed

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

    async def new_code(self, user_id: str, current: SealedNote | None, code: str) -> NewCode:
        return await self._keeper.new_code(user_id, current, code)

    async def confirm_code(self, user_id: str, pending: SealedNote, code: str) -> SealedNote:
        return await self._keeper.confirm_code(user_id, pending, code)

    async def renew_note(self, user_id: str, kind: NoteKind, note: SealedNote) -> SealedNote:
        return await self._keeper.renew_note(user_id, kind, note)

    async def allow(self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str) -> Allowance:
        return await self._keeper.allow(wallet, key, address, current, code)

    async def sign_withdrawal(self, wallet: Wallet, key: SealedKey, asked: Withdrawing) -> Withdrawn:
        """Of a wallet that is signed for; raises SigningRefused for play money."""
        if wallet.mode in self._signed:
            return await self._keeper.sign_withdrawal(wallet, key, asked)
        await trio.lowlevel.checkpoint()
        raise SigningRefused(f"{wallet.address} holds play money, which is not sent anywhere")

    async def allow_safe(
        self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str
    ) -> Allowance:
        return await self._keeper.allow_safe(wallet, key, address, current, code)

    async def sign_sweep(self, wallet: Wallet, key: SealedKey, asked: Sweeping) -> bytes:
        """Of a wallet that is signed for; raises SigningRefused for play money."""
        if wallet.mode in self._signed:
            return await self._keeper.sign_sweep(wallet, key, asked)
        await trio.lowlevel.checkpoint()
        raise SigningRefused(f"{wallet.address} holds play money, which is not sent anywhere")

    async def freeze(self, wallet: Wallet, key: SealedKey) -> None:
        await self._keeper.freeze(wallet, key)

    async def unfreeze(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> SealedNote:
        return await self._keeper.unfreeze(wallet, key, current, code)

    async def demand_export(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> ExportDemand:
        """Of a wallet that is signed for; raises SigningRefused for play money."""
        if wallet.mode in self._signed:
            return await self._keeper.demand_export(wallet, key, current, code)
        await trio.lowlevel.checkpoint()
        raise SigningRefused(f"{wallet.address} holds play money, whose key is of no use to anybody")

    async def export_key(
        self, wallet: Wallet, key: SealedKey, demand: SealedNote, current: SealedNote, code: str
    ) -> ExportedKey:
        """Nobody can have asked for the key of play money, so that the keeper finds no demand of it."""
        return await self._keeper.export_key(wallet, key, demand, current, code)

    async def page_code(self, user_id: str, unlock: SealedNote) -> str:
        return await self._keeper.page_code(user_id, unlock)

    async def take_back_exports(self, user_id: str) -> None:
        await self._keeper.take_back_exports(user_id)

    async def sign(self, wallet: Wallet, key: SealedKey, asked: Signing) -> bytes:
        """The keeper's signature, or zeros behind the same fence: a bot that lost its lease fills no paper order either."""
        if wallet.mode in self._signed:
            return await self._keeper.sign(wallet, key, asked)
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        return NO_SIGNATURE
