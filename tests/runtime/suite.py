"""What the suites of our models share here: short views of a supervisor, the ways a child ends, and starts that fail."""

from __future__ import annotations

import trio
import trio.testing

from actors.runtime import Context, Shutdown, Supervisor
from actors.runtime.testing import Cast, Oops, Start

LONG_S = 3600.0
"""A window that no test of arithmetic leaves."""


async def settle() -> None:
    """Return when nothing can happen before time goes by."""
    await trio.testing.wait_all_tasks_blocked()


def states(sup: Supervisor) -> dict[str, str]:
    """The state of each child, in start order."""
    return {child.id: child.state for child in sup.which_children()}


def incarnations(sup: Supervisor) -> dict[str, int]:
    """How often each child was started, in start order."""
    return {child.id: child.incarnation for child in sup.which_children()}


def counts(sup: Supervisor) -> tuple[int, int, int, int]:
    """Specs, active, supervisors, workers."""
    now = sup.count_children()
    return now.specs, now.active, now.supervisors, now.workers


async def end_child(sup: Supervisor, cast: Cast, child_id: str, how: str) -> None:
    """End a steady child in one of the ways that OTP's suite knows, and let supervision deal with it."""
    if how == "supervisor":
        await sup.terminate_child(child_id)
    elif how == "kill":
        sup.kill(child_id)
    elif how == "normal":
        cast.end(child_id)
    elif how == "shutdown":
        cast.crash(child_id, Shutdown())
    elif how == "shutdown with a reason":
        cast.crash(child_id, Shutdown("some info"))
    else:
        cast.crash(child_id)
    await settle()


class Gate:
    """A start that works while the gate is open and else fails, after so many seconds of trying."""

    def __init__(self, cast: Cast, seconds: float = 0) -> None:
        self.is_open = True
        self._cast = cast
        self._seconds = seconds

    async def __call__(self, ctx: Context) -> None:
        if self.is_open:
            await self._cast.steady(ctx)
        self._cast.probe.note("try", ctx)
        await trio.sleep(self._seconds)
        raise Oops(ctx.id)


def scripted(cast: Cast, *outcomes: object) -> Start:
    """A start whose attempts go as told: True runs, an error is raised, anything else is returned before ready.

    The last outcome holds for every attempt after it.
    """
    left = list(outcomes)

    async def start(ctx: Context) -> object:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        await trio.lowlevel.checkpoint()
        cast.probe.note("try", ctx)
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is True:
            await cast.steady(ctx)
            return None
        return outcome

    return start
