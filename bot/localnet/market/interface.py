"""What the cluster asks of a market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet.chain import Chain
from bot.localnet.records import Block


class Market(Protocol):
    """A source of transactions that follows the market clock and the chain's state, and can be stored with each block."""

    @property
    def name(self) -> str:
        """One word or file name that says which market this is."""
        ...

    def genesis_accounts(self) -> Iterable[tuple[Pubkey, Account]]:
        """Wallets to fund before the first block."""
        ...

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Continue from what `drain_changes` handed out before."""
        ...

    def step(self, slot_ms: int, chain: Chain) -> Iterable[VersionedTransaction]:
        """Advance the market clock by one slot and give the signed transactions that are due in the next block."""
        ...

    def observe(self, block: Block, chain: Chain) -> None:
        """See what landed."""
        ...

    def drain_changes(self) -> dict[str, bytes | None]:
        """What changed since the last call, for storing; None removes a key."""
        ...

    def owns(self, fee_payer: str) -> bool:
        """Whether this address is one of the market's wallets."""
        ...

    def statistics(self) -> dict[str, Any]:
        """Counts for `status`."""
        ...
