"""Emptied token accounts: which of them may be closed, and what a transaction that closed some must show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.trading.fill import EvidenceError, LandedTransaction
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS

# As many as fit into one packet of 1,232 bytes beside what every transaction has: each takes 32 bytes for its key and 8 for
# its instruction.
CLOSES_AT_ONCE = 20
# Nobody waits for it, so that it pays little more than the signature itself.
PRIORITY_FEE_LAMPORTS = 1_000
FEE_LAMPORTS = SIGNATURE_FEE_LAMPORTS + PRIORITY_FEE_LAMPORTS


@dataclass(frozen=True, slots=True)
class EmptyAccount:
    """A token account of a wallet that holds nothing. `program` is its token program, addresses are base58."""

    mint: str
    address: str
    program: str
    rent_lamports: int


def worth_closing(accounts: Sequence[EmptyAccount]) -> tuple[EmptyAccount, ...]:
    """Those whose rent alone is more than the fee of the transaction that closes them."""
    return tuple(account for account in accounts if account.rent_lamports > FEE_LAMPORTS)


def check_closed(landed: LandedTransaction, mints: Sequence[str]) -> None:
    """Raise EvidenceError unless a transaction closed the accounts of these mints and did nothing else to its wallet."""
    if landed.error is not None or set(landed.closed) != set(mints):
        raise EvidenceError(
            f"{landed.signature} closed the accounts of {sorted(landed.closed)}, not of {sorted(mints)}"
        )
    brought_lamports = sum(landed.closed.values()) - landed.network_fee_lamports
    if landed.wallet_delta_lamports != brought_lamports:
        raise EvidenceError(
            f"{landed.signature} changed the wallet by {landed.wallet_delta_lamports} lamports, its accounts held"
            f" {brought_lamports} beyond the fee"
        )
