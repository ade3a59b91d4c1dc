"""A first opinion by rules: what speaks for a launch and what against it, in points that add up to a confidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.analysis.features import Features
from bot.trading.signal import Action, Opinion
from bot.trading.units import BPS, LAMPORTS_PER_SOL

VERSION = "rules-3"

BUY_BPS = 6_000
VETO_BPS = 1_000  # what is left of the confidence when one fact alone decides against a token
CONFIDENCE_MAX_BPS = 9_500
TESTED_BPS = 1_500  # of what buyers paid, taken out again by sales: from here on a crowd has been tried
UNTESTED_BPS = 4_000  # what a crowd loses of whom nobody has sold yet; without sales nothing is a buy

# More than any launchpad curve ever holds; a number above it is an error of whoever measured it.
_LAMPORTS_PLAUSIBLE = 100_000 * LAMPORTS_PER_SOL


@dataclass(frozen=True, slots=True)
class _Part:
    """One rule's say: its points, the most that it could have given, and the sentence with its numbers."""

    points_bps: int
    best_bps: int
    reason: str


def rule_opinion(features: Features) -> Opinion:
    """The bot's opinion of a launch by the rules of version `rules-3`; declines most tokens and never raises.

    `confidence_bps` is the confidence in a buy, whatever the action: it rises with distinct buyers, with the SOL that
    they leave in the curve, with the inflow of the last two seconds and once part of the crowd has sold without taking the
    rest along; it falls with the creator's share, with one dominating buyer, with many sales, with many buys in the
    launch's own slot and with a price that has already run. A creator who has sold, and sales that outweigh, turn it
    into `sell`. Numbers that contradict each other give zero.

    Each rule has its reason beside it; what all of them come to, on the local market and on recordings of the real
    one, with costs, seeds and intervals, stands in docs/analysis.md. The points sort launches and promise nothing.
    """
    if contradiction := _contradiction(features):
        return _opinion(features, Action.NEUTRAL, 0, (contradiction,))
    parts = [rule(features) for rule in _RULES]
    confidence_bps = min(max(sum(part.points_bps for part in parts), 0), CONFIDENCE_MAX_BPS)
    if veto := _veto(features):
        action, reason = veto
        return _opinion(features, action, min(confidence_bps, VETO_BPS), (reason,))
    if confidence_bps >= BUY_BPS:
        return _opinion(features, Action.BUY, confidence_bps, tuple(part.reason for part in parts if part.points_bps))
    parts.sort(key=lambda part: part.points_bps - part.best_bps)
    lacking = tuple(part.reason for part in parts if part.points_bps < part.best_bps)
    return _opinion(features, Action.NEUTRAL, confidence_bps, lacking)


def _opinion(features: Features, action: Action, confidence_bps: int, reasons: tuple[str, ...]) -> Opinion:
    return Opinion(
        mint=features.mint,
        action=action,
        confidence_bps=confidence_bps,
        reasons=reasons,
        curve_lamports=features.curve_lamports,
        virtual_quote_lamports=features.virtual_quote_lamports,
        version=VERSION,
        at_ms=features.at_ms,
    )


def is_vetoed(features: Features) -> bool:
    """Whether one fact decides against a token by itself, or its numbers contradict each other: no model lifts that."""
    return _contradiction(features) is not None or _veto(features) is not None


def _contradiction(features: Features) -> str | None:
    """Why these numbers cannot be a launch; whatever else they say is then worth nothing."""
    fractions = (features.creator_bought_share, features.largest_buyer_share)
    if not all(0.0 <= share <= 1.0 for share in fractions):
        return f"shares of {fractions[0]:.3g} and {fractions[1]:.3g} are no shares"
    if not (0.0 <= features.age_s < math.inf and 0.0 <= features.recent_trades_per_s < math.inf):
        return f"an age of {features.age_s:.3g} s with {features.recent_trades_per_s:.3g} trades/s is no time"
    if not -1.0 <= features.price_change < math.inf:
        return f"a price change of {features.price_change:.3g} is no price"
    amounts = (
        features.bought_lamports,
        features.sold_lamports,
        features.curve_lamports,
        features.virtual_quote_lamports,
        abs(features.recent_inflow_lamports),
    )
    if not all(0 <= lamports <= _LAMPORTS_PLAUSIBLE for lamports in amounts):
        return f"amounts of {_clip(min(amounts))} to {_clip(max(amounts))} lamports are no amounts of a curve"
    counts = (features.distinct_buyers, features.launch_slot_buys, features.sells)
    if min(counts) < 0 or max(features.distinct_buyers, features.launch_slot_buys) > features.buys:
        buyers, first, buys = (_clip(n) for n in (features.distinct_buyers, features.launch_slot_buys, features.buys))
        return f"{buyers} buyers and {first} buys in the launch slot do not fit {buys} buys and {_clip(features.sells)} sales"
    return None


