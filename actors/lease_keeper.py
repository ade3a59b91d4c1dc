"""Keeps the lease on the database, so that nobody else leads while this process does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.leadership import Leadership
from bot.ports import Brought, LeaseStore

log = structlog.get_logger()

LOOK_S = 1.0
SIGNING_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class LeaseKeeper:
    """Renews `leadership` until another process leads, and then waits for this one's end, which follows from that.

    `take_up` is handed what bots that wait have brought from their disks, until it raises no Unavailable. `down` is told why
    nothing may be signed for as long as that is so, `up` is called while it is not.
    """

    leadership: Leadership
    store: LeaseStore
    take_up: Callable[[Brought], Awaitable[None]]
    down: Callable[[str], None]
    up: Callable[[], None]

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_up_what_is_brought)
            nursery.start_soon(self._watch_signing)
            await self.leadership.keep(self.store)
            nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    async def _watch_signing(self) -> None:
        while True:
            if self.leadership.stands_still:
                standby = self.leadership.standby
                who = "another bot" if standby is None else standby.name
                self.down(f"the database is away, the lease has run out, and {who} waits to lead")
            else:
                self.up()
            await trio.sleep(SIGNING_LOOK_S)

    async def _take_up_what_is_brought(self) -> None:
        """Once at the beginning, and then for as long as somebody waits, who may have brought something."""
        has_looked = False
        while True:
            if self.leadership.standby is not None or not has_looked:
                try:
                    for one in await self.store.brought():
                        await self.take_up(one)
                        await self.store.taken_up(one.id)
                        log.warning("brought_taken_up", id=one.id, name=one.name, halt=one.halt is not None)
                    has_looked = True
                except Unavailable as error:
                    log.info("brought_not_taken_up", reason=str(error))
            await trio.sleep(LOOK_S)
