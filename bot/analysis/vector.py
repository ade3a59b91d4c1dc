"""The one definition of what a model sees of a token, for training and for serving: names in order, and their hash."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bot.analysis.features import Features
from bot.analysis.token_analysis import Analysis
from bot.trading.units import LAMPORTS_PER_SOL

# Beyond this no value of a launchpad is a measurement; it is unknown then.
PLAUSIBLE_MAX = 1e9


class Needs(StrEnum):
    """What a market must tell before a feature means anything. A recording that names no traders has no buyers to count."""

    CURVE = "curve"
    TRADERS = "traders"
    LAUNCH = "launch"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a token besides its curve: who traded, and everything from its launch on."""

    traders: bool = True
    launch: bool = True

    def has(self, needs: Needs) -> bool:
        """Whether a feature with this need can be read."""
        return {Needs.CURVE: True, Needs.TRADERS: self.traders, Needs.LAUNCH: self.launch}[needs]


ALL_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Feature:
    """One number. Whoever changes what `read` gives raises `version`, so that models trained on the old meaning are refused."""

    name: str
    read: Callable[[Analysis], float]
    needs: Needs = Needs.CURVE
    version: int = 1


def _sol(lamports: int) -> float:
    return lamports / LAMPORTS_PER_SOL


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def _shared(seen: Analysis, read: Callable[[Features], float]) -> float:
    """A feature of the first trades that counts traders."""
    return read(seen.features) if seen.knows_traders else math.nan


# Only what a replay of the trades gives as well: what others say of a token, and what is read slowly, is for the rules.
FEATURES: tuple[Feature, ...] = (
    Feature("age_s", lambda seen: seen.age_s),
    Feature("buys", lambda seen: seen.volume.whole.buys),
    Feature("sells", lambda seen: seen.volume.whole.sells),
    Feature("bought_sol", lambda seen: _sol(seen.volume.whole.bought_lamports)),
    Feature("sold_sol", lambda seen: _sol(seen.volume.whole.sold_lamports)),
    Feature("sold_share", lambda seen: _ratio(seen.volume.whole.sold_lamports, seen.volume.whole.bought_lamports)),
    Feature("mean_buy_sol", lambda seen: _ratio(_sol(seen.volume.whole.bought_lamports), seen.volume.whole.buys)),
    Feature("trades_per_s", lambda seen: _ratio(seen.volume.whole.trades, seen.age_s)),
    Feature("inflow_2s_sol", lambda seen: _sol(seen.features.recent_inflow_lamports)),
    Feature("trades_2s_per_s", lambda seen: seen.features.recent_trades_per_s),
    Feature("inflow_10s_sol", lambda seen: _sol(seen.volume.s10.net_lamports)),
    Feature("trades_10s", lambda seen: seen.volume.s10.trades),
    Feature("bought_share_10s", lambda seen: seen.volume.s10.bought_share),
    Feature("price_change", lambda seen: seen.curve.change),
    Feature("change_m1", lambda seen: seen.curve.change_m1),
    Feature("below_peak", lambda seen: seen.curve.below_peak),
    Feature("drained", lambda seen: seen.curve.drained),
    Feature("curve_sol", lambda seen: _sol(seen.curve.curve_lamports)),
    Feature("progress", lambda seen: seen.curve.progress),
    Feature("sol_per_s", lambda seen: _sol(1) * seen.curve.lamports_per_s),
    Feature("over_vwap", lambda seen: seen.candles.over_vwap),
    Feature("trend_1s", lambda seen: seen.candles.s1.trend),
    Feature("rsi_1s", lambda seen: seen.candles.s1.rsi),
    Feature("range_1s", lambda seen: seen.candles.s1.range_share),
    Feature("momentum_inflow", lambda seen: seen.momentum.inflow),
    Feature("momentum_price", lambda seen: seen.momentum.price),
    Feature("distinct_buyers", lambda seen: _shared(seen, lambda first: first.distinct_buyers), Needs.TRADERS),
    Feature("largest_buyer_share", lambda seen: _shared(seen, lambda first: first.largest_buyer_share), Needs.TRADERS),
    Feature("holders", lambda seen: seen.holders.holders, Needs.TRADERS),
    Feature("holders_per_min", lambda seen: seen.holders.growth_per_min, Needs.TRADERS),
    Feature("top10_share", lambda seen: seen.holders.top10_share, Needs.TRADERS),
    Feature("whale_share", lambda seen: seen.holders.whale_share, Needs.TRADERS),
    Feature("exited", lambda seen: seen.holders.exited, Needs.TRADERS),
    Feature("to_and_fro", lambda seen: seen.holders.to_and_fro, Needs.TRADERS),
    Feature("trades_a_trader", lambda seen: seen.holders.trades_a_trader, Needs.TRADERS),
    Feature("launch_slot_buys", lambda seen: _shared(seen, lambda first: first.launch_slot_buys), Needs.LAUNCH),
    Feature("insider_share", lambda seen: seen.holders.insider_share, Needs.LAUNCH),
    Feature("insider_sold", lambda seen: seen.holders.insider_sold, Needs.LAUNCH),
    Feature("creator_bought_share", lambda seen: seen.creator.bag.bought_share, Needs.LAUNCH),
    Feature("creator_sold", lambda seen: seen.creator.bag.sold, Needs.LAUNCH),
)
NAMES = tuple(feature.name for feature in FEATURES)

# Names, order, meaning and needs, so that a model meets exactly the columns that it was trained on.
FEATURE_HASH = sha256(
    "\n".join(f"{feature.name} {feature.version} {feature.needs}" for feature in FEATURES).encode()
).hexdigest()[:16]


def row(seen: Analysis, known: Known = ALL_KNOWN) -> tuple[float, ...]:
    """What a model sees, in the order of FEATURES; NaN for what is unknown, not finite or beyond any measurement."""
    return tuple(_value(feature, seen, known) for feature in FEATURES)


def _value(feature: Feature, seen: Analysis, known: Known) -> float:
    if not known.has(feature.needs):
        return math.nan
    try:
        value = float(feature.read(seen))
    except OverflowError:
        return math.nan
    return value if abs(value) <= PLAUSIBLE_MAX else math.nan
