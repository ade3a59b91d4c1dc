"""Where a value stands on a sheet, and how it is written beside an axis. Floats: places and labels, never amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from bot.clock import minute_of
from bot.trading.units import LAMPORTS_PER_SOL, format_sol

STEEP = 25  # from this ratio of the highest to the lowest price on, equal steps stand for equal factors
STEPS_MS = tuple(minutes * 60_000 for minutes in (1, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10080))
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels; `low` is drawn at `at_low`. A logarithmic one takes positive values alone."""

    low: float
    high: float
    at_low: float
    at_high: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands; what is outside of the scale stands at its end."""
        low, high, value = (log10(one) if self.is_log else one for one in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.at_low + min(max(share, 0.0), 1.0) * (self.at_high - self.at_low)


def price_scale(prices: Sequence[float], at_low: float, at_high: float) -> Scale:
    """A scale that holds all of at least one positive price, with some room above and below."""
    low, high = min(prices), max(prices)
    if high / low >= STEEP:
        room = (high / low) ** 0.06
        return Scale(low / room, high * room, at_low, at_high, is_log=True)
    room = (high - low) * 0.08 or high * 0.05
    return Scale(max(low - room, 0.0), high + room, at_low, at_high)


def result_scale(results: Sequence[int], at_low: float, at_high: float) -> Scale:
    """A scale that holds zero and all of some results."""
    low, high = min(0, *results), max(0, *results)
    room = (high - low) * 0.08 or LAMPORTS_PER_SOL / 100
    return Scale(low - room if low else 0.0 - room * 0.2, high + room, at_low, at_high)


def ticks(scale: Scale, most: int) -> list[float]:
    """Round values within a scale, at most about `most`."""
    if scale.is_log:
        return _powers(scale, most)
    raw = (scale.high - scale.low) / most
    power = 10.0 ** floor(log10(raw))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= raw), 10 * power)
    first, last = ceil(scale.low / step), floor(scale.high / step)
    return [number * step for number in range(first, last + 1)]


def _powers(scale: Scale, most: int) -> list[float]:
    first, last = ceil(log10(scale.low)), floor(log10(scale.high))
    every = max(1, ceil((last - first + 1) / most))
    powers = [10.0**number for number in range(first, last + 1, every)]
    if len(powers) > 2:
        return powers
    found = [factor * 10.0**number for number in range(first - 1, last + 1) for factor in (1, 2, 5)]
    return [value for value in found if scale.low <= value <= scale.high]


def moments(start_ms: int, end_ms: int, most: int) -> list[int]:
    """Round moments of UTC within a span, at most about `most`."""
    span_ms = max(end_ms - start_ms, 1)
    step_ms = next((step for step in STEPS_MS if span_ms / step <= most), ceil(span_ms / most / DAY_MS) * DAY_MS)
    return list(range(-(-start_ms // step_ms) * step_ms, end_ms + 1, step_ms))


def moment_label(at_ms: int, zone: str, span_ms: int) -> str:
    """`14:05`, and the day instead of the minute where the span has several."""
    day, _, minute = minute_of(at_ms, zone).partition(" ")
    return minute if span_ms <= 2 * DAY_MS else day[5:]


def figure(value: float) -> str:
    """A price in four digits: `0.02814`, `3.1`, `12.5k`, `4.2e-07`."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-5:
        return f"{value:.1e}"
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            return f"{_plain(value / limit if unit != 'k' else value / 1e3, 3)}{unit}"
    return _plain(value, 4)


def _plain(value: float, digits: int) -> str:
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def sol(lamports: int, *, signed: bool = False) -> str:
    """SOL in what a glance takes in: four decimals, cut and not rounded, more for what would be nothing, fewer for a lot."""
    size = abs(lamports)
    if size >= 10**6 * LAMPORTS_PER_SOL:
        return ("+" if signed and lamports > 0 else "") + figure(lamports / LAMPORTS_PER_SOL)
    step = next((step for limit, step in ((10**6, 1), (10**12, 10**5)) if size < limit), 10**7)
    cut = size // step * step
    return format_sol(-cut if lamports < 0 else cut, signed=signed)
