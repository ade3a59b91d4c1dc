"""A token that is far along its curve and still filling it: it completes soon if the last minute goes on."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between


def graduation_run(seen: Seen) -> Sign:
    """Sooner and further along is stronger; a curve that does not grow has none."""
    curve = seen.curve
    if curve.complete or not curve.completes_in_s > 0:
        return NOTHING
    near = between(curve.progress, 0.35, 0.75)
    soon = 1 - between(curve.completes_in_s, 60, 900)
    strength = near * soon * (1 - between(curve.below_peak, 0.05, 0.30))
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"{curve.progress:.0%} of the curve is sold, the rest takes {curve.completes_in_s:.0f} s at the last minute's pace",
    )
