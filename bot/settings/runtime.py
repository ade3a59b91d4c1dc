"""Which keys of the settings change while the bot runs, and the settings that follow from such changes. Pure.

A value is a text as people type it. What is checked is the whole section with the change in it, as at a start.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from bot.errors import BotError
from bot.settings.section import Section
from bot.settings.sections import Roles, Settings

FILE = "file"  # as a value: what the file says, again
NONE = "none"

_TRADING = (
    "max_trade_sol",
    "max_position_sol",
    "max_daily_loss_sol",
    "max_open_positions",
    "min_trade_sol",
    "max_slippage_percent",
    "always_check_tokens",
    "min_curve_sol",
    "flatten_at_loss_percent",
    "blacklist",
    "snipe_min_confidence_percent",
    "snipe_min_momentum",
    "priority_fee_lamports",
    "max_priority_fee_lamports",
    "max_tip_lamports",
    "price_max_age_s",
    "confirm_interval_s",
    "resend_interval_s",
)
RUNTIME = (
    *(f"trading.{key}" for key in _TRADING),
    *(f"roles.{key}" for key in Roles.model_fields),
    "logs.level",
)
# The vault signs no more than these were when it was started, whoever asks.
BOUND_BY_VAULT = ("trading.max_trade_sol", "trading.max_priority_fee_lamports", "trading.max_tip_lamports")


class NotForNowError(BotError):
    """A key that does not change while the bot runs, or a value that it cannot have; one line for each."""


def value_of(chosen: Settings, key: str) -> str:
    """A key's value as people type it."""
    section, _, name = key.partition(".")
    return shown(getattr(getattr(chosen, section), name))


def shown(value: object) -> str:
    """A value as people type it; a list is comma-separated."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple | list):
        return ",".join(str(one) for one in value) or NONE
    return str(value)


def with_values(base: Settings, started: Settings, values: Mapping[str, str]) -> Settings:
    """The settings with these keys changed; `started` is what the process, and its vault, began with.

    Raises NotForNowError with a line for each fault, and then nothing is changed.
    """
    faults = [_unknown(key) for key in values if key not in RUNTIME]
    if faults:
        raise NotForNowError("\n".join(faults))
    changed = base
    for section in {key.partition(".")[0] for key in values}:
        part: Section = getattr(base, section)
        named = {key.partition(".")[2]: text for key, text in values.items() if key.startswith(f"{section}.")}
        mine = {name: _typed(part, name, text) for name, text in named.items()}
        try:
            new = type(part).model_validate({**part.model_dump(), **mine})
        except ValidationError as error:
            faults += [_told(section, dict(fault)) for fault in error.errors()]
            continue
        changed = changed.model_copy(update={section: new})
    if not faults:
        faults = [*_contradictions(changed), *_above_vault(changed, started)]
    if faults:
        raise NotForNowError("\n".join(faults))
    return changed


def differences(before: Settings, after: Settings) -> dict[str, tuple[str, str]]:
    """Each key that changes while the bot runs and has another value, with both."""
    pairs = {key: (value_of(before, key), value_of(after, key)) for key in RUNTIME}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def without_restart(started: Settings, read: Settings) -> Settings:
    """What of a file that was read anew can count while the bot runs that began with `started`."""
    counts = started
    for key in RUNTIME:
        section, _, name = key.partition(".")
        value = _raw(read, key)
        if key not in BOUND_BY_VAULT or Decimal(shown(value)) <= Decimal(value_of(started, key)):
            part = getattr(counts, section).model_copy(update={name: value})
            if name not in getattr(read, section).model_fields_set:  # the file says nothing of it any more
                part.model_fields_set.discard(name)
            counts = counts.model_copy(update={section: part})
    return counts


def needs_restart(counts: Settings, read: Settings) -> list[str]:
    """The keys whose value in the file counts from the next start on."""
    names = [f"{section}.{key}" for section in Settings.model_fields for key in _keys(getattr(read, section))]
    return [name for name in names if _raw(counts, name) != _raw(read, name)]


def _keys(part: Section) -> Sequence[str]:
    return tuple(type(part).model_fields)


def _raw(chosen: Settings, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(chosen, section), name)


def _typed(part: Section, name: str, text: str) -> Any:
    """Pydantic reads numbers and truths from texts; nothing stands for what is left out, and for an empty list."""
    if text == NONE:
        return () if isinstance(getattr(part, name), tuple) else None
    return text


def _unknown(key: str) -> str:
    section, _, name = key.partition(".")
    part = Settings.model_fields.get(section)
    known = part is not None and isinstance(part.default, Section) and name in type(part.default).model_fields
    if known:
        return f"{key}: does not change while the bot runs; set it in the settings file and start the bot again"
    close = difflib.get_close_matches(key, RUNTIME, n=1)
    return f"{key[:100]}: there is no such key" + (f"; did you mean {close[0]}?" if close else "; see bot config get")


def _told(section: str, fault: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    return f"{section}.{name}: {fault['msg']}"


def _contradictions(chosen: Settings) -> list[str]:
    least, most = chosen.trading.min_trade_sol, chosen.trading.max_trade_sol
    if least <= most:
        return []
    return [f"trading.max_trade_sol {most} is below trading.min_trade_sol {least}: nobody could buy"]


def _above_vault(chosen: Settings, started: Settings) -> list[str]:
    return [
        f"{key}: {value_of(chosen, key)} is above the {value_of(started, key)} that the vault was started with, and it signs no"
        " more; set it in the settings file and start both again"
        for key in BOUND_BY_VAULT
        if Decimal(value_of(chosen, key)) > Decimal(value_of(started, key))
    ]
