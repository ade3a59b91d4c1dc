"""The bot's own servers under a supervisor of their own: started before what needs them and stopped last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actors.runtime import Backoff, ChildSpec, Context, Report, Supervisor, SupervisorSpec, open_supervisor
from bot.backups.base import server_settings
from bot.database_server import DatabaseServer
from bot.errors import BotError
from bot.local_chain import LocalChainAddress, LocalChainProcess, outside_chain
from bot.replayed_market import as_text
from bot.settings import Localnet
from bot.shutdown import DATABASE_SERVER_MS, LOCAL_CHAIN_MS
from bot.start import Options
from bot.storage.address import DatabaseAddress, address_of_url

# A server that comes back is no emergency; one that does not stay up for a minute is.
RESTARTS = 20
RESTARTS_PERIOD_S = 60.0
BACKOFF = Backoff(min_s=0.1, max_s=5.0)


@dataclass(slots=True)
class Foundation:
    """PostgreSQL, unless `database_url` names one, and the local chain, unless `localnet` names one that runs elsewhere.

    `say` tells the console what is going on.

    `server_settings` are added to those of the bot's own PostgreSQL, which is `server`: None where `database_url` names another.
    """

    directory: Path
    database_url: str | None
    localnet: Localnet
    market: Path | None
    speed: float
    say: Callable[[str], None]
    report: Callable[[Report], None]
    server_settings: Mapping[str, str]
    server: DatabaseServer | None = field(init=False)
    _supervisor: Supervisor | None = None
    _chain: LocalChainAddress | None = None

    def __post_init__(self) -> None:
        if not self.database_url:
            self.server = DatabaseServer(self.directory / "postgres", self.say, self.server_settings)
        else:
            self.server = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DatabaseAddress]:
        """The database's address, for as long as the block runs. Raises InitFailed around a StartupError."""
        children = []
        if self.server is not None:
            children.append(
                ChildSpec("database_server", self.server.run, backoff=BACKOFF, shutdown_ms=DATABASE_SERVER_MS)
            )
        spec = SupervisorSpec(
            "foundation", "one_for_one", tuple(children), intensity=RESTARTS, period_s=RESTARTS_PERIOD_S
        )
        async with open_supervisor(spec, report=self.report) as self._supervisor:
            yield self._database()

    async def chain(self) -> LocalChainAddress:
        """The local chain, started now where it is the bot's own: a standby has none. Raises as `running` does."""
        if self.localnet.directory is not None:
            await trio.lowlevel.checkpoint()
            return outside_chain(self.localnet.directory)
        await self.supervisor.start_child(
            ChildSpec("local_chain", self._run_chain, backoff=BACKOFF, shutdown_ms=LOCAL_CHAIN_MS)
        )
        assert self._chain is not None
        return self._chain

    def _database(self) -> DatabaseAddress:
        if self.server is not None:
            return self.server.address
        assert self.database_url
        return address_of_url(self.database_url)

    @property
    def supervisor(self) -> Supervisor:
        """The running supervisor of these servers; they run whenever anybody can ask."""
        assert self._supervisor is not None
        return self._supervisor

    async def _run_chain(self, ctx: Context) -> None:
        started_s = trio.current_time()
        self.say("starting the local chain")
        options = ["--slot-ms", str(self.localnet.slot_ms), "--seed", str(self.localnet.seed)]
        options += ["--endpoints", str(self.localnet.endpoints)]
        if self.market is not None:
            market = await as_text(self.market, self.directory)
            options += ["--market", str(market), "--speed", str(self.speed)]
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


def foundation_of(options: Options, say: Callable[[str], None], report: Callable[[Report], None]) -> Foundation:
    """The servers that the bot brings itself, as its options want them; raises StartupError."""
    url = options.settings.database.url
    archive = server_settings(options.directory, options.settings.backup, is_own=url is None)
    return Foundation(
        directory=options.directory,
        database_url=url.get_secret_value() if url else None,
        localnet=options.settings.localnet,
        market=options.market,
        speed=options.speed,
        say=say,
        report=report,
        server_settings=archive,
    )
