"""Whether an hour is unlike the hours of the last days: by median and median deviation, which a bad hour does not move.

An hour counts only with enough things in it, and only beside enough hours. Floats, because shares and means are compared; nothing
here is asked by what trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from statistics import median

HOURS_MIN = 24  # with enough things in each, before anything is called unusual
DEVIATIONS = 5.0
TO_SIGMA = 1.4826  # of the median deviation of normal values
# What a share is taken for at least, and at most, when its own chance is judged: none in a week does not mean none ever.
SHARE_BOUNDS = (0.02, 0.98)


class Unit(Enum):
    """What a value is for people: a share of 0 to 1, lamports, or milliseconds."""

    SHARE = "share"
    LAMPORTS = "lamports"
    MS = "ms"


@dataclass(frozen=True, slots=True)
class Watched:
    """One measure that is compared. `high_is_bad` says in which direction it is told; `least` counts things of one hour.

    `least_change` is what a value has to differ by at least, as a part of the median; of a share in points.
    """

    name: str
    words: str
    unit: Unit
    high_is_bad: bool
    least: int
    least_change: float


@dataclass(frozen=True, slots=True)
class Hour:
    """`total` over `count` things of one hour."""

    total: int
    count: int

    @property
    def value(self) -> float:
        return self.total / self.count


@dataclass(frozen=True, slots=True)
class Unusual:
    """A value beside the `usual` one, the median of `hours` hours; `deviations` says how far it is, in what is usual."""

    value: float
    usual: float
    hours: int
    count: int
    deviations: float


def unusual(watched: Watched, now: Hour, before: Sequence[Hour]) -> Unusual | None:
    """How an hour is unlike those before it; None while it is like them, or while too little is known.

    A share of few things differs by chance alone; so much is taken off.
    """
    known = [hour.value for hour in before if hour.count >= watched.least]
    if now.count < watched.least or len(known) < HOURS_MIN:
        return None
    usual = median(known)
    spread = TO_SIGMA * median([abs(value - usual) for value in known])
    least_change = watched.least_change
    if watched.unit is Unit.SHARE:
        share = min(max(usual, SHARE_BOUNDS[0]), SHARE_BOUNDS[1])
        spread = max(spread, sqrt(share * (1 - share) / now.count))
    else:
        least_change *= usual
    worse_by = now.value - usual if watched.high_is_bad else usual - now.value
    if worse_by < least_change or worse_by <= 0 or worse_by < DEVIATIONS * spread:
        return None
    deviations = worse_by / spread if spread > 0 else DEVIATIONS
    return Unusual(now.value, usual, len(known), now.count, deviations)
