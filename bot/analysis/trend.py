"""Whether interest in a token accelerates: those who buy it, and what is written about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.flow import Volume
from bot.analysis.sentiment import RECENT_MS, WINDOW_MS, Sentiment

BUYS_POINTS, MENTIONS_POINTS = 70.0, 30.0
BUYS_LEAST = 5  # in the last ten seconds; a rate of fewer is noise
MENTIONS_LEAST = 5
AGE_LEAST_S = 20.0  # a younger token has no time before the last ten seconds that they could be held against


@dataclass(frozen=True, slots=True)
class Trend:
    """How much faster it goes than before.

    `score` is 0 to 100. `buys` is the rate of the last ten seconds against that of the 50 before, or of its life
    before them, `mentions` that of the last ten minutes against the hours before; 1 for a steady one, NaN where there are
    too few to say.
    """

    score: float
    buys: float
    mentions: float


def trend_of(age_s: float, volume: Volume, sentiment: Sentiment) -> Trend:
    """What is not known gives no points."""
    before = volume.m1.buys - volume.s10.buys
    buys = math.nan
    if volume.s10.buys >= BUYS_LEAST and age_s >= AGE_LEAST_S:
        buys = (volume.s10.buys / 10) / (max(before, 1) / min(age_s - 10, 50))
    mentions = math.nan
    if sentiment.recent >= MENTIONS_LEAST:
        before = max(sentiment.posts - sentiment.recent, 1)
        mentions = (sentiment.recent / RECENT_MS) / (before / (WINDOW_MS - RECENT_MS))
    score = BUYS_POINTS * _faster(buys) + MENTIONS_POINTS * _faster(mentions)
    return Trend(score, buys, mentions)


def _faster(ratio: float) -> float:
    """0 for a steady rate or none known, half for a doubled one, near 1 for one that explodes."""
    return (ratio - 1) / ratio if ratio > 1 and math.isfinite(ratio) else 0.0
