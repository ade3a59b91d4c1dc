"""Gives the hunt its children back: a dynamic supervisor that was started again, by itself or by hand, begins empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context, SupervisorError
from bot.errors import Unavailable

log = structlog.get_logger()

LOOK_S = 0.5
REST_S = 5.0  # after a try that the database, or the hunt's own end, cut short


@dataclass(slots=True)
class HuntKeeper:
    """`incarnations` tells which incarnations of the hunt and of what is below it run, equal as long as all of them go on.

    `populate` starts whoever should hunt and does not.
    """

    incarnations: Callable[[], tuple[int, ...]]
    populate: Callable[[], Awaitable[None]]
    _populated: tuple[int, ...] = ()
    _one_at_a_time: trio.Lock = field(default_factory=trio.Lock)

    async def begin(self) -> None:
        """Populate the first incarnations at once; where the database is away the actor does it when it is back."""
        try:
            await self._look()
        except Unavailable as error:
            log.warning("hunt_not_populated", reason=str(error))

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        while True:
            rest_s = LOOK_S
            try:
                await self._look()
            except (SupervisorError, Unavailable) as error:
                log.warning("hunt_not_populated", reason=str(error))
                rest_s = REST_S
            await trio.sleep(rest_s)

    async def _look(self) -> None:
        async with self._one_at_a_time:
            running = self.incarnations()
            if running and running != self._populated:
                log.info("hunt_populated", incarnations=running)
                await self.populate()
                self._populated = running
