"""One setting that a user may change: the name that is typed, its unit, its bounds, and how a value is read and shown.

Pure: text in, a value or the reason why not out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.trading.limits import is_time_zone
from bot.trading.profit_levels import LEVELS_MOST, levels_of
from bot.trading.units import AmountError, format_percent, format_sol, parse_sol

Value = int | bool | str | tuple[int, ...] | None

SEVERAL_MOST = 6
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
    """How a value is typed and shown.

    A percent is kept as basis points, SOL as lamports. There are several of those that are called so; levels are gains, each
    with the share that is sold there.
    """

    SOL = "sol"
    PERCENT = "percent"
    COUNT = "count"
    SECONDS = "seconds"
    SWITCH = "switch"
    TEXT = "text"
    SEVERAL_SOL = "several sol"
    SEVERAL_PERCENT = "several percent"
    LEVELS = "levels"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. `least` and `most` are in the unit that is kept (lamports, basis points, seconds), both included.

    `field` is the field of UserSettings. `optional` ones can be switched off. `words` are the only texts of a TEXT
    setting; without any it is a time zone. `ceiling` is the field of Ceilings that stands above the user's value, `floor`
    the one that stands below it, and `within` the setting of the user's own that stands above this one. `was` are the names
    that earlier bots gave it in the same unit (S0); they can be typed as well.
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
    within: str = ""

    @property
    def bounds(self) -> str:
        """What can be typed, in a few words."""
        if self.unit is Unit.SWITCH:
            return f"{ON} or {OFF}"
        if self.unit is Unit.TEXT:
            return " or ".join(self.words) or "a time zone"
        if self.unit is Unit.LEVELS:
            return f"up to {LEVELS_MOST} gains with a share, like 50%:25% 100%:25%, or {OFF}"
        if self._one is not None:
            return f"up to {SEVERAL_MOST} of {self._one.bounds}, with spaces between"
        return f"{self.format(self.least)} to {self.format(self.most)}" + (f", or {OFF}" if self.optional else "")

    def parse(self, text: str) -> Value:
        """The value of a typed text; raises AmountError, whose text says what to type instead."""
        typed = text.strip()
        if self.optional and typed.lower() in _OFF_WORDS:
            return () if self.unit is Unit.LEVELS else None
        if self.unit is Unit.SWITCH:
            return _parse_switch(typed)
        if self.unit is Unit.TEXT:
            return self._parse_word(typed)
        if self.unit is Unit.LEVELS:
            return _parse_levels(typed)
        if self._one is not None:
            return self._parse_several(self._one, typed)
        value = self._parse_number(typed)
        if not self.least <= value <= self.most:
            raise AmountError(f"{self.name} goes from {self.format(self.least)} to {self.format(self.most)}")
        return value

    def format(self, value: Value) -> str:
        """A value as people read it; `parse` reads it back.

        There is no mark between thousands: a comma is a decimal point to half of the world, so none is taken either.
        """
        if value is None or value == ():
            return OFF
        if isinstance(value, bool):
            return ON if value else OFF
        if isinstance(value, str):
            return value
        if isinstance(value, tuple) and self.unit is Unit.LEVELS:
            shown = [format_percent(number).replace(" ", "").replace(",", "") for number in value]
            return " ".join(f"{gain}:{share}" for gain, share in zip(shown[::2], shown[1::2], strict=True))
        if isinstance(value, tuple):
            assert self._one is not None
            return " ".join(self._one.format(each).replace(" ", "") for each in value)
        if self.unit is Unit.SOL:
            return f"{format_sol(value)} SOL".replace(",", "")
        if self.unit is Unit.PERCENT:
            return format_percent(value).replace(",", "")
        return f"{value} s" if self.unit is Unit.SECONDS else str(value)

    @property
    def _one(self) -> Setting | None:
        """What each of several values is; None for a setting that has a single one."""
        unit = {Unit.SEVERAL_SOL: Unit.SOL, Unit.SEVERAL_PERCENT: Unit.PERCENT}.get(self.unit)
        return None if unit is None else replace(self, unit=unit)

    def _parse_several(self, one: Setting, typed: str) -> tuple[int, ...]:
        """Each once, in the order in which they were typed."""
        words = re.sub(r"(?<=[0-9.])\s+(?=%|sol\b)", "", typed, flags=re.IGNORECASE).split()
        values = tuple(dict.fromkeys(one.parse(word) for word in words))
        if not 1 <= len(values) <= SEVERAL_MOST:
            raise AmountError(f"{self.name} takes 1 to {SEVERAL_MOST} values, with spaces between")
        return tuple(value for value in values if isinstance(value, int))

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


def _parse_levels(typed: str) -> tuple[int, ...]:
    """Gains and shares by turns."""
    words = re.sub(r"\s*:\s*", ":", re.sub(r"\s+%", "%", typed)).split()
    pairs = [word.split(":") for word in words]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise AmountError(f"{typed!r} is no row of gains and shares; write it like 50%:25% 100%:25%")
    numbers = tuple(_parse_bps(number) for pair in pairs for number in pair)
    try:
        levels_of(numbers)
    except ValueError as error:
        raise AmountError(str(error)) from error
    return numbers


def _parse_seconds(typed: str) -> int:
    match = _SECONDS.fullmatch(typed.lower())
    if match is None:
        raise AmountError(f"{typed!r} is not a time; write it like 90s, 15m or 2h")
    return int(match[1]) * _SECONDS_OF[match[2]]
