"""Volume that the same few wallets make by buying and selling to and fro."""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign, between

TRADES_LEAST = 12


def wash_trading(seen: Seen) -> Sign:
    """Most of the volume to and fro, by few wallets with many trades each, of which little stays in the curve."""
    holding, whole = seen.holding, seen.volume.whole
    if whole.trades < TRADES_LEAST or not holding.to_and_fro > 0:
        return NOTHING
    stays = abs(whole.net_lamports) / max(whole.volume_lamports, 1)
    strength = min(
        between(holding.to_and_fro, 0.30, 0.70),
        between(holding.trades_a_trader, 2.0, 5.0),
        between(1 - stays, 0.4, 0.8),
    )
    if strength == 0:
        return NOTHING
    return Sign(
        strength,
        f"{holding.to_and_fro:.0%} of the volume was bought and sold again by wallets that do it repeatedly,"
        f" {holding.trades_a_trader:.1f} trades a wallet, {stays:.0%} of it stayed",
    )
