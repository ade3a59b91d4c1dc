"""How long the newest answers of one endpoint took, and when a question to it counts as unusually slow. Pure."""

from __future__ import annotations

from collections import deque

NEWEST = 64
ENOUGH = 20  # fewer say nothing about the slowest of twenty


class Latencies:
    """Durations in seconds, of at most the `NEWEST` questions."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=NEWEST)
        self._p95_s: float | None = None

    def add(self, took_s: float) -> None:
        """One question took so long, or was given up after so long."""
        self._newest.append(took_s)
        self._p95_s = None

    @property
    def p95_s(self) -> float | None:
        """What one question of twenty exceeds; None while too few were asked."""
        if self._p95_s is None and len(self._newest) >= ENOUGH:
            self._p95_s = sorted(self._newest)[len(self._newest) * 95 // 100]
        return self._p95_s
