"""The ledger as the reconciler reads and completes it: what a wallet's entries sum to, and what came from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.trading.ledger import Entry


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """One comparison of a wallet's ledger with its balance on the chain at `slot`; `at_ms` is when it was made."""

    wallet_id: str
    slot: int
    chain_lamports: int
    booked_lamports: int
    at_ms: int

    @property
    def is_exact(self) -> bool:
        """Whether the ledger explains every lamport."""
        return self.chain_lamports == self.booked_lamports


@dataclass(frozen=True, slots=True)
class WalletLedger:
    """What the entries of a wallet say that it holds.

    `opened_slot` is where its books began, None before they have: nothing that landed up to there has an entry of its
    own unless it is an order of ours. `check` is the latest comparison that was kept, None before the first.
    """

    booked_lamports: int
    opened_slot: int | None
    check: LedgerCheck | None


class LedgerStore(Protocol):
    async def wallet_ledger(self, wallet_id: str) -> WalletLedger:
        """The ledger of a wallet in short; one that does not exist has nothing."""

    async def ours(self, wallet_id: str, signatures: Sequence[str]) -> set[str]:
        """Which of these transactions a wallet's books explain: attempts of its orders, those with an entry or an adjustment.

        An order of another wallet explains nothing: one that sends SOL here has brought it from outside of these books.
        """

    async def outside(self, wallet_id: str) -> list[str]:
        """The transactions that the books of a wallet hold for no order of ours, by an entry or an adjustment that stands."""

    async def book(self, entries: Sequence[Entry], *, booked_lamports: int) -> bool:
        """Write what no order of ours explains, all entries of one wallet, in one transaction that holds its row.

        False, and nothing is written, when the wallet's ledger does not sum to `booked_lamports` any more, or one of
        the entries is there already: then somebody else wrote meanwhile, and the chain is to be looked at again.
        Raises ValueError for entries that do not balance, LookupError for a wallet that does not exist.
        """

    async def keep_check(self, check: LedgerCheck) -> None:
        """Keep a comparison; one of an older slot than the one that is kept changes nothing.

        Raises LookupError for a wallet that does not exist.
        """
