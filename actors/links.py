"""Looks after the services that others depend on: probes each, and tells the guard when it is away and when it is back.

An outage is no crash: the prober goes on, and so do the actors that wait for the service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.health import Health

PROBE_DEADLINE_S = 5.0  # a probe of several endpoints takes up to 4 s
BAD_IN_A_ROW = 2  # one slow answer is no outage
AGAIN_S = 0.25  # after a bad one, so that the status says soon what whoever needs the service runs into already


@dataclass(slots=True)
class Link:
    """Probes one service and tells the guard what it sees; the guard decides what follows."""

    health: Health
    probe: Callable[[], Awaitable[str]]
    interval_s: float
    clock: Clock
    down: Callable[[str], None]
    up: Callable[[], None]

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        bad = 0
        while True:
            fault, detail = await self._ask()
            bad = bad + 1 if fault else 0
            if not fault:
                self.health.turn(self.clock.now_ms(), detail, healthy=True)
                self.up()
            elif bad >= BAD_IN_A_ROW:
                self.health.turn(self.clock.now_ms(), detail, healthy=False)
                self.down(detail)
            await trio.sleep(min(self.interval_s, AGAIN_S) if bad == 1 else self.interval_s)

    async def _ask(self) -> tuple[bool, str]:
        try:
            with trio.fail_after(PROBE_DEADLINE_S):
                return False, await self.probe()
        except trio.TooSlowError:
            return True, f"no answer within {PROBE_DEADLINE_S:.0f} s"
        except Unavailable as error:
            return True, str(error)
