"""The port `Vault` with keys sealed in our own rows and signing in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import structlog
import trio
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from solders.pubkey import Pubkey

from bot.errors import KeyUnavailable, SigningRefused, WalletFrozen
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
    Wallet,
    Withdrawing,
    Withdrawn,
)
from bot.vault.code_book import CodeBook
from bot.vault.envelope import open_sealed, overwrite, seal
from bot.vault.exports import Exports
from bot.vault.fernet_rows import seed_in
from bot.vault.guard import SigningGuard
from bot.vault.master_key import MasterKey
from bot.vault.notes import Notes
from bot.vault.second_factor import SecondFactors
from bot.vault.withdrawals import Withdrawals

log = structlog.get_logger()

SEED_BYTES = 32


class LocalVault:
    """Signs what its guard lets through, with keys that it opens for the moment of one signature.

    What can be overwritten is overwritten. Copies that the libraries make inside are theirs; SECURITY.md says what that
    means.
    """

    def __init__(
        self,
        master_key: MasterKey,
        guard: SigningGuard,
        fence: Callable[[], None] | None = None,
        *,
        former: Sequence[MasterKey] = (),
        fernet: Fernet | None = None,
        book: CodeBook | None = None,
    ) -> None:
        """Rows are sealed under `master_key`, and open under that and the `former` ones; `fernet` opens wallets to adopt.

        `fence` raises LeaseLost when this process may not sign; without one nobody else could be signing. Without a `book` no
        code that was used is remembered for longer than this object lives.
        """
        self._master_key, self._guard = master_key, guard
        self._keys = {key.id: key for key in (master_key, *former)}
        self._fence, self._fernet = fence, fernet
        self._notes = Notes(master_key, self._keys)
        self._book = book or CodeBook(guard.clock)
        self._factors = SecondFactors(self._notes, self._book)
        self._withdrawals = Withdrawals(self._notes, self._factors, guard)
        self._exports = Exports(self._notes, self._factors, guard)

    def __repr__(self) -> str:
        return f"<LocalVault {self._master_key.id}>"

    async def key_ids(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return list(self._keys)

    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        await trio.lowlevel.checkpoint()
        seed = bytearray(os.urandom(SEED_BYTES))
        try:
            address = _address_of(Ed25519PrivateKey.from_private_bytes(seed))
            return address, seal(self._master_key, user_id, address, seed)
        finally:
            overwrite(seed)

    async def adopt(self, user_id: str, address: str, token: bytes) -> SealedKey:
        await trio.lowlevel.checkpoint()
        if self._fernet is None:
            raise KeyUnavailable(
                "the vault has no Fernet key; name its file in wallets.fernet_key_file and start it again"
            )
        seed = seed_in(self._fernet, token, address)
        try:
            return seal(self._master_key, user_id, address, seed)
        finally:
            overwrite(seed)

    async def check_key(self, wallet: Wallet, key: SealedKey) -> None:
        await trio.lowlevel.checkpoint()
        self._opened(wallet, key)

    async def seal_anew(self, wallet: Wallet, key: SealedKey) -> SealedKey:
        await trio.lowlevel.checkpoint()
        seed, _ = _seed_of(self._key_of(wallet, key), wallet, key)
        try:
            return seal(self._master_key, wallet.user_id, wallet.address, seed)
        finally:
            overwrite(seed)

    async def new_code(self, user_id: str, current: SealedNote | None, code: str) -> NewCode:
        await trio.lowlevel.checkpoint()
        return self._factors.new(user_id, current, code)

    async def confirm_code(self, user_id: str, pending: SealedNote, code: str) -> SealedNote:
        await trio.lowlevel.checkpoint()
        return self._factors.confirm(user_id, pending, code)

    async def renew_note(self, user_id: str, kind: NoteKind, note: SealedNote) -> SealedNote:
        await trio.lowlevel.checkpoint()
        return self._notes.renew(user_id, kind, note)

    async def allow(self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str) -> Allowance:
        await self.check_key(wallet, key)
        return self._withdrawals.allow(wallet, address, current, code, NoteKind.ADDRESS)

    async def allow_safe(
        self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str
    ) -> Allowance:
        await self.check_key(wallet, key)
        return self._withdrawals.allow(wallet, address, current, code, NoteKind.SAFE)

    async def sign_sweep(self, wallet: Wallet, key: SealedKey, asked: Sweeping) -> bytes:
        """Behind the same fence as `sign`; raises LeaseLost too."""
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        signature = self.sign_sweep_now(wallet, key, asked)
        if self._fence is not None:
            self._fence()
        return signature

    def sign_sweep_now(self, wallet: Wallet, key: SealedKey, asked: Sweeping) -> bytes:
        """The same without a fence, in one go."""
        try:
            if not self._book.is_frozen(wallet.user_id, wallet.address):
                raise SigningRefused(f"wallet {wallet.address} is not frozen, and only a frozen one is swept")
            outlay = self._withdrawals.judge_sweep(wallet, asked)
            private_key = self._opened(wallet, key)
            self._guard.charge_sweep(wallet.address, asked.intent_id, outlay)
        except SigningRefused as error:
            log.error("signing_refused", wallet=wallet.address, intent=asked.intent_id, reason=str(error))
            raise
        facts = {"lamports": outlay.trade_lamports, "mint": outlay.mint}
        log.warning("sweep_signed", wallet=wallet.address, intent=asked.intent_id, **facts)
        return private_key.sign(asked.message)

    async def sign_withdrawal(self, wallet: Wallet, key: SealedKey, asked: Withdrawing) -> Withdrawn:
        """Behind the same fence as `sign`; raises LeaseLost too."""
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        withdrawn = self.sign_withdrawal_now(wallet, key, asked)
        if self._fence is not None:
            self._fence()
        return withdrawn

    def sign_withdrawal_now(self, wallet: Wallet, key: SealedKey, asked: Withdrawing) -> Withdrawn:
        """The same without a fence, in one go. The code is used last, so that what is refused for another reason uses none."""
        try:
            self._refuse_frozen(wallet)
            outlay = self._withdrawals.judge(wallet, asked)
            private_key = self._opened(wallet, key)
            current = self._withdrawals.charge(wallet, asked, outlay)
        except SigningRefused as error:
            log.error("signing_refused", wallet=wallet.address, intent=asked.intent_id, reason=str(error))
            raise
        log.warning("withdrawal_signed", wallet=wallet.address, intent=asked.intent_id, lamports=outlay.trade_lamports)
        return Withdrawn(private_key.sign(asked.message), current)

    async def freeze(self, wallet: Wallet, key: SealedKey) -> None:
        await self.check_key(wallet, key)
        self._book.freeze(wallet.user_id, wallet.address)
        log.warning("wallet_frozen", user=wallet.user_id, wallet=wallet.address)

    async def unfreeze(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> SealedNote:
        await self.check_key(wallet, key)
        _, after = self._factors.use(wallet.user_id, current, code)
        self._book.thaw(wallet.user_id, wallet.address)
        log.warning("wallet_unfrozen", user=wallet.user_id, wallet=wallet.address)
        return after

    def _refuse_frozen(self, wallet: Wallet) -> None:
        """Raise WalletFrozen for a wallet that its owner froze, whoever asks and whatever for."""
        if self._book.is_frozen(wallet.user_id, wallet.address):
            raise WalletFrozen(f"wallet {wallet.address} is frozen")

    async def demand_export(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> ExportDemand:
        await self.check_key(wallet, key)
        return self._exports.demand(wallet, current, code)

    async def export_key(
        self, wallet: Wallet, key: SealedKey, demand: SealedNote, current: SealedNote, code: str
    ) -> ExportedKey:
        """The code is used last, so that what is refused for another reason uses none."""
        await trio.lowlevel.checkpoint()
        try:
            self._refuse_frozen(wallet)
            self._exports.judge(wallet, demand, current)
        except SigningRefused as error:
            log.error("export_refused", wallet=wallet.address, reason=str(error))
            raise
        seed, private_key = _seed_of(self._key_of(wallet, key), wallet, key)
        keypair = bytearray(2 * SEED_BYTES)
        keypair[:SEED_BYTES], keypair[SEED_BYTES:] = seed, private_key.public_key().public_bytes_raw()
        overwrite(seed)
        return self._exports.hand_out(wallet, keypair, current, code)

    async def page_code(self, user_id: str, unlock: SealedNote) -> str:
        await trio.lowlevel.checkpoint()
        return self._exports.code_of(user_id, unlock)

    async def take_back_exports(self, user_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self._exports.take_back(user_id)

    async def sign(self, wallet: Wallet, key: SealedKey, asked: Signing) -> bytes:
        """Refuses a row whose key is not the wallet's, even where the seal holds. Raises LeaseLost behind the fence.

        The fence is asked once more behind the signature: who was frozen in between hands none out.
        """
        await trio.lowlevel.checkpoint()
        if self._fence is not None:
            self._fence()
        signature = self.sign_now(wallet, key, asked)
        if self._fence is not None:
            self._fence()
        return signature

    def sign_now(self, wallet: Wallet, key: SealedKey, asked: Signing) -> bytes:
        """The same without a fence, in one go: nobody else's message is judged in between. Raises as `sign`."""
        try:
            self._refuse_frozen(wallet)
            outlay = self._guard.judge(wallet.address, asked)
            private_key = self._opened(wallet, key)
            self._guard.charge(wallet.address, asked, outlay)
        except SigningRefused as error:
            log.error("signing_refused", wallet=wallet.address, intent=asked.intent_id, reason=str(error))
            raise
        return private_key.sign(asked.message)

    def _opened(self, wallet: Wallet, key: SealedKey) -> Ed25519PrivateKey:
        """The wallet's key, whose only copies here are the library's own; raises KeyUnavailable."""
        seed, private_key = _seed_of(self._key_of(wallet, key), wallet, key)
        overwrite(seed)
        return private_key

    def _key_of(self, wallet: Wallet, key: SealedKey) -> MasterKey:
        """The master key that a row names."""
        master_key = self._keys.get(key.master_key_id)
        if master_key is None:
            loaded = ", ".join(self._keys)
            raise KeyUnavailable(
                f"wallet {wallet.address} is sealed under master key {key.master_key_id}, and {loaded} is loaded"
            )
        return master_key


def _seed_of(master_key: MasterKey, wallet: Wallet, key: SealedKey) -> tuple[bytearray, Ed25519PrivateKey]:
    """The private key's 32 bytes, which the caller overwrites, and the key; KeyUnavailable for any but the wallet's own."""
    seed = open_sealed(master_key, wallet.user_id, wallet.address, key)
    if len(seed) != SEED_BYTES:
        trouble = f"wallet {wallet.address} holds {len(seed)} bytes, no key; nothing is signed with it"
    else:
        private_key = Ed25519PrivateKey.from_private_bytes(seed)
        if _address_of(private_key) == wallet.address:
            return seed, private_key
        trouble = f"the key of wallet {wallet.address} is another wallet's; nothing is signed with it"
    overwrite(seed)
    raise KeyUnavailable(trouble)


def _address_of(private_key: Ed25519PrivateKey) -> str:
    return str(Pubkey.from_bytes(private_key.public_key().public_bytes_raw()))