def _veto(features: Features) -> tuple[Action, str] | None:
    """The one fact that decides against a token alone, if there is one."""
    if features.curve_complete:
        return Action.NEUTRAL, "the curve is complete, the token trades in its pool"
    if features.creator_sold:
        return Action.SELL, f"the creator has sold within {features.age_s:.1f} s"
    if 0 < features.sold_lamports >= features.bought_lamports:
        return Action.SELL, f"sold {_sol(features.sold_lamports)}, bought {_sol(features.bought_lamports)}"
    return None


def _distinct_buyers(features: Features) -> _Part:
    best_bps = 4_000
    return _Part(min(features.distinct_buyers * 400, best_bps), best_bps, f"{features.distinct_buyers} distinct buyers")


def _net_inflow(features: Features) -> _Part:
    """Full points at 3 SOL that buyers put in, left in, and that the curve indeed holds."""
    best_bps = 3_000
    kept_lamports = max(0, min(features.net_inflow_lamports, features.curve_lamports))
    points_bps = min(kept_lamports * 1_000 // LAMPORTS_PER_SOL, best_bps)
    return _Part(points_bps, best_bps, f"{_sol(kept_lamports)} net inflow")


def _growing(features: Features) -> _Part:
    """Full points for 1 SOL of inflow within the last two seconds."""
    best_bps = 1_000
    points_bps = min(max(features.recent_inflow_lamports, 0) * best_bps // LAMPORTS_PER_SOL, best_bps)
    recent = f"{_sol(features.recent_inflow_lamports)} in the last 2 s, {features.recent_trades_per_s:.1f} trades/s"
    return _Part(points_bps, best_bps, recent)


def _creator(features: Features) -> _Part:
    """Points for a creator who keeps a small bag; a bag of more than 5 % of the supply hangs over the price."""
    share_bps = round(features.creator_bought_share * BPS)
    points_bps = 1_000 - max(0, share_bps - 500) * 3 // 2
    return _Part(points_bps, 1_000, f"creator bought {share_bps / 100:.1f} % and has not sold")


def _dominating_buyer(features: Features) -> _Part:
    share_bps = round(features.largest_buyer_share * BPS)
    return _Part(-max(0, share_bps - 4_000), 0, f"largest buyer paid {share_bps / 100:.0f} % of what was bought")


def _sales(features: Features) -> _Part:
    share_bps = features.sold_lamports * BPS // max(features.bought_lamports, 1)
    points_bps = -max(0, share_bps - 3_000) // 2
    return _Part(points_bps, 0, f"{_clip(features.sells)} sales took out {share_bps / 100:.0f} % of what was bought")


def _untested(features: Features) -> _Part:
    """Takes off most of what a crowd is worth until part of it has sold, and less the more of that part has.

    Whoever came first sells first. Before he has, nobody knows whether others stay; crowds of eight that nobody had
    left lost 9 % on average where it was measured, those that had been left by a seventh of their SOL did not.
    """
    missing_bps = max(TESTED_BPS - features.sold_lamports * BPS // max(features.bought_lamports, 1), 0)
    points_bps = -UNTESTED_BPS * missing_bps // TESTED_BPS
    return _Part(
        points_bps, 0, f"{_clip(features.sells)} sales of {_sol(features.sold_lamports)} have tried whether others stay"
    )


def _prepared_buys(features: Features) -> _Part:
    points_bps = -min(max(0, features.launch_slot_buys - 3) * 300, 1_500)
    return _Part(points_bps, 0, f"{features.launch_slot_buys} buys in the slot of the launch")


def _already_run(features: Features) -> _Part:
    """Beyond a doubled price 30 points for each further percent, up to a tripled one and more."""
    over = min(max(0.0, features.price_change - 1.0), 2.0)
    return _Part(-round(over * 3_000), 0, f"price up {features.price_change:.0%} since the launch")


_RULES: tuple[Callable[[Features], _Part], ...] = (
    _distinct_buyers,
    _net_inflow,
    _growing,
    _creator,
    _dominating_buyer,
    _sales,
    _untested,
    _prepared_buys,
    _already_run,
)


def _clip(number: int) -> int:
    """A number that can be printed; the absurd ones have no bound of their own."""
    return max(-(10**18), min(number, 10**18))


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:.2f} SOL"
