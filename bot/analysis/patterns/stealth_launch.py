"""A launch that hardly anybody saw at first and that is found by more and more buyers later, none of them dominating."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

QUIET_BUYS_MAX = 3
AGE_LEAST_S = 60.0


def stealth_launch(seen: Seen) -> Sign:
    """Few buys in the first half minute, growth a minute and more later."""
    holding = seen.holding
    if seen.age_s < AGE_LEAST_S or seen.early_buys > QUIET_BUYS_MAX or not holding.holders >= 1:
        return NOTHING
    if not holding.whale_share < 0.10 or seen.volume.m1.net_lamports <= 0:
        return NOTHING
    strength = min(between(holding.growth_per_min, 0, 6), between(holding.holders, 2, 12))
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"{seen.early_buys} buys in its first 30 s, {holding.holders:.0f} holders now,"
        f" {holding.growth_per_min:+.0f} in the last minute",
    )
