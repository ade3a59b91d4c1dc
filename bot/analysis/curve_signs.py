"""Where a token stands on its curve: price, progress, what sellers can be paid from, and how fast that changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.flow import Volume
from bot.trading.curve import INITIAL_REAL_TOKEN_RAW, Curve

TOKEN_RAW = 1_000_000  # raw units in a whole token


@dataclass(frozen=True, slots=True)
class CurveSigns:
    """Fractions unless said. `price` is lamports for one whole token.

    `change` is the price against the launch, `change_m1` and `change_m5` against the last minute's and five minutes'
    beginning, `peak` the highest price against the launch, `below_peak` how much of the peak is gone, 0 to 1. `progress` is
    the part of the curve's own tokens that are sold; `drained` the part of the most SOL that was ever in it that has left.
    `lamports_per_s` is the net inflow of the last minute and `completes_in_s` how long the rest takes at that rate, NaN
    where it does not grow.
    """

    price: float
    change: float
    change_m1: float
    change_m5: float
    peak: float
    below_peak: float
    progress: float
    drained: float
    curve_lamports: int
    market_cap_lamports: int
    lamports_per_s: float
    completes_in_s: float
    complete: bool


def price_of(curve: Curve) -> float:
    """Lamports for one whole token; NaN for reserves that make no price."""
    if min(curve.virtual_token_raw, curve.virtual_quote_lamports) <= 0:
        return math.nan
    return curve.virtual_quote_lamports * TOKEN_RAW / curve.virtual_token_raw


class CurveTrack:
    """The curve of one token through its trades; a late trade does not turn it back."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self._start = self._peak = price_of(curve)
        self._most_lamports = max(curve.real_quote_lamports, 0)

    def move(self, curve: Curve) -> None:
        """Take the reserves after a trade; they make a price."""
        if curve.slot < self.curve.slot:
            return
        self.curve = curve
        price = price_of(curve)
        self._peak = price if math.isnan(self._peak) else max(self._peak, price)
        self._most_lamports = max(self._most_lamports, curve.real_quote_lamports)

    def signs(self, volume: Volume, changes: tuple[float, float]) -> CurveSigns:
        """As it stands; `changes` are those of the price over the last minute and the last five."""
        curve, price = self.curve, price_of(self.curve)
        per_s = volume.m1.net_lamports / 60
        return CurveSigns(
            price=price,
            change=price / self._start - 1,
            change_m1=changes[0],
            change_m5=changes[1],
            peak=self._peak / self._start - 1,
            below_peak=1 - price / self._peak,
            progress=min(max(1 - curve.real_token_raw / INITIAL_REAL_TOKEN_RAW, 0.0), 1.0),
            drained=1 - max(curve.real_quote_lamports, 0) / self._most_lamports if self._most_lamports else 0.0,
            curve_lamports=curve.real_quote_lamports,
            market_cap_lamports=curve.market_cap_lamports,
            lamports_per_s=per_s,
            completes_in_s=_completes_in_s(curve, per_s),
            complete=curve.complete,
        )


def _completes_in_s(curve: Curve, lamports_per_s: float) -> float:
    """Buying the curve's last own token lifts the quote side so that the product of both sides stays what it is."""
    left_raw = curve.virtual_token_raw - curve.real_token_raw
    if lamports_per_s <= 0 or curve.complete or left_raw <= 0:
        return math.nan
    missing = curve.virtual_quote_lamports * curve.virtual_token_raw // left_raw - curve.virtual_quote_lamports
    return missing / lamports_per_s
