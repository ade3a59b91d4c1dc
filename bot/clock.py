"""Wall time, calendar days and fresh identifiers: the only room that asks the machine for either.

Deadlines and waiting use `trio.current_time()`; everything that is stored or shown uses milliseconds since 1970 (UTC).
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Clock:
    """A source of time and identifiers, handed to whoever needs one.

    `now_ms` gives milliseconds since 1970 in UTC; `new_id` gives a fresh UUID as text. `boottime_ms` gives milliseconds
    since the machine was started: nobody sets it, and it goes on while the machine or this process sleeps.
    """

    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    boottime_ms: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def system_clock() -> Clock:
    """The machine's wall clock and random identifiers."""
    return Clock(now_ms=lambda: time.time_ns() // 1_000_000, new_id=lambda: str(uuid.uuid4()))


def virtual_clock(current_time_s: Callable[[], float], *, epoch_ms: int, seed: int) -> Clock:
    """A clock that follows `current_time_s` (trio's virtual time) and gives the same identifiers for the same seed."""
    draw = random.Random(seed)
    start_s = current_time_s()
    return Clock(
        now_ms=lambda: epoch_ms + round((current_time_s() - start_s) * 1000),
        new_id=lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        boottime_ms=lambda: round(current_time_s() * 1000),
    )


def day_of(at_ms: int, zone: str = "UTC") -> str:
    """The calendar day `YYYY-MM-DD` of a moment in a user's IANA zone; daily limits belong to (user, day)."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date().isoformat()


def day_start_ms(day: str, zone: str = "UTC") -> int:
    """The first millisecond of a calendar day `YYYY-MM-DD` in a zone."""
    return round(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def hour_of(at_ms: int, zone: str = "UTC") -> int:
    """The hour of the day of a moment in a user's zone, 0 to 23."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).hour


def minute_of(at_ms: int, zone: str = "UTC") -> str:
    """A moment in a user's zone as `YYYY-MM-DD HH:MM`, for people."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def second_of(at_ms: int, zone: str = "UTC") -> str:
    """The time of day of a moment in a user's zone as `HH:MM:SS`, for people."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%H:%M:%S")


def rfc3339_s(at_ms: int) -> str:
    """A moment as RFC 3339 in UTC in whole seconds, for sentences."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def rfc3339(at_ms: int) -> str:
    """A moment as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SpanUnit(StrEnum):
    """Of what length the spans of a user's calendar are; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """A whole day, week or month of a calendar in one zone: its first day, its first millisecond and the one after it."""

    first_day: str
    start_ms: int
    end_ms: int


def spans_until(now_ms: int, unit: SpanUnit, count: int, zone: str = "UTC") -> list[Span]:
    """The latest `count` spans of a user's calendar, oldest first; each ends where the next begins, the last holds `now_ms`."""
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
    starts = [_after(_first_day(today, unit), unit)]
    while len(starts) <= count:
        starts.insert(0, _first_day(starts[0] - timedelta(days=1), unit))
    bounds = [day_start_ms(start.isoformat(), zone) for start in starts]
    firsts = [start.isoformat() for start in starts]
    return [Span(*one) for one in zip(firsts, bounds, bounds[1:], strict=False)]


def _first_day(day: date, unit: SpanUnit) -> date:
    if unit is SpanUnit.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit is SpanUnit.MONTH else day


def _after(first_day: date, unit: SpanUnit) -> date:
    """The first day of the span after this one's."""
    lengths = {SpanUnit.DAY: 1, SpanUnit.WEEK: 7, SpanUnit.MONTH: 32}
    return _first_day(first_day + timedelta(days=lengths[unit]), unit)
