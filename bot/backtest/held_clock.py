"""A clock for trio that follows the real one and stands still while the bot is at work, so that its work takes no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import trio

LOOK_AGAIN_S = 1.0  # whatever is waited for wakes the loop by itself; this is for the case that it does not


def _at_rest() -> bool:
    return False


@dataclass(slots=True)
class HeldClock(trio.abc.Clock):
    """Moments of the market come when the real clock has come to them, one after the other, never before and never in between.

    Time moves from one moment that somebody waits for to the next, `rate` times as fast as `real_s`; it stands while any task
    can run, and while `is_busy` says that somebody outside of trio works for one. A machine that is late makes the market
    late, `late_s` at most so far, and nobody in it can tell. A rate given anew counts from now.
    """

    real_s: Callable[[], float]
    is_busy: Callable[[], bool] = _at_rest
    late_s: float = 0.0
    _rate: float = 1.0
    _now_s: float = 0.0
    _began_s: float = 0.0  # on this clock, when `_began_real_s` was on the other
    _began_real_s: float = 0.0

    @property
    def rate(self) -> float:
        """Seconds of this clock in a real second."""
        return self._rate

    @rate.setter
    def rate(self, value: float) -> None:
        self._rate, self._began_s, self._began_real_s, self.late_s = value, self._now_s, self.real_s(), 0.0

    def start_clock(self) -> None:
        self.rate = self._rate

    def current_time(self) -> float:
        return self._now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Asked for by trio when no task can run: how long to wait; a deadline that has come makes this moment its own."""
        if self.is_busy():
            return LOOK_AGAIN_S
        if deadline == inf:
            return inf
        early_s = self._began_real_s + (deadline - self._began_s) / self._rate - self.real_s()
        if early_s > 0:
            return early_s
        if deadline > self._now_s:
            self._now_s = deadline
            self.late_s = max(self.late_s, -early_s)
        return 0.0
