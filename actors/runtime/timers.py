"""All deadlines of one tree in one heap behind one sleeping task, so that a deadline costs no cancel scope of its own."""

import heapq
from collections.abc import Callable
from math import inf
from typing import Final

import trio

_SWEEP_FROM: Final = 256


class Timer:
    """One deadline; cancel it when it is no longer wanted. Made by Timers.at."""

    __slots__ = ("_callback", "_timers", "when")

    def __init__(self, timers: "Timers", when: float, callback: Callable[[], None]) -> None:
        self._timers = timers
        self._callback: Callable[[], None] | None = callback
        self.when = when

    def cancel(self) -> None:
        """Forget the callback; the entry leaves the heap later."""
        if self._callback is not None:
            self._callback = None
            self._timers.forget_one()

    def fire(self) -> None:
        """Call back, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    @property
    def is_live(self) -> bool:
        return self._callback is not None


class Timers:
    """Deadlines on trio's clock, virtual or real. Callbacks are synchronous and must not raise."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._dead = 0
        self._sleep = trio.CancelScope()
        self._closed = False

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` when trio's clock reaches `when`."""
        timer = Timer(self, when, callback)
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, timer))
        if when < self._sleep.deadline:  # noqa: PLR1730 - setting a deadline costs, so only when it changes
            self._sleep.deadline = when
        return timer

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in so many seconds."""
        return self.at(trio.current_time() + seconds, callback)

    def forget_one(self) -> None:
        """Note one cancelled timer, and rebuild the heap when most of it is cancelled ones."""
        self._dead += 1
        if self._dead > _SWEEP_FROM and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].is_live]
            heapq.heapify(self._heap)
            self._dead = 0

    def close(self) -> None:
        """End `run`."""
        self._closed = True
        self._sleep.cancel()

    async def run(self) -> None:
        """Sleep until the next deadline, call back, repeat, until closed."""
        while True:
            self._fire_due(trio.current_time())
            if self._closed:
                return
            next_deadline = self._heap[0][0] if self._heap else inf
            with trio.CancelScope(deadline=next_deadline) as self._sleep:
                await trio.sleep_forever()

    def _fire_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if timer.is_live:
                timer.fire()
            else:
                self._dead = max(0, self._dead - 1)
