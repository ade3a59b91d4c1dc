"""Where SOL may leave a wallet for: addresses that its user allowed by a code, each from its own moment on.

What allows one is a note of the vault's, bound to user, wallet and address, with the moment in it. Whoever holds the socket and
every row can neither make a note, nor move one to another wallet, nor bring its moment nearer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from bot.errors import SigningRefused
from bot.ports import Allowance, NoteKind, SealedNote, Sweeping, Wallet, Withdrawing
from bot.trading.units import span
from bot.vault.guard import SigningGuard
from bot.vault.notes import Notes
from bot.vault.policy import Outlay, judge_sweep, judge_withdrawal, refuse_target
from bot.vault.second_factor import SecondFactors

log = structlog.get_logger()


class AllowedTarget(msgspec.Struct, frozen=True, array_like=True):
    """What a note of an address says: of which wallet, where to, from when on, and under which line of secrets."""

    wallet_address: str
    address: str
    not_before_ms: int
    line: str


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The guard has the clock, the delay, and what was signed."""

    notes: Notes
    factors: SecondFactors
    guard: SigningGuard

    def allow(self, wallet: Wallet, address: str, current: SealedNote, code: str, kind: NoteKind) -> Allowance:
        """See `Vault.allow` and `Vault.allow_safe`; the caller has seen that the wallet is its user's."""
        refuse_target(wallet.address, address)
        secret, after = self.factors.use(wallet.user_id, current, code)
        not_before_ms = self.guard.clock.now_ms() + self.guard.bounds.address_delay_ms
        target = AllowedTarget(wallet.address, address, not_before_ms, secret.line)
        facts = {"user": wallet.user_id, "wallet": wallet.address, "to": address, "from_ms": not_before_ms}
        log.warning("address_allowed", kind=kind.value, **facts)
        return Allowance(self.notes.seal(wallet.user_id, kind, target), not_before_ms, after)

    def judge(self, wallet: Wallet, asked: Withdrawing) -> Outlay:
        """What a withdrawal takes; raises SigningRefused and KeyUnavailable. Changes nothing, and uses no code."""
        target = self._target(wallet, asked.allowed, asked.current, kind=NoteKind.ADDRESS)
        return judge_withdrawal(wallet.address, asked.message, target, self.guard.bounds)

    def judge_sweep(self, wallet: Wallet, asked: Sweeping) -> Outlay:
        """The same of a sweep; the caller has seen that the wallet is frozen."""
        target = self._target(wallet, asked.safe, asked.current, kind=NoteKind.SAFE)
        return judge_sweep(wallet.address, asked.message, target, self.guard.bounds)

    def _target(self, wallet: Wallet, note: SealedNote, current: SealedNote, *, kind: NoteKind) -> str:
        """The address that a note allows this wallet to send to now; raises SigningRefused and KeyUnavailable."""
        target = self.notes.open(wallet.user_id, kind, note, AllowedTarget)
        secret = self.factors.in_force(wallet.user_id, current)
        if target.wallet_address != wallet.address:
            raise SigningRefused("the address was allowed for another wallet")
        if target.line != secret.line:
            raise SigningRefused("the address was allowed under a second factor that is not in force any more")
        wait_ms = target.not_before_ms - self.guard.clock.now_ms()
        if wait_ms > 0:
            raise SigningRefused(f"nothing is sent to {target.address} for another {span(wait_ms / 1000)}")
        return target.address

    def charge(self, wallet: Wallet, asked: Withdrawing, outlay: Outlay) -> SealedNote:
        """Use the code up and count the withdrawal, which is signed now; the note of the codes from now on."""
        _, after = self.factors.use(wallet.user_id, asked.current, asked.code)
        self.guard.charge_withdrawal(wallet.address, asked.intent_id, outlay)
        return after
