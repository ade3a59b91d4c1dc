"""The take-profit in levels: at each gain a share of what was bought is sold, once. Pure.

Levels are kept as one row of numbers, gain and share in basis points by turns, the lowest gain first: 50 % and then 100 %,
a quarter of what was bought at each, is `(5000, 2500, 10000, 2500)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.trading.units import BPS, bps_floor

LEVELS_MOST = 6
GAIN_LEAST_BPS = 100
GAIN_MOST_BPS = 1_000 * BPS


@dataclass(frozen=True, slots=True)
class Level:
    """Sell `share_bps` of what was bought at a gain of `gain_bps` on the basis."""

    gain_bps: int
    share_bps: int


def levels_of(numbers: Sequence[int]) -> tuple[Level, ...]:
    """The levels of a row of numbers, none for an empty one. Raises ValueError, whose text says what is wrong."""
    if len(numbers) % 2 or len(numbers) > 2 * LEVELS_MOST:
        raise ValueError(f"there are up to {LEVELS_MOST} levels, each a gain and a share")
    levels = tuple(Level(*numbers[at : at + 2]) for at in range(0, len(numbers), 2))
    if any(not GAIN_LEAST_BPS <= level.gain_bps <= GAIN_MOST_BPS for level in levels):
        raise ValueError(f"the gain of a level goes from {GAIN_LEAST_BPS // 100} % to {GAIN_MOST_BPS // 100} %")
    if any(one.gain_bps >= other.gain_bps for one, other in pairwise(levels)):
        raise ValueError("each level has a higher gain than the one before it")
    if any(level.share_bps < 1 for level in levels) or sum(level.share_bps for level in levels) > BPS:
        raise ValueError("each level sells something, and all of them no more than 100 % of what was bought")
    return levels


def level_raw(levels: Sequence[Level], number: int, bought_raw: int) -> int:
    """What one level sells, in raw tokens. Of levels that sum to everything the parts do so to the raw unit."""
    before_bps = sum(level.share_bps for level in levels[:number])
    return bps_floor(bought_raw, before_bps + levels[number].share_bps) - bps_floor(bought_raw, before_bps)


def sells_the_rest(levels: Sequence[Level], number: int) -> bool:
    """Whether nothing of what was bought is left behind this level."""
    return sum(level.share_bps for level in levels[: number + 1]) == BPS
