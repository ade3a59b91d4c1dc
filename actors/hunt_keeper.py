"""Gives the hunt its children back: a dynamic supervisor that was started again, by itself or by hand, begins empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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

    `populate` starts whoever should hunt and does not. The first incarnations are populated by whoever starts the bot.
    """

    incarnations: Callable[[], tuple[int, ...]]
    populate: Callable[[], Awaitable[None]]
    _populated: tuple[int, ...] | None = None

    async def run(self, ctx: Context) -> None:
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
        running = self.incarnations()
        if self._populated is not None and running and running != self._populated:
            log.info("hunt_populated_again", incarnations=running)
            await self.populate()
        self._populated = running or self._populated
