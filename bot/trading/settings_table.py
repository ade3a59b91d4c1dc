"""The settings that a user may change, as one table: the name that is typed, its unit, its bounds and its help.

Whoever shows or changes settings reads this table and nothing else. Pure: text in, a value or the reason why not out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from bot.trading.landing import LEAST_TIP_LAMPORTS
from bot.trading.limits import FEE_MODES, ON_CRITICAL, PROTECTIONS, UNLANDED, Ceilings, UserSettings
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS
from bot.trading.setting import Setting, Unit, Value
from bot.trading.strategy_settings import settings_of_strategies
from bot.trading.units import BPS, LAMPORTS_PER_SOL, AmountError

_MILLI_SOL = LAMPORTS_PER_SOL // 1_000
_SOL_MOST = 10_000 * LAMPORTS_PER_SOL
_GAIN_MOST_BPS = 1_000 * BPS  # the thousandfold of the cost
_SLIPPAGE_MOST_BPS = 9_500
_DAY_S = 86_400

OPERATORS = "the operator's limit"
_FEE_MOST = LAMPORTS_PER_SOL // 20
# The fees of a sale stay within the reserve that is kept aside for it.
_SELL_FEE_MOST = EXIT_RESERVE_LAMPORTS - 100_000


def _landing(side: str, *, most_lamports: int, unlanded: str) -> tuple[Setting, ...]:
    """How orders of one side land."""
    return (
        Setting(
            f"fee_mode_{side}",
            f"fee_mode_{side}",
            Unit.TEXT,
            f"priority fee of {unlanded}: auto follows what others pay, up to fee_{side}; fixed always pays fee_{side}",
            words=FEE_MODES,
        ),
        Setting(
            f"fee_{side}",
            f"fee_{side}_lamports",
            Unit.SOL,
            f"the most priority fee that auto pays for one of your {unlanded}, or what fixed pays",
            0,
            most_lamports,
            ceiling="max_priority_fee_lamports",
        ),
        Setting(
            f"tip_{side}",
            f"tip_{side}_lamports",
            Unit.SOL,
            f"the most that auto gives a block engine for one of your protected {unlanded} that succeeds, or what fixed gives",
            LEAST_TIP_LAMPORTS,
            most_lamports,
            ceiling="max_tip_lamports",
        ),
        Setting(
            f"protection_{side}",
            f"protection_{side}",
            Unit.TEXT,
            f"protected sends {unlanded} by block engines alone, where nobody sees them before they land; open by every"
            " RPC endpoint at once",
            words=PROTECTIONS,
        ),
        Setting(
            f"unlanded_{side}",
            f"unlanded_{side}",
            Unit.TEXT,
            f"protected {unlanded} that have not landed after 20 slots wait on, or the same bytes become open",
            words=UNLANDED,
        ),
    )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "max_trade",
        "max_trade_lamports",
        Unit.SOL,
        "the most that one buy spends",
        _MILLI_SOL,
        _SOL_MOST,
        ceiling="max_trade_lamports",
        was=("max_trade_size_sol",),
    ),
    Setting(
        "max_position",
        "max_position_lamports",
        Unit.SOL,
        "the most in one token",
        _MILLI_SOL,
        _SOL_MOST,
        ceiling="max_position_lamports",
    ),
    Setting(
        "daily_loss",
        "daily_loss_limit_lamports",
        Unit.SOL,
        "no entries after this loss in a day",
        _MILLI_SOL,
        _SOL_MOST,
        ceiling="max_daily_loss_lamports",
        was=("daily_loss_limit_sol",),
    ),
    Setting(
        "require_confirmation",
        "require_confirmation",
        Unit.SWITCH,
        "show a quote before /buy and /sell, and trade only after /confirm",
    ),
    Setting(
        "check_honeypots",
        "check_honeypots",
        Unit.SWITCH,
        "refuse to buy tokens that somebody can freeze, tax, take back or mint more of",
        floor="always_check_tokens",
    ),
    Setting(
        "max_top_holders",
        "max_top_holders_bps",
        Unit.PERCENT,
        "refuse to buy tokens of which the ten largest holders have more, curve and pool apart",
        100,
        BPS,
        optional=True,
    ),
    Setting(
        "min_liquidity",
        "min_curve_lamports",
        Unit.SOL,
        "SOL that must be in the curve of what you buy by hand",
        0,
        _SOL_MOST,
        floor="min_curve_lamports",
    ),
    Setting(
        "slippage_buy",
        "slippage_buy_bps",
        Unit.PERCENT,
        "how much less a buy may bring",
        10,
        _SLIPPAGE_MOST_BPS,
        ceiling="max_slippage_bps",
        was=("slippage_percentage",),
    ),
    Setting(
        "slippage_sell", "slippage_sell_bps", Unit.PERCENT, "how much less a sale may bring", 10, _SLIPPAGE_MOST_BPS
    ),
    Setting(
        "take_profit",
        "take_profit_bps",
        Unit.PERCENT,
        "sell at this gain on cost",
        100,
        _GAIN_MOST_BPS,
        optional=True,
        was=("use_take_profit", "default_take_profit_percentage", "take_profit_percentage"),
    ),
    Setting(
        "take_profit_share",
        "take_profit_share_bps",
        Unit.PERCENT,
        "the part that the take-profit sells, once; 100 % is everything",
        100,
        BPS,
    ),
    Setting(
        "take_profit_levels",
        "take_profit_levels",
        Unit.LEVELS,
        "instead of take_profit: at each of these gains on cost a share of what was bought is sold, once",
        optional=True,
    ),
    Setting(
        "stop_loss",
        "stop_loss_bps",
        Unit.PERCENT,
        "sell at this loss on cost",
        100,
        9_900,
        optional=True,
        was=("use_stop_loss", "default_stop_loss_percentage", "stop_loss_percentage"),
    ),
    Setting(
        "trailing_stop",
        "trailing_stop_bps",
        Unit.PERCENT,
        "sell when the position falls this much from its peak",
        100,
        9_900,
        optional=True,
    ),
    Setting("max_hold", "max_hold_s", Unit.SECONDS, "sell after this time", 5, 365 * _DAY_S, optional=True),
    Setting(
        "anti_rug",
        "anti_rug",
        Unit.SWITCH,
        "sell what you buy from now on when its creator sells anti_rug_share of the supply within anti_rug_within, when"
        " liquidity is taken out of its pool, or when somebody else gets the power to make more of it or to freeze it",
    ),
    Setting(
        "anti_rug_share",
        "anti_rug_share_bps",
        Unit.PERCENT,
        "the share of a token's supply that its creator sells before anti_rug leaves",
        10,
        BPS,
    ),
    Setting(
        "anti_rug_within",
        "anti_rug_within_s",
        Unit.SECONDS,
        "the time within which sales of a token's creator count together",
        1,
        3_600,
    ),
    Setting(
        "on_critical",
        "on_critical",
        Unit.TEXT,
        "what a critical failure does with your positions: flatten sells them at any price, hold leaves them to their exits",
        words=ON_CRITICAL,
    ),
    Setting(
        "flatten_at_loss",
        "flatten_at_loss_bps",
        Unit.PERCENT,
        "sell everything, and buy nothing until /resume, when a day's loss is this share of daily_loss; 300 % is three times",
        BPS,
        100 * BPS,
        optional=True,
        ceiling="flatten_at_loss_bps",
    ),
    *settings_of_strategies(),
    Setting("snipe", "snipe_enabled", Unit.SWITCH, "buy new tokens by itself", was=("snipe_enabled",)),
    Setting(
        "snipe_amount",
        "snipe_max_lamports",
        Unit.SOL,
        "the most that one snipe spends",
        _MILLI_SOL,
        _SOL_MOST,
        ceiling="max_trade_lamports",
        was=("snipe_max_amount",),
    ),
    Setting(
        "snipe_confidence",
        "snipe_min_confidence_bps",
        Unit.PERCENT,
        "snipe only from this confidence on",
        0,
        BPS,
    ),
    Setting("snipe_daily", "snipe_max_daily", Unit.COUNT, "snipes a day", 0, 1_000, was=("snipe_max_daily",)),
    Setting(
        "snipe_strong",
        "snipe_only_strong_buy",
        Unit.SWITCH,
        "snipe only what is a strong buy",
        was=("snipe_only_strong_buy",),
    ),
    Setting(
        "snipe_liquidity",
        "snipe_min_curve_lamports",
        Unit.SOL,
        "SOL that must be in the curve of what is sniped",
        0,
        _SOL_MOST,
        floor="min_curve_lamports",
    ),
    Setting(
        "snipe_momentum",
        "snipe_min_momentum_bps",
        Unit.PERCENT,
        "snipe only from this momentum on, of 100",
        0,
        BPS,
        optional=True,
    ),
    Setting(
        "snipe_scam",
        "snipe_max_scam_bps",
        Unit.PERCENT,
        "snipe only up to this scam score, of 100",
        0,
        BPS,
        optional=True,
    ),
    Setting(
        "snipe_tells_only",
        "snipe_tells_only",
        Unit.SWITCH,
        "a dry run: the sniper tells what it would buy, with a button, and buys nothing",
    ),
    Setting(
        "copyable",
        "copyable",
        Unit.SWITCH,
        "let others copy what you buy and sell live, by the public handle of /trader on; they see your wallet's address",
    ),
    *_landing("buy", most_lamports=_FEE_MOST, unlanded="buys"),
    *_landing("sell", most_lamports=_SELL_FEE_MOST, unlanded="sales"),
    Setting(
        "presets_buy",
        "preset_buys_lamports",
        Unit.SEVERAL_SOL,
        "what the buy buttons below /info spend",
        _MILLI_SOL,
        _SOL_MOST,
    ),
    Setting(
        "presets_sell",
        "preset_sells_bps",
        Unit.SEVERAL_PERCENT,
        "what the sell buttons below /info sell of a position",
        100,
        BPS,
    ),
    Setting("timezone", "timezone", Unit.TEXT, "where your day begins at midnight, like Europe/Berlin"),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_BY_EVERY_NAME = {name: setting for setting in SETTINGS for name in (setting.name, *setting.was)}


def setting_named(name: str) -> Setting:
    """The row of a typed name, its earlier names included; a hyphen counts as an underscore.

    AmountError names the nearest one.
    """
    wanted = name.strip().lower().replace("-", "_")
    if wanted in _BY_EVERY_NAME:
        return _BY_EVERY_NAME[wanted]
    near = get_close_matches(wanted, _BY_NAME, n=1)
    hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(_BY_NAME)}"
    raise AmountError(f"there is no setting {name!r}; {hint}")


def value_of(settings: UserSettings, setting: Setting) -> Value:
    """What a user's settings hold for a row."""
    value: Value = getattr(settings, setting.field)
    return value


