"""A launch whose first buyers acted together: they bought in its own slot, in one transaction, or with SOL from one source."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

SLOT_BUYERS_LEAST = 3
TOGETHER_LEAST = 2


def bundled_launch(seen: Seen) -> Sign:
    """Wallets that acted together for certain count more than those that were only quick."""
    holding = seen.holding
    if not (holding.insiders >= SLOT_BUYERS_LEAST or holding.bundled >= TOGETHER_LEAST):
        return NOTHING
    by_slot = between(holding.insiders, SLOT_BUYERS_LEAST - 1, 8)
    together = between(holding.bundled, 1, 4)
    size = between(holding.insider_bought_share, 0.02, 0.12)
    strength = max(together, by_slot) * (0.4 + 0.6 * size)
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"{holding.insiders:.0f} wallets bought with the launch, {holding.bundled:.0f} of them for certain together; with the"
        f" creator they took {holding.insider_bought_share:.1%} and hold {holding.insider_share:.1%}",
    )
