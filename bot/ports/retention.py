"""What the books keep for a time and not for good: what nobody asks about any more."""

from __future__ import annotations

from typing import Protocol

RUNS_KEPT_MS = 8 * 86_400_000  # a week of looks that came to nothing, and a day
MESSAGES_KEPT_MS = 35 * 86_400_000  # a month of what was told, and some days
DECISIONS_KEPT_MS = 8 * 86_400_000  # of automated traders, and refused copies: as looks that came to nothing
SWAPS_KEPT_MS = 30 * 86_400_000  # of followed wallets, whose books know what came of them
BOOKS_KEPT_MS = (
    91 * 86_400_000
)  # what rested for ninety days counts in no score (bot/trading/wallet_score.py), and a day
FORGOTTEN_AT_ONCE = 5_000


class RetentionStore(Protocol):
    async def forget_runs(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` looks of snipers at tokens that were skipped or expired before the moment; how many.

        A look that became an order stays, as all orders do.
        """

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` messages that were written before the moment and are owed no more; how many."""

    async def forget_decisions(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` decisions of automated traders of before the moment that became no order; how many.

        One that is still planned stays, because its order may come to be known.
        """

    async def forget_refusals(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` copies that were refused before the moment; how many. What was ordered stays."""

    async def forget_swaps(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` swaps of followed wallets that are of before the moment; how many.

        Their wallets' books stay as they are, and take a swap that is recorded later as if all were still there. A swap
        of which nobody has decided what to copy stays, and so does one that is in no book yet.
        """

    async def forget_books(self, before_ms: int, limit: int) -> int:
        """Drop at most `limit` books of followed wallets in tokens that they traded last before the moment; how many.

        A book of which a swap is kept stays.
        """
