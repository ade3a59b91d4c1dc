"""Parameter sets of a backtest: what each would-be user has in his settings, read from a file or from the command line."""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from bot.errors import BotError
from bot.storage.settings_rules import check_settings
from bot.trading.limits import FIXED, UserSettings

SETS_MAX = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+=-]{0,39}")
RESERVED = ("do nothing", "buy all", "random")
# What the sets are of: no door of a chat, no person's role, nothing that another set would be decided by.
NOT_OF_A_SET = frozenset({"role", "timezone", "snipe_enabled", "snipe_epoch", "require_confirmation", "on_critical"})
KNOWN = {one.name: one for one in fields(UserSettings) if one.name not in NOT_OF_A_SET}
# A recording does not tell what others paid for priority, so that everybody pays what the defaults name as the most.
BASE = replace(UserSettings(), snipe_enabled=True, fee_mode_buy=FIXED, fee_mode_sell=FIXED, max_positions=50)


class ParametersError(BotError):
    """A parameter set cannot be used; the message names it and what is wrong."""


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """The settings of one would-be user, under a name for the report."""

    name: str
    settings: UserSettings


DEFAULT = ParameterSet("default", BASE)


def read_sets(path: Path) -> list[ParameterSet]:
    """The sets of a TOML file: tables `[set.NAME]`, and a table `[grid]` of lists, of which every combination is a set.

    A table `[base]` holds for all of them. Raises ParametersError with one line.
    """
    try:
        text = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ParametersError(f"{path}: cannot be read: {why}; give a file of parameter sets") from None
    except tomllib.TOMLDecodeError as error:
        raise ParametersError(f"{path}: {error}; see docs/backtest.md") from None
    strange = sorted(set(text) - {"base", "set", "grid"})
    if strange:
        raise ParametersError(f"{path}: unknown table {strange[0]!r}; there are base, set and grid")
    base = _changed(str(path), "base", BASE, _table(path, text, "base"))
    found = [
        ParameterSet(name, _changed(str(path), f"set.{name}", base, _table(path, text["set"], name)))
        for name in _table(path, text, "set")
    ]
    found += _grid(path, base, _table(path, text, "grid"))
    return checked(str(path), found or [ParameterSet("base", base)])


def read_flag(text: str) -> ParameterSet:
    """One set from `NAME:key=value,key=value`; raises ParametersError."""
    name, _, rest = text.partition(":")
    changes: dict[str, Any] = {}
    for word in filter(None, rest.split(",")):
        key, _, value = word.partition("=")
        changes[key.strip()] = _value(value.strip())
    return ParameterSet(name, _changed("--set", name, BASE, changes))


def checked(where: str, sets: Sequence[ParameterSet]) -> list[ParameterSet]:
    """The sets, once their names can stand beside each other; raises ParametersError."""
    names = [one.name for one in sets]
    for name in names:
        if not NAME.fullmatch(name) or name in RESERVED:
            raise ParametersError(f"{where}: {name!r} is no name of a set; use letters and digits, up to 40")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParametersError(f"{where}: the set {twice[0]!r} is there twice; give each a name of its own")
    if len(sets) > SETS_MAX:
        raise ParametersError(f"{where}: {len(sets)} sets are more than {SETS_MAX}; try fewer at a time")
    return list(sets)


def _table(path: Path, text: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = text.get(name, {})
    if not isinstance(found, dict):
        raise ParametersError(f"{path}: {name} is no table; see docs/backtest.md")
    return found


def _grid(path: Path, base: UserSettings, lists: Mapping[str, Any]) -> list[ParameterSet]:
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise ParametersError(f"{path}: grid.{key} is no list of values; write {key} = [1000, 2000]")
    if not lists:
        return []
    combined = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    if len(combined) > SETS_MAX:
        raise ParametersError(f"{path}: the grid has {len(combined)} sets, more than {SETS_MAX}; shorten its lists")
    return [
        ParameterSet(f"grid {number + 1}", _changed(str(path), f"grid {number + 1}", base, values))
        for number, values in enumerate(combined)
    ]


def _changed(where: str, name: str, base: UserSettings, changes: Mapping[str, Any]) -> UserSettings:
    values: dict[str, Any] = {}
    for key, value in changes.items():
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, 1)
            meant = f"; did you mean {near[0]}?" if near else "; docs/backtest.md has them"
            raise ParametersError(f"{where}: {name}: unknown setting {key!r}{meant}")
        values[key] = _fitting(where, name, key, value, getattr(base, key))
    try:
        settings = replace(base, **values)
        check_settings(settings)
    except (ValueError, TypeError) as error:
        raise ParametersError(f"{where}: {name}: {error}") from None
    return settings


def _fitting(where: str, name: str, key: str, value: Any, before: object) -> object:
    """A value of the kind that the setting has; `none` switches off what can be switched off."""
    kind = str(KNOWN[key].type)
    if value in ("none", "off") and "None" in kind:
        return None
    if isinstance(value, list) and "tuple" in kind and all(type(one) is int for one in value):
        return tuple(value)
    fits = {
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
    }
    if not any(fit for word, fit in fits.items() if word in kind):
        raise ParametersError(f"{where}: {name}: {key} is {value!r}; it is like {before!r}")
    return value


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
