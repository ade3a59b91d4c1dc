"""Wall time, calendar days and fresh identifiers: the only room that asks the machine for either.

Deadlines and waiting use `trio.current_time()`; everything that is stored or shown uses milliseconds since 1970 (UTC).
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
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


def rfc3339_s(at_ms: int) -> str:
    """A moment as RFC 3339 in UTC in whole seconds, for sentences."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def rfc3339(at_ms: int) -> str:
    """A moment as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
