"""Candles of one token from its trades, in rings: the newest of each period, and what they say together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.analysis.flow import Flow
from bot.analysis.indicators import Averages, Indicators

SECOND_MS = 1_000
QUARTER_MS = 15_000
MINUTE_MS = 60_000
KEPT = 120  # candles of each period that had a trade: two minutes, half an hour and two hours at the least


@dataclass(slots=True)
class Candle:
    """One period with at least one trade. Prices are lamports for one whole token, floats; amounts are lamports."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    buys: int = 0
    sells: int = 0
    bought_lamports: int = 0
    sold_lamports: int = 0


@dataclass(frozen=True, slots=True)
class CandleSigns:
    """The indicators on candles of a second, and the price against the mean that was paid since the launch.

    `over_vwap` is a fraction: 0.1 for a price ten percent above the volume-weighted mean of all trades; NaN without any.
    """

    s1: Indicators
    over_vwap: float


class CandleRing:
    """The newest candles of one period and the averages over all that were ever closed."""

    def __init__(self, period_ms: int) -> None:
        self.period_ms = period_ms
        self._candles: deque[Candle] = deque(maxlen=KEPT)
        self._closed = Averages()

    def add(self, at_ms: int, price: float, lamports: int, *, is_buy: bool) -> None:
        """Count a trade at or after those before it; an earlier one counts in the newest candle, since that is open yet."""
        start_ms = at_ms - at_ms % self.period_ms
        newest = self._candles[-1] if self._candles else None
        if newest is None or start_ms > newest.start_ms:
            opened = price
            if newest is not None:
                opened = newest.close
                self._closed.take(newest.high, newest.low, newest.close)
                self._closed.stand_still((start_ms - newest.start_ms) // self.period_ms - 1)
            newest = Candle(start_ms, opened, max(opened, price), min(opened, price), price)
            self._candles.append(newest)
        newest.high = max(newest.high, price)
        newest.low = min(newest.low, price)
        newest.close = price
        if is_buy:
            newest.buys += 1
            newest.bought_lamports += lamports
        else:
            newest.sells += 1
            newest.sold_lamports += lamports

    def indicators(self, at_ms: int) -> Indicators:
        """With the candle that is open at `at_ms`, and those that have stood still since the last trade."""
        averages = self._closed.copied()
        if self._candles:
            newest = self._candles[-1]
            averages.take(newest.high, newest.low, newest.close)
            averages.stand_still((at_ms - newest.start_ms) // self.period_ms)
        return averages.read()

    def flow(self, at_ms: int, candles: int) -> Flow:
        """Of the period that `at_ms` lies in and the ones before it, so many in all."""
        end_ms = at_ms - at_ms % self.period_ms
        buys = sells = bought = sold = 0
        for candle in self._until(end_ms, end_ms - (candles - 1) * self.period_ms):
            buys += candle.buys
            sells += candle.sells
            bought += candle.bought_lamports
            sold += candle.sold_lamports
        return Flow(buys, sells, bought, sold)

    def change(self, at_ms: int, candles: int) -> float:
        """The price now against the one at the beginning of so many periods, as a fraction; 0 where none had a trade."""
        end_ms = at_ms - at_ms % self.period_ms
        last = first = None
        for candle in self._until(end_ms, end_ms - (candles - 1) * self.period_ms):
            last = last or candle
            first = candle
        return last.close / first.open - 1 if first is not None and last is not None and first.open > 0 else 0.0

    def shown(self) -> tuple[Candle, ...]:
        """Copies, the oldest first; periods without a trade are left out."""
        return tuple(replace(candle) for candle in self._candles)

    def _until(self, end_ms: int, begin_ms: int) -> Iterator[Candle]:
        """Candles that begin within these bounds, the newest first."""
        for candle in reversed(self._candles):
            if candle.start_ms < begin_ms:
                return
            if candle.start_ms <= end_ms:
                yield candle
