"""How many of a program's transactions tell a trade or a launch that can be read: a program that speaks anew is noticed.

Every stream of transactions counts here what it could read. In memory alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio

from bot.trading.drift import READ_LATEST, READ_WITHIN_S, unreadable

log = structlog.get_logger()


def _nobody(program: str, why: str) -> None:
    log.warning("events_not_read", program=program, reason=why)


@dataclass(slots=True)
class _Seen:
    """The latest transactions of a program: when each was seen (trio's time), and whether it could be read."""

    latest: deque[tuple[float, bool]] = field(default_factory=deque)
    readable: int = 0

    def add(self, now_s: float, is_readable: bool) -> None:
        self.latest.append((now_s, is_readable))
        self.readable += is_readable
        self.forget(now_s)

    def forget(self, now_s: float) -> None:
        while self.latest and (len(self.latest) > READ_LATEST or self.latest[0][0] < now_s - READ_WITHIN_S):
            self.readable -= self.latest.popleft()[1]


@dataclass(slots=True)
class EventReads:
    """`on_unreadable` is called with a program and the reason when its events become unreadable, once each time."""

    on_unreadable: Callable[[str, str], None] = _nobody
    _programs: dict[str, _Seen] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def seen(self, program: str, *, is_readable: bool) -> None:
        """A transaction of this program succeeded; it told a launch or a trade, or nothing that could be read."""
        self._programs.setdefault(program, _Seen()).add(trio.current_time(), is_readable)
        if is_readable:
            self._told.discard(program)
        elif program not in self._told and (why := self.problem(program)) is not None:
            self._told.add(program)
            self.on_unreadable(program, why)

    def problem(self, program: str) -> str | None:
        """Why this program's events count as unreadable now; None where they do not, or few were seen."""
        seen = self._programs.get(program)
        if seen is None:
            return None
        seen.forget(trio.current_time())
        return unreadable(seen.readable, len(seen.latest))
