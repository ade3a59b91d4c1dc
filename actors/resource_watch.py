"""Looks at what runs out: memory, handles, monitors, connections. What has too little left pauses what would begin anything new.

Exits, monitors and everybody's questions go on: a position that is held needs what is left more than one that is not bought yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.execution.caps import Caps, Usage

log = structlog.get_logger()

LOOK_S = 5.0
BY = "resource watch"


@dataclass(slots=True)
class ResourceWatch:
    """`usages` tells what is used of each capped thing; `pause` is told why, and `resume` ends it.

    Either is called at each look and does nothing where it is so already, so that whoever begins anew ends what an earlier
    one had paused.
    """

    usages: Callable[[], Sequence[Usage]]
    pause: Callable[[str], None]
    resume: Callable[[], None]
    caps: Caps = field(default_factory=Caps)
    _told: bool = False

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            short = self.caps.look(self.usages())
            why = "; ".join(one.told for one in short)
            if short and not self._told:
                log.error("resources_short", why=why)
            elif self._told and not short:
                log.warning("resources_back")
            self._told = bool(short)
            if short:
                self.pause(why)
            else:
                self.resume()
            await trio.sleep(LOOK_S)
