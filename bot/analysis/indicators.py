"""Averages over candles, moved on by one candle at a time: exponential means, relative strength, true range.

Time without a trade counts as candles whose price stands still; any number of them is folded in at once, so that a token
that slept for a day costs no more than one that did not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FAST, SLOW, LENGTH = 12, 26, 14  # candles: the usual two means, and the usual span of strength and range
CHANGES_LEAST = 3  # with fewer changes of the price its strength is no number


@dataclass(frozen=True, slots=True)
class Indicators:
    """What candles of one period say; NaN where there are too few of them.

    `trend` is how far the fast mean of closes lies above the slow one, as a fraction of the slow one. `rsi` is Wilder's
    relative strength, 0 to 100, 50 for a price that stands still. `range_share` is Wilder's average true range as a
    fraction of the price. `candles` is how many periods have begun since the first trade.
    """

    trend: float
    rsi: float
    range_share: float
    candles: int


class Averages:
    """The running means of one period. Not thread-safe, not shared between tokens."""

    __slots__ = ("_changes", "_close", "_fast", "_gain", "_loss", "_range", "_slow", "count")

    def __init__(self) -> None:
        self.count = 0  # candles
        self._changes = 0
        self._close = self._fast = self._slow = math.nan
        self._gain = self._loss = self._range = 0.0

    def copied(self) -> Averages:
        """The same state, to look ahead with."""
        other = Averages.__new__(Averages)
        for name in Averages.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def take(self, high: float, low: float, close: float) -> None:
        """Fold in one candle; prices are positive and finite."""
        if self.count == 0:
            self._fast = self._slow = close
            span = high - low
        else:
            self._fast += (close - self._fast) * 2 / (FAST + 1)
            self._slow += (close - self._slow) * 2 / (SLOW + 1)
            span = max(high, self._close) - min(low, self._close)
            self._changed(close - self._close)
        self.count += 1
        self._range += (span - self._range) / min(self.count, LENGTH)
        self._close = close

    def stand_still(self, candles: int) -> None:
        """Fold in that many candles without a trade; nothing before the first one that had any."""
        if candles <= 0 or self.count == 0:
            return
        self._fast = self._close + (self._fast - self._close) * (1 - 2 / (FAST + 1)) ** candles
        self._slow = self._close + (self._slow - self._close) * (1 - 2 / (SLOW + 1)) ** candles
        self._range *= _fading(self.count, candles)
        fading = _fading(self._changes, candles)
        self._gain *= fading
        self._loss *= fading
        self.count += candles
        self._changes += candles

    def read(self) -> Indicators:
        """What stands now."""
        if self.count == 0:
            return Indicators(math.nan, math.nan, math.nan, 0)
        return Indicators(
            trend=self._fast / self._slow - 1,
            rsi=self._rsi(),
            range_share=self._range / self._close,
            candles=self.count,
        )

    def _changed(self, change: float) -> None:
        self._changes += 1
        span = min(self._changes, LENGTH)
        self._gain += (max(change, 0.0) - self._gain) / span
        self._loss += (max(-change, 0.0) - self._loss) / span

    def _rsi(self) -> float:
        if self._changes < CHANGES_LEAST:
            return math.nan
        moved = self._gain + self._loss
        return 100 * self._gain / moved if moved > 0 else 50.0


def _fading(count: int, more: int) -> float:
    """What is left of a mean over `count` values after `more` zeros: of all while it is young, of the span later."""
    while_young = min(more, max(LENGTH - count, 0))
    left = count / (count + while_young) if while_young else 1.0
    fading: float = (1 - 1 / LENGTH) ** (more - while_young)
    return left * fading
