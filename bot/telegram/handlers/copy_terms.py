"""What is typed after /copy_trader, as a way to size, caps and a filter; UsageError in one line for what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.telegram.handlers.trade import key_of
from bot.telegram.parsing import UsageError
from bot.trading.copying import DUST_LAMPORTS, CopyCaps, CopyFilter, Sizing
from bot.trading.units import AmountError, parse_percent, parse_sol

HOURLY, DAILY, OPEN = 5, 10, 10  # trades that the caps allow where nobody names others
_HOURS = re.compile(r"([01]?[0-9]|2[0-3])-([01]?[0-9]|2[0-4])")
_SOL_NAMES = ("hour", "day", "token", "leader", "total", "min", "max", "drawdown")
NAMES = (*_SOL_NAMES, "hours", "block", "again")
BLOCKED_MAX = 20


@dataclass(frozen=True, slots=True)
class CopyTerms:
    """`amount` is as in `CopyRule`."""

    sizing: Sizing
    amount: int
    caps: CopyCaps
    filter: CopyFilter


def terms_of(words: Sequence[str]) -> CopyTerms:
    """`SOL [PERCENT%|exact] [NAME=VALUE ...]`: SOL is what a copy spends, or with a percentage or `exact` at most."""
    trade = _sol(words[0], "the amount")
    sizing, amount, rest = Sizing.FIXED, trade, list(words[1:])
    if rest and rest[0].lower() == Sizing.EXACT:
        sizing, amount = Sizing.EXACT, 0
        rest.pop(0)
    elif rest and rest[0].endswith("%"):
        sizing, amount = Sizing.PERCENT, _percent(rest.pop(0))
    given = _named(rest)
    sol = {name: _sol(given[name], name) for name in _SOL_NAMES if name in given}
    return CopyTerms(sizing, amount, _caps(trade, sol), _filter(given, sol))


def _caps(trade: int, sol: Mapping[str, int]) -> CopyCaps:
    """What is not named follows from the amount, within what is."""
    day = sol.get("day", max(DAILY * trade, sol.get("hour", 0)))
    total = sol.get("total", max(OPEN * trade, sol.get("leader", 0), sol.get("token", 0)))
    leader = sol.get("leader", min(max(OPEN * trade, sol.get("token", 0)), total))
    return CopyCaps(
        trade_lamports=trade,
        hour_lamports=sol.get("hour", min(HOURLY * trade, day)),
        day_lamports=day,
        token_lamports=sol.get("token", min(trade, leader)),
        leader_lamports=leader,
        total_lamports=total,
    )


def _filter(given: Mapping[str, str], sol: Mapping[str, int]) -> CopyFilter:
    blocked = tuple(dict.fromkeys(key_of(mint) for mint in given["block"].split(","))) if "block" in given else ()
    if len(blocked) > BLOCKED_MAX:
        raise UsageError(f"block names at most {BLOCKED_MAX} tokens; /blacklist keeps more, and holds for copies too")
    return CopyFilter(
        least_lamports=sol.get("min", 10 * DUST_LAMPORTS),
        most_lamports=sol.get("max"),
        blocked=blocked,
        hours=_hours(given["hours"]) if "hours" in given else None,
        drawdown_lamports=sol.get("drawdown"),
        again=_switch(given["again"]) if "again" in given else False,
    )


def _named(words: Sequence[str]) -> dict[str, str]:
    found = dict[str, str]()
    for word in words:
        name, equals, value = word.partition("=")
        name = name.lower()
        if not equals or not value or name not in NAMES:
            raise UsageError(f"{word[:30]!r} is none of {', '.join(f'{one}=' for one in NAMES)}")
        if name in found:
            raise UsageError(f"{name} is given twice")
        found[name] = value
    return found


def _sol(text: str, name: str) -> int:
    try:
        return parse_sol(text)
    except AmountError as error:
        raise UsageError(f"{name}: {error}") from None


def _percent(text: str) -> int:
    """Basis points; more than a hundred percent spends more than the leader, up to the amount."""
    if re.fullmatch(r"[1-9][0-9]{2,3}%", text):
        return int(text[:-1]) * 100
    try:
        return parse_percent(text)
    except AmountError as error:
        raise UsageError(str(error)) from None


def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise UsageError(f"hours={text[:20]!r} is no span of hours; write it like hours=8-22, in your time zone")
    return int(match[1]), int(match[2])


def _switch(text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise UsageError("again is on or off: whether a token that you hold is bought again")
    return text.lower() == "on"
