"""Restarts in slices: when thousands of children fail at once, the tasks beside them get their turns in between."""

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

SLICE: Final = 1_000
"""Restarts per pass of the scheduler, which runs everybody who is ready before anybody's next turn."""


class Turn:
    """A restart that waits for its slice; cancel it when it is no longer wanted."""

    __slots__ = ("_restart",)

    def __init__(self, restart: Callable[[], None]) -> None:
        self._restart: Callable[[], None] | None = restart

    def cancel(self) -> None:
        """Forget the restart."""
        self._restart = None

    def take(self) -> bool:
        """Carry the restart out and say whether there was one."""
        restart, self._restart = self._restart, None
        if restart is None:
            return False
        restart()
        return True


class Pacer:
    """All restarts of one tree. A few go through at once; after a whole slice the others wait, first come, first served."""

    __slots__ = ("_is_closed", "_left", "_sleeper", "_waiting")

    def __init__(self) -> None:
        self._left = SLICE
        self._waiting: deque[Turn] = deque()
        self._sleeper: trio.lowlevel.Task | None = None
        self._is_closed = False

    def in_turn(self, restart: Callable[[], None]) -> Turn | None:
        """Carry out a restart now and return None, or return the turn that it has to wait for."""
        if self._left > 0:
            self._left -= 1
            restart()
            return None
        turn = Turn(restart)
        self._waiting.append(turn)
        self._wake()
        return turn

    async def run(self) -> None:
        """Begin a new slice whenever one is used up, until closed."""
        while not self._is_closed:
            if not self._waiting:
                self._sleeper = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._stop_sleeping)
                continue
            self._left = SLICE
            while self._waiting and self._left > 0:
                self._left -= self._waiting.popleft().take()
            await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """End `run`."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            trio.lowlevel.reschedule(sleeper)

    def _stop_sleeping(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._sleeper = None
        return trio.lowlevel.Abort.SUCCEEDED
