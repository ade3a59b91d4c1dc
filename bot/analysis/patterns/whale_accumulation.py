"""One buyer who comes back again and again, sells nothing, and by now holds a part that matters."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

BUYS_LEAST = 3
SPAN_LEAST_S = 10.0


def whale_accumulation(seen: Seen) -> Sign:
    """At least three buys over at least ten seconds and no sale, by the largest holder who is not the creator."""
    holding = seen.holding
    if not (holding.whale_buys >= BUYS_LEAST and holding.whale_sells == 0 and holding.whale_s >= SPAN_LEAST_S):
        return NOTHING
    strength = between(holding.whale_share, 0.0, 0.06)
    return Sign(
        strength,
        f"one buyer holds {holding.whale_share:.1%} from {holding.whale_buys:.0f} buys over {holding.whale_s:.0f} s and has"
        " sold nothing",
    )
