"""Keys that leave the vault: for a code of their user, after a delay, for another code, and as a page that a third one opens.

The vault's own note says what was asked for, for which wallet and from when on, and its own book what was taken back: whoever
holds the socket and every row brings no moment nearer and revives nothing. A frozen wallet's key stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from bot.errors import SigningRefused
from bot.ports import ExportDemand, ExportedKey, NoteKind, SealedNote, Wallet
from bot.trading.units import span
from bot.vault.envelope import overwrite
from bot.vault.export_page import make_code, make_page
from bot.vault.guard import SigningGuard
from bot.vault.notes import Notes
from bot.vault.second_factor import SecondFactors

log = structlog.get_logger()

COUNTS_FOR_MS = 24 * 3_600_000  # how long a key may be taken once its time has come
CODE_WITHIN_MS = 10 * 60_000  # how long after its page a code is said


class Demanded(msgspec.Struct, frozen=True, array_like=True):
    """What a note of a demand says: whose key, when it was asked for, between which moments, under which line of secrets."""

    wallet_address: str
    at_ms: int
    not_before_ms: int
    not_after_ms: int
    line: str


class PageCode(msgspec.Struct, frozen=True, array_like=True):
    """What opens a page, whose key that holds, when it was handed out, and until when its code is said."""

    code: str
    wallet_address: str
    at_ms: int
    not_after_ms: int

    def __repr__(self) -> str:
        return "<PageCode>"


@dataclass(frozen=True, slots=True)
class Exports:
    """The guard has the clock and the delay, the second factors the book of what was taken back."""

    notes: Notes
    factors: SecondFactors
    guard: SigningGuard

    def demand(self, wallet: Wallet, current: SealedNote, code: str) -> ExportDemand:
        """See `Vault.demand_export`; the caller has seen that the wallet is its user's."""
        secret, after = self.factors.use(wallet.user_id, current, code)
        now_ms = self.guard.clock.now_ms()
        not_before_ms = now_ms + self.guard.bounds.export_delay_ms
        wish = Demanded(wallet.address, now_ms, not_before_ms, not_before_ms + COUNTS_FOR_MS, secret.line)
        log.warning("export_demanded", user=wallet.user_id, wallet=wallet.address, from_ms=not_before_ms)
        note = self.notes.seal(wallet.user_id, NoteKind.EXPORT, wish)
        return ExportDemand(note, wish.not_before_ms, wish.not_after_ms, after)

    def judge(self, wallet: Wallet, demand: SealedNote, current: SealedNote) -> None:
        """Raise SigningRefused or KeyUnavailable for a demand that does not count now. Uses no code."""
        wish = self.notes.open(wallet.user_id, NoteKind.EXPORT, demand, Demanded)
        secret, now_ms = self.factors.in_force(wallet.user_id, current), self.guard.clock.now_ms()
        if wish.wallet_address != wallet.address:
            raise SigningRefused("the key of another wallet was asked for")
        if wish.line != secret.line:
            raise SigningRefused("the key was asked for under a second factor that is not in force any more")
        if wish.at_ms <= self.factors.book.exports_void_ms(wallet.user_id):
            raise SigningRefused("its user took that back")
        if now_ms < wish.not_before_ms:
            raise SigningRefused(f"no key is handed out for another {span((wish.not_before_ms - now_ms) / 1000)}")
        if now_ms >= wish.not_after_ms:
            raise SigningRefused("the time in which that key could be taken is over")

    def hand_out(self, wallet: Wallet, keypair: bytearray, current: SealedNote, code: str) -> ExportedKey:
        """Use the user's code up and make the page. The keypair, 64 bytes, is overwritten here, whatever comes of it."""
        try:
            _, after = self.factors.use(wallet.user_id, current, code)
            opens = make_code()
            page = make_page(wallet.address, keypair, opens)
        finally:
            overwrite(keypair)
        log.warning("key_exported", user=wallet.user_id, wallet=wallet.address)
        now_ms = self.guard.clock.now_ms()
        said = PageCode(opens, wallet.address, now_ms, now_ms + CODE_WITHIN_MS)
        return ExportedKey(page, self.notes.seal(wallet.user_id, NoteKind.UNLOCK, said), after)

    def code_of(self, user_id: str, unlock: SealedNote) -> str:
        """See `Vault.page_code`.

        What its user takes back, or freezes, between a page and its code leaves a file that nothing opens.
        """
        said = self.notes.open(user_id, NoteKind.UNLOCK, unlock, PageCode)
        if said.at_ms <= self.factors.book.exports_void_ms(user_id):
            raise SigningRefused("its user took that back")
        if self.factors.book.is_frozen(user_id, said.wallet_address):
            raise SigningRefused(f"wallet {said.wallet_address} is frozen")
        if self.guard.clock.now_ms() >= said.not_after_ms:
            raise SigningRefused("the time in which that code is said is over; take the key again")
        return said.code

    def take_back(self, user_id: str) -> None:
        """See `Vault.take_back_exports`."""
        self.factors.book.take_back_exports(user_id)
        log.warning("exports_taken_back", user=user_id)
