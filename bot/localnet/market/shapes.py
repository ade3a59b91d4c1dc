"""The shapes of the real market that generated launches are drawn from.

Counted on recordings of three days of September 2025 (27,890 launches, 906,052 trades) and, for the creators' first
buys, on a launch feed of July 2026 (198 launches). Every function takes the source of randomness that it draws from.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise
from random import Random

LAMPORTS_PER_SOL = 1_000_000_000

# Share of launches whose highest price reaches a multiple of the first price.
PEAK_SURVIVAL = (
    (1.0, 1.0),
    (1.2, 0.517),
    (1.5, 0.250),
    (2.0, 0.1185),
    (3.0, 0.0455),
    (5.0, 0.0185),
    (10.0, 0.0049),
    (14.7, 0.0015),
    (16.0, 0.0),
)
# Multiple of the first price at which the curve is sold out (v_sol 115.005 of 30).
COMPLETION_MULTIPLE = 14.69

# Quantiles of what a creator spends at the launch, in SOL.
CREATOR_BUY_QUANTILES = (
    (0.0, 0.0),
    (0.12, 0.0),
    (0.25, 0.001),
    (0.50, 0.1185),
    (0.75, 1.0),
    (0.90, 4.0),
    (0.95, 5.0),
    (1.0, 7.0),
)

TRADE_LOG_MEDIAN = -1.83
TRADE_LOG_SIGMA = 1.45
TRADE_MIN_SOL = 0.01
TRADE_MAX_SOL = 5.0
MEAN_TRADE_SOL = 0.42

CREATOR_EXITS = 0.73
CREATOR_EXIT_MEDIAN_S = 20.0
CREATOR_EXIT_LOG_SIGMA = 1.3

SLIPPAGE_BPS = ((100, 0.10), (300, 0.15), (500, 0.20), (1_000, 0.25), (1_500, 0.15), (2_500, 0.15))
PRIORITY_LOG_MEDIAN = math.log(80_000)
PRIORITY_LOG_SIGMA = 1.2
PRIORITY_MAX_MICRO_LAMPORTS = 5_000_000

LAUNCH_GAP_MEAN_MS = 2_000
LAUNCH_GAP_MIN_MS = 300
LAUNCH_GAP_MAX_MS = 6_000


def peak_multiple(share: float) -> float:
    """The multiple of the first price that `share` (0 to 1) of all launches exceed."""
    for (low, more), (high, fewer) in pairwise(PEAK_SURVIVAL):
        if share >= fewer:
            part = (more - share) / (more - fewer)
            return math.exp(math.log(low) + part * (math.log(high) - math.log(low)))
    return PEAK_SURVIVAL[-1][0]


def survival(multiple: float) -> float:
    """The share of launches whose peak exceeds `multiple`; the inverse of `peak_multiple`."""
    for (low, more), (high, fewer) in pairwise(PEAK_SURVIVAL):
        if multiple <= high:
            part = (math.log(multiple) - math.log(low)) / (math.log(high) - math.log(low))
            return more - part * (more - fewer)
    return 0.0


def dead_probability(peak: float) -> float:
    """How likely a launch with this peak sees no trade after its first half minute; 37 % of all launches do not."""
    if peak < 1.2:
        return 0.47
    return 0.25 if peak < 1.5 else 0.0


def creator_spend_lamports(draw: Random) -> int:
    """What a creator spends on the own token at the launch, fees included; 0 for none."""
    share = draw.random()
    index = max(1, bisect_left([quantile for quantile, _ in CREATOR_BUY_QUANTILES], share))
    (low, low_sol), (high, high_sol) = CREATOR_BUY_QUANTILES[index - 1 : index + 1]
    return int((low_sol + (high_sol - low_sol) * (share - low) / (high - low)) * LAMPORTS_PER_SOL)


def trade_spend_lamports(draw: Random) -> int:
    """What one trader spends on a buy, fees included."""
    spend_sol = math.exp(draw.gauss(TRADE_LOG_MEDIAN, TRADE_LOG_SIGMA))
    return int(min(max(spend_sol, TRADE_MIN_SOL), TRADE_MAX_SOL) * LAMPORTS_PER_SOL)


def creator_exit_ms(draw: Random) -> int | None:
    """When a creator sells most of the own bag after the launch; None when this one stays."""
    if draw.random() >= CREATOR_EXITS:
        return None
    return int(1000 * draw.lognormvariate(math.log(CREATOR_EXIT_MEDIAN_S), CREATOR_EXIT_LOG_SIGMA))


def slippage_bps(draw: Random) -> int:
    """How much worse than the quote a trader accepts."""
    (chosen,) = draw.choices([bps for bps, _ in SLIPPAGE_BPS], [weight for _, weight in SLIPPAGE_BPS])
    return chosen


def priority_micro_lamports(draw: Random) -> int:
    """The price per compute unit that a trader offers."""
    return min(PRIORITY_MAX_MICRO_LAMPORTS, int(draw.lognormvariate(PRIORITY_LOG_MEDIAN, PRIORITY_LOG_SIGMA)))


def launch_gap_ms(draw: Random) -> int:
    """The time from one launch to the next."""
    gap_ms = int(draw.expovariate(1 / LAUNCH_GAP_MEAN_MS))
    return min(max(gap_ms, LAUNCH_GAP_MIN_MS), LAUNCH_GAP_MAX_MS)


def creator_of(draw: Random, creators: int) -> int:
    """Which creator launches: few of them launch most of the tokens."""
    return min(creators - 1, int(creators * draw.random() ** 2.5))
