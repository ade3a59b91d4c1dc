"""How much to spend on one entry."""

from __future__ import annotations

from bot.trading.limits import UserSettings
from bot.trading.units import bps_floor

# A buy of this share of the virtual SOL moves the price by about twice as much; more would pay for its own impact.
IMPACT_SHARE_BPS = 100


def snipe_size(settings: UserSettings, virtual_quote_lamports: int) -> int:
    """Lamports for one snipe: the user's amount, never above his limit per trade nor 1 % of the curve's virtual SOL."""
    return min(
        settings.snipe_max_lamports,
        settings.max_trade_lamports,
        bps_floor(virtual_quote_lamports, IMPACT_SHARE_BPS),
    )