def with_value(settings: UserSettings, setting: Setting, value: Value) -> UserSettings:
    """A user's settings with one row changed to what its `parse` returned."""
    changed: Any = {setting.field: value}
    return replace(settings, **changed)


@dataclass(frozen=True, slots=True)
class Overruling:
    """What counts instead of a user's own value, and by whose word."""

    value: Value
    by: str


def overruled(settings: UserSettings, setting: Setting, ceilings: Ceilings) -> Overruling | None:
    """What the operator, or the user's role, sets where that binds instead of the user's own value."""
    mine = value_of(settings, setting)
    if isinstance(mine, str | tuple):
        return None
    if setting.within:
        return _outer(settings, setting, setting_named(setting.within), ceilings)
    if setting.ceiling:
        by_role: int | None = getattr(ceilings.of_role(settings.role), setting.ceiling, None)
        limits = [(by_role, f"your role ({settings.role})"), (getattr(ceilings, setting.ceiling), OPERATORS)]
        binding = [
            Overruling(value, by) for value, by in limits if value is not None and (mine is None or value < mine)
        ]
        return min(binding, key=lambda one: one.value or 0, default=None)
    if setting.floor:
        limit = getattr(ceilings, setting.floor)
        assert isinstance(limit, int)
        return Overruling(limit, OPERATORS) if limit > (mine or 0) else None
    return None


def _outer(settings: UserSettings, inner: Setting, outer: Setting, ceilings: Ceilings) -> Overruling | None:
    """What counts instead of a limit that stands within another one of the user's, where that one is the lesser."""
    limit = overruled(settings, outer, ceilings) or Overruling(value_of(settings, outer), f"your {outer.name}")
    mine = value_of(settings, inner)
    if not isinstance(limit.value, int) or (isinstance(mine, int) and mine <= limit.value):
        return None
    return limit
