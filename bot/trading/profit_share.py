"""A leader's part of what a follower gains, above that follower's best so far. Figures alone, no money moves. Pure, integers.

For each pair of leader and follower the results of copied positions are summed as they are sold, part by part. Only what lifts
the sum above its highest value so far has a share, so that a loss which is won back is not shared twice. Shares of many small
gains are the share of their sum, to the lamport, because what rounding leaves is carried on.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.units import BPS


@dataclass(frozen=True, slots=True)
class ShareState:
    """One pair: all results together, their highest sum, never below 0, and gains times basis points, summed."""

    result_lamports: int = 0
    high_water_lamports: int = 0
    weighed: int = 0

    @property
    def share_lamports(self) -> int:
        """All shares so far, rounded down once."""
        return self.weighed // BPS


def shared(before: ShareState, result_lamports: int, share_bps: int) -> tuple[ShareState, int]:
    """The pair after one more sale, and the share of that sale in lamports, which is never negative."""
    total = before.result_lamports + result_lamports
    gain = max(0, total - before.high_water_lamports)
    after = ShareState(total, before.high_water_lamports + gain, before.weighed + gain * share_bps)
    return after, after.share_lamports - before.share_lamports
