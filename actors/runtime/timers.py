"""All deadlines of one tree behind one sleeping task, so that a deadline costs no cancel scope of its own."""

import heapq
from collections.abc import Callable
from math import inf
from typing import Final

import trio

_SWEEP_FROM: Final = 256


def _do_nothing() -> None:
    """What a cancelled timer holds in place of its callback."""


class Timer:
    """One deadline with a callback, which is synchronous and never raises; cancel it when it is no longer wanted."""

    __slots__ = ("_callback", "_timers", "due", "is_live")

    def __init__(self, timers: "Timers", due: float, callback: Callable[[], None]) -> None:
        self._timers = timers
        self._callback = callback
        self.due = due
        self.is_live = True

    def cancel(self) -> None:
        """Forget the callback at once, with everything that it holds; the entry leaves the heap later."""
        if self.is_live:
            self.is_live = False
            self._callback = _do_nothing
            self._timers.forget_one()

    def fire(self) -> None:
        """Call back."""
        self.is_live = False
        self._callback()


class Timers:
    """Deadlines on trio's clock, virtual or real, in seconds."""

    __slots__ = ("_closed", "_dead", "_heap", "_next", "_serial", "_sleep", "now")

    def __init__(self) -> None:
        self.now: Callable[[], float] = trio.lowlevel.current_clock().current_time
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._dead = 0
        self._next = -inf
        self._sleep = trio.CancelScope()
        self._closed = False

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` when trio's clock reaches `when`."""
        timer = Timer(self, when, callback)
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, timer))
        if when < self._next:
            self._next = when
            self._sleep.deadline = when
        return timer

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in so many seconds."""
        return self.at(self.now() + seconds, callback)

    def forget_one(self) -> None:
        """Note one deadline that is no longer live; rebuild the heap when most of it is such."""
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
        """Sleep until the next deadline, fire what is due, repeat, until closed."""
        while True:
            self._fire_due(self.now())
            if self._closed:
                return
            self._next = self._heap[0][0] if self._heap else inf
            with trio.CancelScope(deadline=self._next) as self._sleep:
                await trio.sleep_forever()
            # Until the next sleep begins there is nothing to wake.
            self._next = -inf

    def _fire_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            deadline = heapq.heappop(self._heap)[2]
            if deadline.is_live:
                deadline.fire()
            else:
                self._dead = max(0, self._dead - 1)
