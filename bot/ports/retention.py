"""What the books keep for a time and not for good: what nobody asks about any more."""

from __future__ import annotations

from typing import Protocol

RUNS_KEPT_MS = 8 * 86_400_000  # a week of looks that came to nothing, and a day
MESSAGES_KEPT_MS = 35 * 86_400_000  # a month of what was told, and some days
FORGOTTEN_AT_ONCE = 5_000


class RetentionStore(Protocol):
    async def forget_runs(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` looks of snipers at tokens that were skipped or expired before the moment; how many.

        A look that became an order stays, as all orders do.
        """

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        """Drop the oldest `limit` messages that were written before the moment and are owed no more; how many."""
