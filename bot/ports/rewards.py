"""The ledger of points that users earn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.trading.rewards import Award, RewardedAction


@dataclass(frozen=True, slots=True)
class RewardSums:
    """What a user earned with one action: how often, and how many points."""

    action: RewardedAction
    awards: int
    points: int


class RewardStore(Protocol):
    async def award_due(self, user_id: str, now_ms: int) -> list[Award]:
        """Write what a user has earned and not got yet, and give that back; rows are never changed or deleted.

        Earned is what two minutes ago was so: his beginning, live buys, and ratings of tokens that he bought live. Raises
        LookupError for an unknown user.
        """

    async def reward_sums(self, user_id: str) -> list[RewardSums]:
        """By action, in the order of `RewardedAction`; actions without an award are left out."""
