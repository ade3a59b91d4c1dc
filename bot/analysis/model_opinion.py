"""An opinion by a model's expectation, below the rules' vetoes."""

from __future__ import annotations

from dataclasses import replace

from bot.analysis.features import Features
from bot.analysis.model import ENTRY_MEAN, Model, Outcome
from bot.analysis.opinion import CONFIDENCE_MAX_BPS, is_vetoed
from bot.trading.signal import Action, Opinion
from bot.trading.sizing import Edge
from bot.trading.units import BPS


def model_opinion(ruled: Opinion, features: Features, outcome: Outcome, model: Model) -> Opinion:
    """The model's opinion of a token of which the rules have that opinion.

    It is a buy where an entry is expected to bring more than it costs; `confidence_bps` is how often such entries brought
    more than they cost, on data that was held out. One fact that decides against a token by itself, and numbers that
    contradict each other, leave the rules' opinion as it is.
    """
    if is_vetoed(features):
        return ruled
    gain_p = min(max(outcome.gain_p, 0.001), 0.999)
    # The average gain follows from how often entries gain, what they bring on average and what a loss costs.
    won = max((outcome.mean + (1 - gain_p) * model.lost) / gain_p, 0.0)
    told = (
        f"{model.version}: net gain in {outcome.gain_p:.0%} of such entries, {outcome.mean:+.1%} on average"
        f" ({outcome.q10:+.0%} to {outcome.q90:+.0%})",
        f"rug in {outcome.rug_p:.0%}, doubled first in {outcome.up_p:.0%}",
    )
    return replace(
        ruled,
        action=Action.BUY if outcome.mean > ENTRY_MEAN else Action.NEUTRAL,
        confidence_bps=min(round(outcome.gain_p * BPS), CONFIDENCE_MAX_BPS),
        reasons=told,
        version=model.version,
        edge=Edge(round(gain_p * BPS), round(won * BPS), round(model.lost * BPS)),
    )
