"""What the settings mean for the vault: the most that an order, a message and a wallet's day may take."""

from __future__ import annotations

from bot import settings
from bot.errors import StartupError
from bot.trading.closing import PRIORITY_FEE_LAMPORTS
from bot.vault.policy import TIP_ACCOUNTS, Bounds

DELAY_LEAST_S = 3_600


def signing_bounds(chosen: settings.Settings, *, is_local: bool) -> Bounds:
    """The bounds follow from the same settings as the orders; profile local has stand-ins of what the others name.

    Raises StartupError for a delay of addresses or of keys that is too short.
    """
    trading, wish = chosen.trading, chosen.vault
    delays = (
        ("address_delay_s", wish.address_delay_s, "an address that a user allows waits", "anything is sent there"),
        ("export_delay_s", wish.export_delay_s, "a key that a user wants to have waits", "it is handed out"),
    )
    for name, delay_s, what, before in delays:
        if not is_local and delay_s < DELAY_LEAST_S:
            raise StartupError(
                f"vault.{name}: {delay_s} s; outside profile local {what} for at least {DELAY_LEAST_S} s, so that he hears of it"
                f" before {before}"
            )
    return Bounds(
        trade_lamports=settings.lamports(trading.max_trade_sol),
        fee_lamports=max(trading.max_priority_fee_lamports, PRIORITY_FEE_LAMPORTS),
        tip_lamports=trading.max_tip_lamports,
        day_lamports=settings.lamports(wish.max_day_sol),
        day_costs_lamports=settings.lamports(wish.max_day_costs_sol),
        tip_accounts=frozenset(wish.tip_accounts or TIP_ACCOUNTS),
        routed=is_local or chosen.jupiter.url is not None,
        address_delay_ms=wish.address_delay_s * 1000,
        export_delay_ms=wish.export_delay_s * 1000,
    )
