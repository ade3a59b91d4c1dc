"""Those who were there before everybody sell piece by piece while others still buy, and the curve drains."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

SALES_LEAST = 3
AGE_LEAST_S = 30.0


def slow_rug(seen: Seen) -> Sign:
    """At least three sales of insiders, the greater part of their tokens gone, and a price well below its peak."""
    holding, curve = seen.holding, seen.curve
    if seen.age_s < AGE_LEAST_S or not holding.insider_sells >= SALES_LEAST:
        return NOTHING
    strength = min(
        between(holding.insider_sold, 0.25, 0.75),
        between(curve.below_peak, 0.03, 0.20),
        between(holding.insider_bought_share, 0.0, 0.04),
    )
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"creator and first buyers sold {holding.insider_sold:.0%} of their {holding.insider_bought_share:.1%} in"
        f" {holding.insider_sells:.0f} sales; the price is {curve.below_peak:.0%} below its peak",
    )
