"""The momentum of a token, 0 to 100, with the parts that it is made of; what is not known gives no points."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.bags import Holding
from bot.analysis.curve_signs import CurveSigns
from bot.analysis.flow import Volume
from bot.analysis.trend import Trend
from bot.trading.units import LAMPORTS_PER_SOL

# Points at most, and where half of them are reached.
INFLOW_POINTS, INFLOW_HALF_SOL = 30.0, 4.0
HOLDERS_POINTS, HOLDERS_HALF = 25.0, 10.0
PRESSURE_POINTS, PRESSURE_LEAST_SOL = 15.0, 0.5
PRICE_POINTS, PRICE_HALF = 20.0, 0.25
TREND_POINTS = 10.0


@dataclass(frozen=True, slots=True)
class Momentum:
    """`score` is the sum of the parts, each in points of it.

    `inflow`, at most 30: SOL that the last minute's trades left in the curve. `holders`, at most 25: how many more there
    are than a minute ago. `pressure`, at most 15: the part of the last minute's volume that bought, beyond a half.
    `price`, at most 20: the change over the last minute. `trend`, at most 10: whether buys and mentions accelerate.
    """

    inflow: float
    holders: float
    pressure: float
    price: float
    trend: float

    @property
    def score(self) -> float:
        """0 to 100."""
        return self.inflow + self.holders + self.pressure + self.price + self.trend

    @property
    def evidence(self) -> str:
        """One line for people."""
        return (
            f"inflow {self.inflow:.0f}/30, holders {self.holders:.0f}/25, pressure {self.pressure:.0f}/15,"
            f" price {self.price:.0f}/20, trend {self.trend:.0f}/10"
        )


def momentum_of(volume: Volume, holding: Holding, curve: CurveSigns, trend: Trend) -> Momentum:
    """A token whose curve is complete has none here: nobody trades on it."""
    if curve.complete:
        return Momentum(0.0, 0.0, 0.0, 0.0, 0.0)
    minute = volume.m1
    is_traded = minute.volume_lamports >= PRESSURE_LEAST_SOL * LAMPORTS_PER_SOL
    return Momentum(
        inflow=INFLOW_POINTS * _near_one(minute.net_lamports / LAMPORTS_PER_SOL, INFLOW_HALF_SOL),
        holders=HOLDERS_POINTS * _near_one(holding.growth_per_min, HOLDERS_HALF),
        pressure=PRESSURE_POINTS * max(2 * minute.bought_share - 1, 0.0) if is_traded else 0.0,
        price=PRICE_POINTS * _near_one(curve.change_m1, PRICE_HALF),
        trend=TREND_POINTS * trend.score / 100,
    )


def _near_one(value: float, half: float) -> float:
    """0 for nothing, less or no number, a half at `half`, near 1 for much more."""
    return value / (value + half) if value > 0 and math.isfinite(value) else 0.0
