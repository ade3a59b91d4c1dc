"""What the settings mean for the vault: the most that an order, a message and a wallet's day may take."""

from __future__ import annotations

from bot import settings
from bot.trading.closing import PRIORITY_FEE_LAMPORTS
from bot.vault.policy import TIP_ACCOUNTS, Bounds


def signing_bounds(chosen: settings.Settings, *, is_local: bool) -> Bounds:
    """The bounds follow from the same settings as the orders; profile local has stand-ins of what the others name."""
    trading, wish = chosen.trading, chosen.vault
    return Bounds(
        trade_lamports=settings.lamports(trading.max_trade_sol),
        fee_lamports=max(trading.max_priority_fee_lamports, PRIORITY_FEE_LAMPORTS),
        tip_lamports=trading.max_tip_lamports,
        day_lamports=settings.lamports(wish.max_day_sol),
        day_costs_lamports=settings.lamports(wish.max_day_costs_sol),
        tip_accounts=frozenset(wish.tip_accounts or TIP_ACCOUNTS),
        routed=is_local or chosen.jupiter.url is not None,
    )
