"""The settings that a user may change, as one table: the name that is typed, its unit, its bounds and its help.

Whoever shows or changes settings reads this table and nothing else. Pure: text in, a value or the reason why not out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from bot.trading.limits import ON_CRITICAL, Ceilings, UserSettings, is_time_zone
from bot.trading.units import BPS, LAMPORTS_PER_SOL, AmountError, format_percent, format_sol, parse_sol

Value = int | bool | str | None

OFF = "off"
ON = "on"
_ON_WORDS = frozenset({ON, "yes", "true"})
_OFF_WORDS = frozenset({OFF, "no", "false", "none"})

_ZERO = re.compile(r"0{1,9}(\.0{1,9})?")
_PERCENT = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?")
_COUNT = re.compile(r"[0-9]{1,15}")
_SECONDS = re.compile(r"([0-9]{1,9})\s*([smhd]?)")
_SECONDS_OF = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
# The time zone database is files: only what has the shape of a name is looked up in it.
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")


class Unit(StrEnum):
    """How a value is typed and shown. A percent is kept as basis points, SOL as lamports."""

    SOL = "sol"
    PERCENT = "percent"
    COUNT = "count"
    SECONDS = "seconds"
    SWITCH = "switch"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. `least` and `most` are in the unit that is kept (lamports, basis points, seconds), both included.

    `field` is the field of UserSettings. `optional` ones can be switched off. `words` are the only texts of a TEXT
    setting; without any it is a time zone. `ceiling` is the field of Ceilings that stands above the user's value, `floor`
    the one that stands below it. `was` are the names that earlier bots gave it in the same unit (S0); they can be typed as well.
    """

    name: str
    field: str
    unit: Unit
    help: str
    least: int = 0
    most: int = 0
    optional: bool = False
    words: tuple[str, ...] = ()
    ceiling: str = ""
    floor: str = ""
    was: tuple[str, ...] = ()

    @property
    def bounds(self) -> str:
        """What can be typed, in a few words."""
        if self.unit is Unit.SWITCH:
            return f"{ON} or {OFF}"
        if self.unit is Unit.TEXT:
            return " or ".join(self.words) or "a time zone"
        return f"{self.format(self.least)} to {self.format(self.most)}" + (f", or {OFF}" if self.optional else "")

    def parse(self, text: str) -> Value:
        """The value of a typed text; raises AmountError, whose text says what to type instead."""
        typed = text.strip()
        if self.optional and typed.lower() in _OFF_WORDS:
            return None
        if self.unit is Unit.SWITCH:
            return _parse_switch(typed)
        if self.unit is Unit.TEXT:
            return self._parse_word(typed)
        value = self._parse_number(typed)
        if not self.least <= value <= self.most:
            raise AmountError(f"{self.name} goes from {self.format(self.least)} to {self.format(self.most)}")
        return value

    def format(self, value: Value) -> str:
        """A value as people read it; `parse` reads it back.

        There is no mark between thousands: a comma is a decimal point to half of the world, so none is taken either.
        """
        if value is None:
            return OFF
        if isinstance(value, bool):
            return ON if value else OFF
        if isinstance(value, str):
            return value
        if self.unit is Unit.SOL:
            return f"{format_sol(value)} SOL".replace(",", "")
        if self.unit is Unit.PERCENT:
            return format_percent(value).replace(",", "")
        return f"{value} s" if self.unit is Unit.SECONDS else str(value)

    def _parse_word(self, typed: str) -> str:
        if self.words:
            if typed.lower() not in self.words:
                raise AmountError(f"{self.name} is one of {', '.join(self.words)}")
            return typed.lower()
        if _ZONE.fullmatch(typed) is None or not is_time_zone(typed):
            raise AmountError(f"{self.name} is a time zone; write it like Europe/Berlin")
        return typed

    def _parse_number(self, typed: str) -> int:
        if self.unit is Unit.SOL:
            return _parse_lamports(typed)
        if self.unit is Unit.PERCENT:
            return _parse_bps(typed)
        if self.unit is Unit.SECONDS:
            return _parse_seconds(typed)
        if _COUNT.fullmatch(typed) is None:
            raise AmountError(f"{typed!r} is not a number; write it like 10")
        return int(typed)


def _parse_switch(typed: str) -> bool:
    if typed.lower() in _ON_WORDS:
        return True
    if typed.lower() in _OFF_WORDS:
        return False
    raise AmountError(f"{typed!r} is neither on nor off")


def _parse_lamports(typed: str) -> int:
    amount = re.sub(r"\s*sol$", "", typed, flags=re.IGNORECASE)
    return 0 if _ZERO.fullmatch(amount) else parse_sol(amount)


def _parse_bps(typed: str) -> int:
    match = _PERCENT.fullmatch(typed.removesuffix("%").rstrip())
    if match is None:
        raise AmountError(f"{typed!r} is not a percentage with at most 2 decimals; write it like 12.5%")
    whole, rest = match.groups()
    return int(whole) * 100 + int((rest or "").ljust(2, "0"))


def _parse_seconds(typed: str) -> int:
    match = _SECONDS.fullmatch(typed.lower())
    if match is None:
        raise AmountError(f"{typed!r} is not a time; write it like 90s, 15m or 2h")
    return int(match[1]) * _SECONDS_OF[match[2]]


_MILLI_SOL = LAMPORTS_PER_SOL // 1_000
_SOL_MOST = 10_000 * LAMPORTS_PER_SOL
_GAIN_MOST_BPS = 1_000 * BPS  # the thousandfold of the cost
_SLIPPAGE_MOST_BPS = 9_500
_DAY_S = 86_400

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


def overruled(settings: UserSettings, setting: Setting, ceilings: Ceilings) -> Value:
    """The operator's value where it binds instead of the user's own, else None."""
    mine = value_of(settings, setting)
    if isinstance(mine, str):
        return None
    if setting.ceiling:
        limit: Value = getattr(ceilings, setting.ceiling)
        if limit is None:
            return None
        assert isinstance(limit, int)
        return limit if mine is None or limit < mine else None
    if setting.floor:
        limit = getattr(ceilings, setting.floor)
        assert isinstance(limit, int)
        return limit if limit > (mine or 0) else None
    return None
