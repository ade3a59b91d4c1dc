"""The embedded PostgreSQL as an actor of the foundation, and the two outages of it that an operator can play.

The local chain's own faults are played inside its process; those of the database are played here, because this is where
its server is a child. An outage that somebody ordered is no crash: it costs no restart of the supervisor's budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actors.runtime import Context
from bot.errors import BotError
from bot.storage.address import DatabaseAddress
from bot.storage.embedded import EmbeddedPostgres, embedded_postgres

DOWN = "db-down"
HANG = "db-hang"
MAX_DURATION_S = 86_400.0


class FaultRefused(BotError):
    """The fault is not known or does not fit now; the text is one line for whoever asked."""


@dataclass(frozen=True, slots=True)
class DatabaseFault:
    """An outage that is on until `until_s` of trio's clock. `name` is DOWN (connections are refused) or HANG."""

    name: str
    until_s: float


@dataclass(slots=True)
class DatabaseServer:
    """Keeps the server in `root` running; `say` tells the console. `settings` are added to those of the server."""

    root: Path
    say: Callable[[str], None]
    settings: Mapping[str, str] = field(default_factory=dict)
    _address: DatabaseAddress | None = field(default=None, repr=False)
    _server: EmbeddedPostgres | None = None
    _fault: DatabaseFault | None = None
    _ordered: bool = False  # the running server's end
    _changed: trio.Event = field(default_factory=trio.Event)

    @property
    def address(self) -> DatabaseAddress:
        """Where it answers, the same in all of its lives; to be asked for once the actor is ready."""
        assert self._address is not None
        return self._address

    async def run(self, ctx: Context) -> None:
        """The actor. Raises BotError when the server ended and nobody had ordered that."""
        while True:
            self._ordered = False
            ended = await self._serve(ctx)
            if not self._ordered:
                self.mend()  # whatever was frozen is gone
                raise BotError(ended)
            await self._until_fault_is_over()

    async def _serve(self, ctx: Context) -> str:
        """Run the server until it ends; how it ended."""
        began_s = trio.current_time()
        self.say("starting PostgreSQL")
        async with embedded_postgres(self.root, self.settings) as server:
            self._address = server.address
            self.say(f"PostgreSQL answers after {trio.current_time() - began_s:.1f} s")
            self._server = server
            ctx.ready()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._thaw_after_hang, server)
                    ended = await server.died()
                    nursery.cancel_scope.cancel()
            finally:
                self._server = None
        return ended

    async def _thaw_after_hang(self, server: EmbeddedPostgres) -> None:
        while True:
            if self._fault is None:
                await self._changed.wait()
            else:
                await self._until_fault_is_over()
                server.thaw()

    async def _until_fault_is_over(self) -> None:
        """Return when the fault's time is over or somebody has ended it."""
        while (fault := self._fault) is not None:
            with trio.move_on_at(fault.until_s):
                await self._changed.wait()
                continue
            self._end_fault()

    # ------------------------------------------------------------------------------------------------ what is ordered

    def fail(self, name: str, for_s: float) -> None:
        """Take the server away for a while, in place of an outage that is on. Raises FaultRefused."""
        if name not in {DOWN, HANG}:
            raise FaultRefused(f"unknown fault {name}; known of the database: {DOWN}, {HANG}")
        if not 0 < for_s <= MAX_DURATION_S:
            raise FaultRefused(f"a fault lasts between 0 and {MAX_DURATION_S:.0f} seconds")
        if self._server is None and (self._fault is None or name == HANG):
            raise FaultRefused("PostgreSQL is not running just now; try again when bot status shows the database up")
        self._fault = DatabaseFault(name, trio.current_time() + for_s)
        self._tell()
        if self._server is not None and name == DOWN:
            self._ordered = True
            self._server.crash()
        elif self._server is not None:
            self._server.freeze()
        self.say(f"the fault {name} takes the database away for {for_s:g} s")

    def mend(self) -> int:
        """End the outage that is on; how many there were."""
        if self._fault is None:
            return 0
        self._end_fault()
        return 1

    def faults(self) -> list[dict[str, object]]:
        """The outage that is on, in the shape of the local chain's list of faults."""
        if self._fault is None:
            return []
        left_s = max(0.0, self._fault.until_s - trio.current_time())
        return [{"endpoint": "database", "name": self._fault.name, "left_s": round(left_s, 1), "delay_ms": 0}]

    def _end_fault(self) -> None:
        assert self._fault is not None
        self.say(f"the fault {self._fault.name} is over")
        self._fault = None
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
