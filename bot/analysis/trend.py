"""Whether interest in a token accelerates: its trades, and what is written about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.facts import Sentiment
from bot.analysis.flow import Volume

TRADES_POINTS, MENTIONS_POINTS = 70.0, 30.0
TRADES_LEAST = 5  # in the last ten seconds; a rate of fewer is noise
MENTIONS_LEAST = 5


@dataclass(frozen=True, slots=True)
class Trend:
    """How much faster it goes than before.

    `score` is 0 to 100. `trades` is the rate of the last ten seconds against that of the 50 before, `mentions` that of the
    last hour against the hour before; 1 for a steady one, NaN where there are too few to say.
    """

    score: float
    trades: float
    mentions: float


def trend_of(volume: Volume, sentiment: Sentiment) -> Trend:
    """What is not known gives no points."""
    before = volume.m1.trades - volume.s10.trades
    trades = math.nan
    if volume.s10.trades >= TRADES_LEAST:
        trades = (volume.s10.trades / 10) / (max(before, 1) / 50)
    mentions = math.nan
    if sentiment.mentions >= MENTIONS_LEAST and sentiment.mentions_before >= 0:
        mentions = sentiment.mentions / max(sentiment.mentions_before, 1.0)
    score = TRADES_POINTS * _faster(trades) + MENTIONS_POINTS * _faster(mentions)
    return Trend(score, trades, mentions)


def _faster(ratio: float) -> float:
    """0 for a steady rate or none known, half for a doubled one, near 1 for one that explodes."""
    return (ratio - 1) / ratio if ratio > 1 and math.isfinite(ratio) else 0.0
