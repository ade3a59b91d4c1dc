"""Volume that the same few wallets make by buying and selling to and fro."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

TRADES_LEAST = 12


def wash_trading(seen: Seen) -> Sign:
    """Most of the volume to and fro, however many others trade a little beside it."""
    holding, whole = seen.holding, seen.volume.whole
    if whole.trades < TRADES_LEAST or not holding.to_and_fro > 0:
        return NOTHING
    stays = abs(whole.net_lamports) / max(whole.volume_lamports, 1)
    strength = between(holding.to_and_fro, 0.30, 0.70)
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"{holding.to_and_fro:.0%} of the volume was bought and sold again by wallets that do it repeatedly,"
        f" {holding.trades_a_trader:.1f} trades a wallet, {stays:.0%} of it stayed",
    )
