"""Measures from outside whether trio's loop still turns, and says which code it stands still in.

A task beats on trio's clock and an operating system thread looks at the beat. Real clocks only: under a MockClock with
autojump the beat would be the only thing that happens.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from actors.runtime.errors import SpecError
from actors.runtime.exits import STACK_FRAMES, Caught, Report, ReportFn

logger: Final = logging.getLogger("actors.runtime")

StalledFn = Callable[[str, float], None]
"""Called with the stack that blocks the loop, innermost frame last, and how many seconds late the loop is by then."""

_LOOKS_PER_THRESHOLD: Final = 4


@dataclass(frozen=True, slots=True)
class LoopStatistics:
    """How the loop did: stalls since the watchdog began, the longest pause between two beats, the present one."""

    stalls: int
    worst_lag_s: float
    lag_s: float
    is_green: bool


class LoopWatchdog:
    """The beat of one loop. Made by loop_watchdog."""

    def __init__(self, threshold_s: float, report: ReportFn, stalled: StalledFn) -> None:
        self._threshold_s = threshold_s
        self._interval_s = threshold_s / _LOOKS_PER_THRESHOLD
        self._report = report
        self._stalled = stalled
        self._loop_thread = threading.get_ident()
        self._stop = threading.Event()
        self._beat_at = time.monotonic()
        self._stack = ""
        self._stalls = 0
        self._worst_lag_s = 0.0
        self._thread = threading.Thread(target=self._look, name="loop watchdog", daemon=True)

    def statistics(self) -> LoopStatistics:
        """Return the loop's health; `is_green` is false while a beat is overdue. Any thread may ask."""
        lag_s = max(0.0, time.monotonic() - self._beat_at - self._interval_s)
        return LoopStatistics(self._stalls, max(self._worst_lag_s, lag_s), lag_s, lag_s < self._threshold_s)

    async def beat(self) -> None:
        """Beat until cancelled, and report a stall once the loop turns again."""
        while True:
            await trio.sleep(self._interval_s)
            self._note(time.monotonic())

    def start(self) -> None:
        """Start the thread, before anything can block the loop unseen."""
        self._beat_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end, which it does by itself soon after."""
        self._stop.set()

    def _note(self, now: float) -> None:
        lag_s = now - self._beat_at - self._interval_s
        self._worst_lag_s = max(self._worst_lag_s, lag_s)
        self._beat_at = now
        stack, self._stack = self._stack, ""
        if lag_s >= self._threshold_s:
            self._stalls += 1
            self._report(Report("loop", "loop_stall", reason=f"the loop stood still for {lag_s:.3f} s", stack=stack))

    def _look(self) -> None:
        """Run in the thread: take the loop's stack when a beat is overdue, once per stall."""
        seen = 0.0
        while not self._stop.wait(self._interval_s):
            beat_at = self._beat_at
            lag_s = time.monotonic() - beat_at - self._interval_s
            if beat_at == seen or lag_s < self._threshold_s:
                continue
            seen = beat_at
            frame = sys._current_frames().get(self._loop_thread)
            self._stack = "".join(traceback.format_stack(frame)[-STACK_FRAMES:]) if frame is not None else ""
            # At once and from here: a loop that never turns again reports nothing itself.
            self._stalled(self._stack, lag_s)


def _log_stall(stack: str, lag_s: float) -> None:
    logger.error("the loop stands still for %.3f s in:\n%s", lag_s, stack)


@asynccontextmanager
async def loop_watchdog(
    threshold_s: float, report: ReportFn, stalled: StalledFn = _log_stall
) -> AsyncIterator[LoopWatchdog]:
    """Watch the loop for as long as the block runs.

    A pause of `threshold_s` seconds or more is told to `stalled` while it lasts, by a call in the watchdog's thread, and
    reported after it, kind `loop_stall`, by a call in the loop's own. Code that keeps the interpreter's lock stops both
    threads, so somebody outside of the process has to watch it too.
    """
    if threshold_s <= 0:
        raise SpecError("threshold_s", threshold_s, "must be seconds, more than 0")
    watchdog = LoopWatchdog(threshold_s, report, stalled)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.beat)
        watchdog.start()
        with Caught() as body:
            yield watchdog
        watchdog.stop()
        nursery.cancel_scope.cancel()
    # Outside the nursery, so that the body's error arrives as it was raised and in no group.
    body.raise_again()
