"""A row of the profit shares as the twin keeps it, and what both stores count by. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.profit_share import ShareState

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One sale of a copied position: whose pair, and how that stands after it."""

    leader_id: str
    follower_id: str
    after: ShareState
