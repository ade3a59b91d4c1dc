"""Looks at start and every hour whether the chain's programs are still those that this bot was written for.

A program that is not is closed for entries, alone and at once; monitors and exits go on. It opens by itself after good
looks, or by an operator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.alerts import Alert, drift_over, drifted
from bot.execution.ordered_causes import DRIFT
from bot.execution.protocol_check import Looked
from bot.trading.trading_state import OF_PROGRAM

log = structlog.get_logger()

WATCH = "protocol watch"
SOON_S = 60.0  # until a program was traded at in a simulation once, and after a look that nobody answered
CLOSED_S = 20.0  # between the looks at a program that is closed
GOOD_LOOKS = 3


@dataclass(slots=True)
class ProtocolWatch:
    """`pause` and `resume` are the guard's, `stands` says whether a cause does. `interval_s` is between looks at all well.

    What a burst of errors closed opens only after looks that traded in a simulation: layouts did not show what was wrong.
    """

    programs: Sequence[str]
    look: Callable[[str], Awaitable[Looked]]
    pause: Callable[..., None]
    resume: Callable[..., None]
    stands: Callable[[str, str], bool]
    alert: Callable[[Alert], None]
    interval_s: float
    _good: dict[str, int] = field(default_factory=dict)
    _by_burst: set[str] = field(default_factory=set)
    _simulated: set[str] = field(default_factory=set)
    _bursts: trio.Event = field(default_factory=trio.Event)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            waits_s = [await self._look(program) for program in self.programs]
            self._bursts = trio.Event()
            with trio.move_on_after(min(waits_s)):
                await self._bursts.wait()

    def burst(self, program: str, why: str) -> None:
        """Orders there fail in a way that nobody here knows."""
        self._by_burst.add(program)
        self._close(program, why)
        self._bursts.set()

    def unreadable(self, program: str, why: str) -> None:
        """Its transactions tell nothing that can be read; the looks find the same until they do again."""
        self._close(program, why)
        self._bursts.set()

    async def _look(self, program: str) -> float:
        """One look at a program; the seconds until the next one."""
        closed = self.stands(DRIFT, f"{OF_PROGRAM}{program}")
        if not closed:
            self._by_burst.discard(program)
        try:
            looked = await self.look(program)
        except Unavailable as error:
            log.info("protocol_not_looked_at", program=program, reason=str(error))
            return CLOSED_S if closed else SOON_S
        if looked.problem is not None:
            self._close(program, looked.problem)
            return CLOSED_S
        if looked.simulated:
            self._simulated.add(program)
        if closed:
            self._one_good_look(program, looked)
            return CLOSED_S
        return self.interval_s if program in self._simulated else min(SOON_S, self.interval_s)

    def _close(self, program: str, why: str) -> None:
        self._good[program] = 0
        scope = f"{OF_PROGRAM}{program}"
        if not self.stands(DRIFT, scope):
            self.pause(DRIFT, by=WATCH, why=why, scope=scope)
            self.alert(drifted(program, why))

    def _one_good_look(self, program: str, looked: Looked) -> None:
        if program in self._by_burst and not looked.simulated:
            return
        self._good[program] = self._good.get(program, 0) + 1
        if self._good[program] < GOOD_LOOKS:
            return
        self._by_burst.discard(program)
        self.resume(DRIFT, scope=f"{OF_PROGRAM}{program}")
        self.alert(drift_over(program))
