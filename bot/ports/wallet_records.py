"""What followed wallets came to: the sums of the books that every recorded swap of theirs is written into."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from bot.trading.wallet_ledger import WalletRecord


class WalletRecordStore(Protocol):
    async def wallet_records(self, addresses: Collection[str], since_s: int) -> dict[str, WalletRecord]:
        """The sums by address over the tokens that each traded after `since_s` (seconds since 1970); without such none."""

    async def fold_unbooked(self, limit: int) -> int:
        """Fold the swaps of at most `limit` tokens that have no book yet; how many those were.

        A book is written with each swap that is recorded; those of a database that is older than the books have none.
        """
