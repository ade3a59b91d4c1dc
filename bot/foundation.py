"""The bot's own servers under a supervisor of their own: started before everything else and stopped last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actors.runtime import Backoff, ChildSpec, Context, Report, Supervisor, SupervisorSpec, open_supervisor
from bot.errors import BotError
from bot.local_chain import LocalChainAddress, LocalChainProcess
from bot.settings import Localnet
from bot.storage.address import DatabaseAddress, address_of_url
from bot.storage.embedded import embedded_postgres

# A server that comes back is no emergency; one that does not stay up for a minute is.
RESTARTS = 20
RESTARTS_PERIOD_S = 60.0
STOP_MS = 8_000


@dataclass(slots=True)
class Foundation:
    """PostgreSQL, unless `database_url` names one, and the local chain. `say` tells the console what is going on."""

    directory: Path
    database_url: str | None
    localnet: Localnet
    market: Path | None
    speed: float
    say: Callable[[str], None]
    report: Callable[[Report], None]
    _supervisor: Supervisor | None = None
    _database: DatabaseAddress | None = field(default=None, repr=False)
    _chain: LocalChainAddress | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[DatabaseAddress, LocalChainAddress]]:
        """Both addresses, for as long as the block runs. Raises InitFailed around a StartupError."""
        backoff = Backoff(min_s=0.1, max_s=5.0)
        children = [ChildSpec("local_chain", self._run_chain, backoff=backoff, shutdown_ms=STOP_MS)]
        if self.database_url is None:
            children.insert(0, ChildSpec("database_server", self._run_database, backoff=backoff, shutdown_ms=STOP_MS))
        else:
            self._database = address_of_url(self.database_url)
        spec = SupervisorSpec(
            "foundation", "one_for_one", tuple(children), intensity=RESTARTS, period_s=RESTARTS_PERIOD_S
        )
        async with open_supervisor(spec, report=self.report) as self._supervisor:
            assert self._database is not None
            assert self._chain is not None
            yield self._database, self._chain

    @property
    def supervisor(self) -> Supervisor:
        """The running supervisor of these servers; they run whenever anybody can ask."""
        assert self._supervisor is not None
        return self._supervisor

    async def _run_database(self, ctx: Context) -> None:
        started_s = trio.current_time()
        self.say("starting PostgreSQL")
        async with embedded_postgres(self.directory / "postgres") as server:
            self._database = server.address
            self.say(f"PostgreSQL answers after {trio.current_time() - started_s:.1f} s")
            ctx.ready()
            raise BotError(await server.died())

    async def _run_chain(self, ctx: Context) -> None:
        started_s = trio.current_time()
        self.say("starting the local chain")
        options = ["--slot-ms", str(self.localnet.slot_ms), "--seed", str(self.localnet.seed)]
        options += ["--endpoints", str(self.localnet.endpoints)]
        if self.market is not None:
            options += ["--market", str(self.market), "--speed", str(self.speed)]
        process = LocalChainProcess(self.directory / "localnet", _port_of(self._chain) or self.localnet.port, options)
        try:
            self._chain = await process.start()
            self.say(
                f"the local chain {self._chain.genesis_hash[:8]}… answers after {trio.current_time() - started_s:.1f} s"
            )
            ctx.ready()
            raise BotError(f"the local chain ended with exit code {await process.died()}")
        finally:
            with ctx.cleanup():
                await process.stop()  # noqa: ASYNC102 - ctx.cleanup() shields and bounds it


def _port_of(address: LocalChainAddress | None) -> int | None:
    """The port of the last incarnation: whoever holds its URL must find the next one there."""
    return None if address is None else int(address.http_urls[0].rstrip("/").rpartition(":")[2])
