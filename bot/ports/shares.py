"""What leaders who are users of this bot would get of their followers' gains, written down, and how followers stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.trading.intent import Mode


@dataclass(frozen=True, slots=True)
class ShareSums:
    """One pair: sales of copied live positions, their results, the highest sum of those so far, and the leader's share."""

    follower_id: str
    sales: int
    result_lamports: int
    high_water_lamports: int
    share_lamports: int


@dataclass(frozen=True, slots=True)
class FollowerCounts:
    """Who follows users of this bot with money: how many rules copy now, how many ever did, and how they stay.

    `old` rules began `days` ago or earlier, of which `old_copying` copy still.
    """

    copying: int
    ever: int
    days: int
    old: int
    old_copying: int


class ShareStore(Protocol):
    async def book_shares(self, leader_id: str, now_ms: int) -> int:
        """Write down the sales of all followers that are not yet, each at the share of its time; how many. A row stays for ever.

        Sales count that are two minutes old, of live positions that a copy of this leader opened. Raises LookupError for an
        unknown user.
        """

    async def share_sums(self, leader_id: str) -> list[ShareSums]:
        """By follower, in the order of their first sale."""

    async def followers(self, leader_ids: list[str], mode: Mode) -> dict[str, int]:
        """How many users copy each of these users in this mode now; who has none is left out."""

    async def follower_counts(self, now_ms: int, days: int) -> FollowerCounts:
        """All live rules for users of this bot together: who copies on paper risks nothing."""
