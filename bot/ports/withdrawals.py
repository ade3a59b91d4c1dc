"""Withdrawals: addresses that a user has allowed, and orders that send SOL there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.ports.notes import NoteKind, SealedNote
from bot.ports.outbox import OutboxMessage
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Intent, TradeRequest
from bot.trading.ledger import Leg
from bot.trading.risk_gate import Refused


@dataclass(frozen=True, slots=True)
class AllowedAddress:
    """An address to which SOL of one wallet may be sent from `not_before_ms` on; or, where it is safe, is swept from then on.

    The row is for people; what counts is the vault's note of it, whose name is `note`.
    """

    id: str
    user_id: str
    wallet_id: str
    address: str
    not_before_ms: int
    added_at_ms: int
    is_safe: bool = False

    @property
    def note(self) -> str:
        return f"{NoteKind.SAFE if self.is_safe else NoteKind.ADDRESS}:{self.id}"


def safe_address(rows: Iterable[AllowedAddress], wallet_id: str, now_ms: int) -> AllowedAddress | None:
    """The safe address of a wallet at a moment: the one that was registered last of those that count; None where none does."""
    safe = [row for row in rows if row.is_safe and row.wallet_id == wallet_id and row.not_before_ms <= now_ms]
    return max(safe, key=lambda row: row.not_before_ms, default=None)


class WithdrawalStore(Protocol):
    async def allowed_addresses(self, user_id: str) -> list[AllowedAddress]:
        """Those that were not removed, oldest first."""

    async def allow_address(
        self, row: AllowedAddress, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        """Write an address with its notes, the message that tells its user, and who did it into the audit, together.

        Raises LookupError for a wallet that the user does not have, Conflict where it has the address already for the same.
        """

    async def remove_address(self, user_id: str, address_id: str, now_ms: int) -> bool:
        """Take an address and its note away; False, changing nothing, where the user has no such one."""

    async def plan_withdrawal(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, wallet_lamports: int
    ) -> Intent | Refused:
        """Judge a withdrawal or a sweep and write its intent, in a transaction that holds the wallet.

        It is refused where another one of the wallet is on its way, where its address is not allowed for it, and
        where more would leave than may; a sweep leaves nothing for exits. A request whose key has an intent gives
        that intent. Raises LookupError for a wallet that the user does not have, Conflict when `intent_id` is taken.
        """

    async def settle_withdrawal(
        self, intent_id: str, landed: LandedTransaction, *, legs: tuple[Leg, ...], message: OutboxMessage, now_ms: int
    ) -> bool:
        """What a withdrawal took, into the ledger, its intent ends as filled, and its user is told; in one transaction.

        False, and nothing is written, where this landing is booked already. Raises LookupError for no such intent or attempt
        of it, Conflict for one that ended another way.
        """
