"""A circuit breaker for one endpoint: when it may be asked, when it is left alone and when one question finds out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]

WAIT_MIN_S = 0.25  # some peers say 0, and would be asked without pause
REST_S = 60.0  # for so long of what it asked for not even an exit tries a peer that wants to be left alone


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """`max_failures` in a row open it for `reset_s` seconds, twice as long after each trial that fails.

    It is never open for longer than `reset_max_s`, unless the peer itself asks for more.
    """

    max_failures: int = 2
    reset_s: float = 1.0
    reset_max_s: float = 8.0


class Breaker:
    """Follows its `rule`, which may change at any time: an opening that is under way ends as it was meant to.

    Moments are seconds of the caller's own monotonic clock.
    """

    def __init__(self, rule: BreakerRule) -> None:
        self.rule = rule
        self.failures_in_row = 0
        self._until_s: float | None = None
        self._next_s = rule.reset_s
        self._trial = False
        self._asked_to_wait = False
        self._rests_until_s = 0.0

    def state(self, now_s: float) -> BreakerState:
        """`half_open` once the time is over: one trial question is let through or under way."""
        if self._until_s is None:
            return "closed"
        return "half_open" if now_s >= self._until_s else "open"

    def admits(self, now_s: float) -> bool:
        """Whether a question may be put now; in `half_open` only while no trial is under way."""
        state = self.state(now_s)
        return state == "closed" or (state == "half_open" and not self._trial)

    def must_wait(self, now_s: float) -> bool:
        """Whether the peer itself asked to be left alone until later."""
        return self._asked_to_wait and self.state(now_s) == "open"

    def must_rest(self, now_s: float) -> bool:
        """The same, for an exit with nobody else to ask: it honours the first `REST_S`, and as much after each refusal."""
        return self.must_wait(now_s) and now_s < self._rests_until_s

    def left_s(self, now_s: float) -> float:
        """Seconds until the trial; 0 when it may be asked."""
        return max(0.0, (self._until_s or now_s) - now_s)

    def begin(self, now_s: float) -> bool:
        """Note that a question leaves; True when it is the trial, whose end must be told to `end`.

        A probe may be sent before the time is over, and is the trial then.
        """
        is_trial = self.state(now_s) != "closed" and not self._trial
        self._trial = self._trial or is_trial
        return is_trial

    def end(self, *, is_trial: bool) -> None:
        """The question is over, however it ended; a trial that was cut off tells nothing and makes room for the next."""
        if is_trial:
            self._trial = False

    def succeeded(self, *, is_trial: bool) -> None:
        """A usable answer. One to a question from before the opening says nothing about now."""
        if is_trial or self._until_s is None:
            self._close()

    def _close(self) -> None:
        self.failures_in_row = 0
        self._until_s = None
        self._next_s = self.rule.reset_s
        self._asked_to_wait = False

    def failed(self, now_s: float, *, is_trial: bool, at_once: bool = False) -> None:
        """No usable answer. `at_once` opens without a second failure: the peer said itself that it cannot serve."""
        self.failures_in_row += 1
        if self.must_wait(now_s):
            return  # a trial that failed makes what the peer asked for no shorter
        if is_trial or (self._until_s is None and (at_once or self.failures_in_row >= self.rule.max_failures)):
            open_s = min(self._next_s, self.rule.reset_max_s)
            self._until_s = now_s + open_s
            self._next_s = 2 * open_s
            self._asked_to_wait = False

    def asked_to_wait(self, now_s: float, wait_s: float) -> None:
        """The peer refused for its rate: leave it alone for as long as it said."""
        self.failures_in_row += 1
        self._until_s = max(self._until_s or 0.0, now_s + max(wait_s, WAIT_MIN_S))
        self._rests_until_s = now_s + REST_S
        self._asked_to_wait = True
