"""The decisions of supervision as plain arithmetic: who is restarted, how often, after how long. No trio in here."""

import random
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from actors.runtime.errors import SpecError
from actors.runtime.exits import ExitKind

RestartType = Literal["permanent", "transient", "temporary"]

QUARANTINE_PERIOD_S: Final = 60.0
"""The window in which a dynamic supervisor counts the distinct children that it had to quarantine."""

_MAX_EXPONENT: Final = 60


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a child waits before restart number n + 1 in a row: exponential, with full jitter, within its bounds.

    `reset_after_s` of health since `ctx.ready()` begins the count anew; the default is the middle of the bounds.
    """

    min_s: float
    max_s: float
    jitter: bool = True
    reset_after_s: float | None = None

    def __post_init__(self) -> None:
        if not _is_number(self.min_s) or self.min_s < 0:
            raise SpecError("backoff.min_s", self.min_s, "must be seconds, 0 or more")
        if not _is_number(self.max_s) or self.max_s < self.min_s:
            raise SpecError("backoff.max_s", self.max_s, f"must be seconds, min_s ({self.min_s}) or more")
        if self.reset_after_s is not None and (not _is_number(self.reset_after_s) or self.reset_after_s < 0):
            raise SpecError("backoff.reset_after_s", self.reset_after_s, "must be seconds, 0 or more")

    @property
    def healthy_after_s(self) -> float:
        """Seconds of health after which earlier failures are forgotten."""
        if self.reset_after_s is not None:
            return self.reset_after_s
        return (self.min_s + self.max_s) / 2

    def delay(self, n: int) -> float:
        """Return how many seconds to wait when n failures in a row came before the present one; 0 gives about min_s."""
        ceiling = self.min_s * float(1 << min(max(n, 0), _MAX_EXPONENT))
        if self.jitter:
            # The clamp comes after the jitter, so that no delay is ever below min_s.
            ceiling *= random.random()
        return min(self.max_s, max(self.min_s, ceiling))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN


class RestartWindow:
    """OTP's restart intensity: more than `intensity` restarts within `period_s` and the budget is used up."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, now: float, intensity: int, period_s: float) -> bool:
        """Count a restart at `now` and say whether the budget still holds; the period's edge counts, as in OTP."""
        self._times.append(now)
        return self.left(now, intensity, period_s) >= 0

    def left(self, now: float, intensity: int, period_s: float) -> int:
        """Return how many more restarts fit into the window that ends at `now`; negative when used up."""
        while self._times and self._times[0] < now - period_s:
            self._times.popleft()
        return intensity - len(self._times)


class QuarantineWindow:
    """Counts distinct children quarantined within QUARANTINE_PERIOD_S."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}

    def add(self, child: str, now: float) -> int:
        """Count `child` at `now` and return how many distinct children the window holds."""
        # The latest moves to the end, so that those who are too old stand at the beginning.
        self._latest.pop(child, None)
        self._latest[child] = now
        while self._latest[oldest := next(iter(self._latest))] < now - QUARANTINE_PERIOD_S:
            del self._latest[oldest]
        return len(self._latest)


def quarantine_limit(max_quarantined: int | None, children: int) -> int:
    """Return how many quarantined children a dynamic supervisor bears: what its spec says, else max(10, 5 %)."""
    if max_quarantined is not None:
        return max_quarantined
    return max(10, children * 5 // 100)


def wants_restart(restart: RestartType, kind: ExitKind) -> bool:
    """Say whether a child of this restart type is started again after an exit that nobody asked for."""
    if kind == "fatal" or restart == "temporary":
        return False
    return restart == "permanent" or kind not in ("normal", "shutdown")
