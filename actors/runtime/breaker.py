"""A circuit breaker per dependency: while it is away, those who need it fail fast instead of waiting and crashing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import trio

from actors.runtime.errors import BreakerOpen, SpecError

Result = TypeVar("Result")
BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerStatistics:
    """One breaker at one moment; the counts are since it was made, `failures_in_row` is what opens it."""

    state: BreakerState
    failures_in_row: int
    calls: int
    failures: int
    refused: int
    opened: int


class CircuitBreaker:
    """Opens after `max_failures` failed calls in a row, and lets one call through `reset_s` seconds later to find out.

    A call fails when it raises an Exception or takes longer than `call_timeout_s`; one that is cancelled from outside
    says nothing about the dependency and counts as neither. The trial call decides: closed again, or open again.
    """

    __slots__ = (
        "_calls",
        "_failures",
        "_max",
        "_open_until",
        "_opened",
        "_refused",
        "_reset_s",
        "_row",
        "_timeout_s",
        "_trial",
    )

    def __init__(self, max_failures: int, call_timeout_s: float, reset_s: float) -> None:
        if max_failures < 1:
            raise SpecError("max_failures", max_failures, "must be 1 or more")
        if call_timeout_s <= 0:
            raise SpecError("call_timeout_s", call_timeout_s, "must be seconds, more than 0")
        if reset_s <= 0:
            raise SpecError("reset_s", reset_s, "must be seconds, more than 0")
        self._max = max_failures
        self._timeout_s = call_timeout_s
        self._reset_s = reset_s
        self._open_until: float | None = None
        self._trial = False
        self._row = 0
        self._calls = 0
        self._failures = 0
        self._refused = 0
        self._opened = 0

    @property
    def state(self) -> BreakerState:
        """`closed`, `open`, or `half_open`: the time is over and a trial call is let through or under way."""
        if self._open_until is None:
            return "closed"
        return "half_open" if trio.current_time() >= self._open_until else "open"

    async def call(self, fn: Callable[[], Awaitable[Result]]) -> Result:
        """Await `fn()`. Raises BreakerOpen without calling it, trio.TooSlowError after the timeout, else what it raises."""
        state = self.state
        if state == "open" or (state == "half_open" and self._trial):
            self._refused += 1
            assert self._open_until is not None
            raise BreakerOpen(max(0.0, self._open_until - trio.current_time()))
        is_trial = self._trial = state == "half_open"
        self._calls += 1
        try:
            with trio.fail_after(self._timeout_s):
                result = await fn()
        except Exception:
            self._failed(is_trial=is_trial)
            raise
        finally:
            if is_trial:
                self._trial = False
        self._succeeded(is_trial=is_trial)
        return result

    def _succeeded(self, *, is_trial: bool) -> None:
        # A call that began before the breaker opened says nothing about now; only the trial closes it.
        if is_trial or self._open_until is None:
            self._row = 0
            self._open_until = None

    def _failed(self, *, is_trial: bool) -> None:
        self._failures += 1
        self._row += 1
        if is_trial or (self._open_until is None and self._row >= self._max):
            self._opened += 1
            self._open_until = trio.current_time() + self._reset_s

    def statistics(self) -> BreakerStatistics:
        """Return the breaker as it is now."""
        return BreakerStatistics(self.state, self._row, self._calls, self._failures, self._refused, self._opened)
