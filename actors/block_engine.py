"""Sends what waits for a block engine, and tells operators when no region of it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from actors.runtime import Context, Ignore, IgnoreType
from bot.clock import Clock
from bot.execution.alerts import Alert, engine_away, engine_back
from bot.execution.health import Health
from bot.ports import BlockEngines

LOOK_S = 1.0
AWAY_S = 10.0  # a region that rests or is slow for a moment is no outage


@dataclass(slots=True)
class BlockEngineLink:
    """`engines` is None where no block engine is configured; there is nothing to run then.

    An engine that is away pauses nobody: orders that may go by nothing else are refused, and all others go on.
    """

    engines: BlockEngines | None
    health: Health
    clock: Clock
    alert: Callable[[Alert], None]

    async def run(self, ctx: Context) -> IgnoreType | None:
        if self.engines is None:
            await trio.lowlevel.checkpoint()
            return Ignore
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.engines.run, ctx.ready)
            await self._watch(self.engines)
        return None

    async def _watch(self, engines: BlockEngines) -> None:
        well_at_s, told = trio.current_time(), False
        while True:
            regions = engines.health()
            well = [region for region in regions if region.healthy]
            ill = "; ".join(region.detail for region in regions if not region.healthy)
            if well:
                well_at_s = trio.current_time()
                taken, waiting = sum(region.taken for region in regions), engines.waiting
                detail = f"{len(well)} of {len(regions)} regions, {taken} orders taken, {waiting} waiting"
                self.health.turn(self.clock.now_ms(), detail, healthy=True)
                if told:
                    told = False
                    self.alert(engine_back())
            elif trio.current_time() - well_at_s >= AWAY_S:
                self.health.turn(self.clock.now_ms(), ill, healthy=False)
                if not told:
                    told = True
                    self.alert(engine_away(ill))
            await trio.sleep(LOOK_S)
