"""What is measured of a token beside its first trades, held against the rules' opinion: it takes confidence away or nothing.

The rules look at a launch's first trades alone. Here their opinion meets the rest: what speaks for a scam, and the market.
What is missing changes nothing, and nothing raises a confidence, so that what one voice makes up here buys nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from bot.analysis.opinion import BUY_BPS, VERSION
from bot.analysis.regime import RegimeKind
from bot.analysis.token_analysis import Analysis
from bot.analysis.trend import Trend
from bot.trading.community import Crowd
from bot.trading.signal import MOMENTUM, SCAM, Action, Component, Opinion
from bot.trading.sizing import kelly_bps
from bot.trading.units import BPS, LAMPORTS_PER_SOL

SCAM_FREE = 20.0  # points that cost nothing: quick buyers and a creator with a bag are in many honest launches too
BEAR_BPS = 300
CROWD_LOW_HUNDREDTHS, CROWD_LOW_BPS = 400, 300  # users of this bot who rate it below 4 of 10
CROWD_WARNED_BPS = 700  # a third of their weight warns of it
WARNED_SHARE_BPS = BPS // 3


def weighed(opinion: Opinion, analysis: Analysis) -> Opinion:
    """The opinion with its components, its confidence changed by them, of the rules' version unless a model gave it.

    Of the scam score what is done with this token counts: up to 20 points are free, beyond them each takes an eightieth of
    the confidence. A bear market takes 300 bps; users of this bot take 300 at most by low ratings and 700 by warnings. A buy
    that falls below what a buy needs is none any more, nor is a model's whose edge is gone.

    What is not weighed: what the mint allows, since users decide on that themselves, and how the creator's earlier tokens
    ended. Most creators leave at once; on the local market those whose tokens were left so before did no worse, and to
    decline them declined the better half of what the rules buy.
    """
    confidence_bps, reasons = opinion.confidence_bps, list(opinion.reasons)
    scam = analysis.scam
    if (kept := _kept(scam.behaviour)) < 1:
        confidence_bps = int(confidence_bps * kept)
        reasons.insert(0, f"scam score {scam.behaviour:.0f}: {scam.reasons[0]}")
    if opinion.action is Action.BUY and analysis.regime.kind is RegimeKind.BEAR:
        confidence_bps -= BEAR_BPS
    if opinion.action is Action.BUY and (taken := _crowd_bps(analysis.crowd)):
        confidence_bps -= taken
        reasons.insert(0, _crowd_evidence(analysis.crowd))
    confidence_bps = max(confidence_bps, 0)
    edge = opinion.edge and replace(opinion.edge, gain_bps=min(opinion.edge.gain_bps, confidence_bps))
    is_lost = opinion.action is Action.BUY and (confidence_bps < BUY_BPS if edge is None else kelly_bps(edge) == 0)
    return replace(
        opinion,
        action=Action.NEUTRAL if is_lost else opinion.action,
        confidence_bps=confidence_bps,
        reasons=tuple(reasons),
        version=VERSION if edge is None else opinion.version,
        edge=edge,
        components=components_of(analysis),
    )


def components_of(analysis: Analysis) -> tuple[Component, ...]:
    """Every analyzer's word on a token, those that do not know anything left out."""
    return tuple(_components(analysis))


def _kept(scam_score: float) -> float:
    return 1 - max(scam_score - SCAM_FREE, 0.0) / (100 - SCAM_FREE)


def _components(analysis: Analysis) -> Iterator[Component]:
    yield _component(MOMENTUM, analysis.momentum.score / 100, analysis.momentum.evidence)
    reasons = "; ".join(analysis.scam.reasons) or "nothing that is known speaks for one"
    yield _component(SCAM, analysis.scam.score / 100, reasons)
    for name, sign in analysis.patterns.found:
        yield _component(name, sign.strength, sign.evidence)
    minute, curve, holders = analysis.volume.m1, analysis.curve, analysis.holders
    yield _component(
        "volume",
        minute.bought_share,
        f"{minute.buys} buys and {minute.sells} sales of {minute.volume_lamports / LAMPORTS_PER_SOL:.2f} SOL in the last"
        " minute",
    )
    yield _component(
        "curve",
        curve.progress,
        f"{curve.curve_lamports / LAMPORTS_PER_SOL:.2f} SOL in the curve, {curve.progress:.1%} of it sold, the price"
        f" {curve.change:+.0%} since the launch and {curve.below_peak:.0%} below its peak",
    )
    if not math.isnan(holders.holders):
        yield _component(
            "holders",
            holders.top10_share,
            f"{holders.holders:.0f} holders, {holders.growth_per_min:+.0f} in a minute, the ten largest hold"
            f" {holders.top10_share:.1%}, insiders {holders.insider_share:.1%}",
        )
    if (past := analysis.creator.past) is not None and past.launches:
        told = f"{past.launches} earlier tokens, {past.quick_exits} left at once, {past.graduated} graduated"
        yield _component("creator", min(past.quick_exits / past.launches, 1.0), told)
    if analysis.safety.known:
        hazards = analysis.safety.hazards
        yield _component("safety", float(not hazards), hazards[0] if hazards else "nobody has power over its holders")
    if analysis.trend.score > 0:
        yield _component("trend", analysis.trend.score / 100, _faster(analysis.trend))
    if analysis.regime.kind is not RegimeKind.UNKNOWN:
        yield _component(f"{analysis.regime.kind} market", analysis.regime.rising, analysis.regime.evidence)
    if analysis.crowd.known:
        yield _component("community", analysis.crowd.hundredths / 1_000, _crowd_evidence(analysis.crowd))
    if (mood := analysis.sentiment).is_known:
        told = f"{mood.score:.0f} of 100 by {mood.voices:.0f} voices in {mood.posts} posts, {mood.recent} of them new"
        yield _component("sentiment", mood.score / 100, told)


def _crowd_bps(crowd: Crowd) -> int:
    """What users of this bot take of a confidence: bounded, and nothing while too few of them weigh anything."""
    if not crowd.known:
        return 0
    low = CROWD_LOW_BPS if crowd.hundredths < CROWD_LOW_HUNDREDTHS else 0
    return low + (CROWD_WARNED_BPS if crowd.warning_bps >= WARNED_SHARE_BPS else 0)


def _crowd_evidence(crowd: Crowd) -> str:
    told = f"{crowd.hundredths / 100:.1f} of 10 by {crowd.voices} users of this bot"
    warned = [f"{bps / 100:.0f} % of their weight warn of a {flag}" for flag, bps in crowd.flags_bps.items()]
    return ", ".join([told, *warned])


def _faster(trend: Trend) -> str:
    told = (("buys", trend.buys), ("mentions", trend.mentions))
    return " and ".join(f"{what} come {ratio:.1f} times as fast as before" for what, ratio in told if ratio > 1)


def _component(name: str, share: float, evidence: str) -> Component:
    return Component(name, round(min(max(share, 0.0), 1.0) * BPS), evidence)
