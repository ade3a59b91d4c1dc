"""What both stores refuse as a user's settings. Pure."""

from __future__ import annotations

from dataclasses import asdict

from bot.storage.rules import MAX_I64
from bot.trading.blacklist import check_entries
from bot.trading.limits import FEE_MODES, ON_CRITICAL, PROTECTIONS, UNLANDED, UserSettings, is_time_zone
from bot.trading.profit_levels import levels_of
from bot.trading.roles import Role
from bot.trading.units import BPS

# Settings that are shares of something. A take profit may be above 100 %.
_SHARES = frozenset(
    {
        "slippage_buy_bps",
        "slippage_sell_bps",
        "snipe_min_confidence_bps",
        "trailing_stop_bps",
        "max_top_holders_bps",
        "take_profit_share_bps",
        "anti_rug_share_bps",
        "snipe_max_scam_bps",
        "snipe_min_momentum_bps",
    }
)
# A sale of no share at all, or a trail of no width, is no setting.
_ABOVE_ZERO = frozenset(
    {
        "trailing_stop_bps",
        "take_profit_share_bps",
        "flatten_at_loss_bps",
        "anti_rug_share_bps",
        "anti_rug_within_s",
    }
)

# Settings that are several amounts, or several texts.
SEVERAL = ("preset_buys_lamports", "preset_sells_bps", "take_profit_levels", "blacklist")
_PRESETS = {"preset_buys_lamports": MAX_I64, "preset_sells_bps": BPS}

# Settings that are one of some words.
_WORDS = {
    "on_critical": ON_CRITICAL,
    "fee_mode_buy": FEE_MODES,
    "fee_mode_sell": FEE_MODES,
    "protection_buy": PROTECTIONS,
    "protection_sell": PROTECTIONS,
    "unlanded_buy": UNLANDED,
    "unlanded_sell": UNLANDED,
    "role": tuple(Role),
}


def check_settings(settings: UserSettings) -> None:
    """Raises ValueError for what no setting can be: a negative number, one of 64 bits, a share above 100 %, no zone.

    An unknown zone would stop every trade of its user, whose day could not be told.
    """
    for name, value in asdict(settings).items():
        if not isinstance(value, int) or isinstance(value, bool):
            continue
        least, most = int(name in _ABOVE_ZERO), BPS if name in _SHARES else MAX_I64
        if not least <= value <= most:
            raise ValueError(f"{name} {value} is outside {least}..{most}")
    for name, most in _PRESETS.items():
        amounts = getattr(settings, name)
        if not amounts or not all(1 <= amount <= most for amount in amounts):
            raise ValueError(f"{name} {amounts} is outside 1..{most}, or nothing")
    try:
        levels_of(settings.take_profit_levels)
    except ValueError as error:
        raise ValueError(
            f"take_profit_levels {settings.take_profit_levels} is outside of what it can be: {error}"
        ) from error
    check_entries(settings.blacklist)
    for name, words in _WORDS.items():
        word = getattr(settings, name)
        if word not in words:
            raise ValueError(f"{name} {word!r} is outside {', '.join(words)}")
    if not is_time_zone(settings.timezone):
        raise ValueError(f"timezone {settings.timezone!r} is no time zone; write it like Europe/Berlin")
