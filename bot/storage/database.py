"""The connection pool on the asyncio island, units of work, and the one place where asyncpg's errors become ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple, Unpack

import asyncpg
import outcome
import structlog
import trio

from bot.errors import Conflict, LeaseLost, StartupError, StoreUnavailable
from bot.storage.address import DatabaseAddress
from bot.storage.codecs import prepare_connection
from bot.storage.island import Island
from bot.storage.lease_schema import STALE_EPOCH, prepare_lease
from bot.storage.migrate import load, migrate, refuse_newer

log = structlog.get_logger()

# A row as asyncpg gives it: by column name, integers for bigint and numeric, milliseconds for moments.
Row = Mapping[str, Any]
T = TypeVar("T")
Row_ = TypeVar("Row_")
Ts = TypeVarTuple("Ts")
Unit = Callable[[asyncpg.Connection, Unpack[Ts]], Coroutine[Any, Any, T]]

# Each statement sees what was committed before it, whatever the server's default is: a fence relies on that.
_BEGIN = "begin isolation level read committed"
# Making a plan anew for each execution takes longer than what goes by keys takes itself.
_PLANNED_ONCE = "set local plan_cache_mode = force_generic_plan"
_COMMIT = "commit"
_ROLLBACK = "rollback"
_OLDEST_SERVER = 15
_POOL_SIZE = 8
_POOL_CLOSES_WITHIN_S = 1.0
_CLOSE_WITHIN_S = 2.0

# The first row that fits decides. What is in no row is a bug in our SQL and passes as it is.
_MAPPING: tuple[tuple[tuple[type[Exception], ...], type[Exception]], ...] = (
    ((asyncpg.ForeignKeyViolationError,), LookupError),
    ((asyncpg.IntegrityConstraintViolationError,), Conflict),
    # A value that the column cannot hold. asyncpg's own complaint about one is a ValueError and an InterfaceError.
    ((asyncpg.DataError, ValueError), ValueError),
    (
        (
            OSError,  # TimeoutError too, and the missing socket file of a server that restarts
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            asyncpg.FatalPostgresError,
            asyncpg.InsufficientResourcesError,
            asyncpg.OperatorInterventionError,
            asyncpg.PostgresSystemError,
            asyncpg.InternalServerError,
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.TransactionRollbackError,
            asyncpg.LockNotAvailableError,
            asyncpg.InvalidTransactionStateError,  # read only, or a cancelled read left its connection in a transaction
        ),
        StoreUnavailable,
    ),
)
_FOREIGN = tuple(kind for kinds, _ in _MAPPING for kind in kinds)

# What an operator reads when the database cannot be used at start; the first row that fits decides.
_STARTUP_TEXTS: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, "it refuses the user name or the password; correct database.url"),
    (asyncpg.InvalidAuthorizationSpecificationError, "it does not let this user in; see its pg_hba.conf"),
    (asyncpg.InvalidCatalogNameError, "the server has no database of that name; create it or correct database.url"),
    (asyncpg.InsufficientPrivilegeError, "its user may not create tables; make it the owner of the database"),
    (asyncpg.InvalidSchemaNameError, "its user may use no schema; make it the owner of the database"),
    (asyncpg.CannotConnectNowError, "it is starting up or shutting down; try again shortly"),
    (asyncpg.TooManyConnectionsError, "it has no connection left; raise its max_connections"),
    (ConnectionRefusedError, "nothing listens there; start the server or correct database.url"),
    (FileNotFoundError, "its socket is not there; start the server or correct database.url"),
    (socket.gaierror, "its host name is not known; correct database.url"),
    (TimeoutError, "it did not answer in time; look after the server or correct database.url"),
)

_AWAY = (
    OSError,  # TimeoutError too
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)

# What people read in place of an error that says little to them; the rest speak for themselves.
_UNAVAILABLE_TEXTS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "nothing listens there"),
    (FileNotFoundError, "its socket is not there"),
)


@dataclass(frozen=True, slots=True)
class DatabaseTimeouts:
    """How long a server may be silent: at the first connect, while a connection is waited for, in one command.

    `unit_s` bounds a whole unit of work. A write is not cut short by a cancellation, so this is what ends it, and with
    `silent_s` it is what an orderly stop waits for. A server that let a unit run out of time is given `silent_s` for
    each unit until one succeeds, so that an outage is waited for once and not at every turn. `probe_s` is for a probe.
    """

    connect_s: float = 5.0
    acquire_s: float = 2.0
    command_s: float = 4.0
    unit_s: float = 5.0
    silent_s: float = 1.0
    probe_s: float = 2.0


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """The pool at one moment: open connections, those of them that idle, the most it opens, and units on their way.

    `wanted` is how many units have a connection or wait for one.
    """

    connections: int
    idle: int
    most: int
    units: int
    wanted: int


class Database:
    """Made by `open_database`. A unit of work is an async function whose first argument is a connection."""

    def __init__(self, island: Island, pool: asyncpg.Pool, timeouts: DatabaseTimeouts) -> None:
        self._island = island
        self._pool = pool
        self._timeouts = timeouts
        self._silent = False  # the last unit ran out of time
        self._wanted = 0
        self._begin = _BEGIN
        self._refused: Callable[[str], None] | None = None

    def __repr__(self) -> str:
        return f"<Database {self.statistics()}>"

    @property
    def is_silent(self) -> bool:
        """Whether the last unit ran out of time."""
        return self._silent

    def fence(self, guard: str, refused: Callable[[str], None]) -> None:
        """Put `guard`, a statement, in front of every write from now on, at the cost of no round trip of its own.

        Where the server answers it with the error STALE_EPOCH the write raises LeaseLost and `refused` is told why.
        """
        self._begin = f"{_BEGIN}; {guard}"
        self._refused = refused

    def statistics(self) -> DatabaseStatistics:
        return DatabaseStatistics(
            connections=self._pool.get_size(),
            idle=self._pool.get_idle_size(),
            most=self._pool.get_max_size(),
            units=self._island.calls,
            wanted=self._wanted,
        )

    async def read(self, unit: Unit[*Ts, T], *args: *Ts) -> T:
        """Run a unit that changes nothing; a cancelled one is cancelled in the server too. Raises StoreUnavailable."""
        with _translated():
            return await self._island.call(self._within, self._timeouts.unit_s, unit, args, let_go=True)

    async def probe(self, unit: Unit[*Ts, T], *args: *Ts) -> T:
        """A read that gives up sooner, because its only question is whether the server answers."""
        with _translated():
            return await self._island.call(self._within, self._timeouts.probe_s, unit, args, let_go=True)

    async def write(self, unit: Unit[*Ts, T], *args: *Ts) -> T:
        """Run a unit in one transaction; it returns when the commit is known, whatever the trio scope wants meanwhile.

        Raises StoreUnavailable when the outcome is not known, Conflict for a broken constraint, LookupError for a row
        that refers to nothing, ValueError for a value that a column cannot hold, LeaseLost where the fence refuses it, and
        whatever the unit raises; in all cases but the first nothing was written.
        """
        return await self._write(self._timeouts.unit_s, unit, args)

    async def write_soon(self, unit: Unit[*Ts, T], *args: *Ts) -> T:
        """A write that gives up sooner, because it is of no use later."""
        return await self._write(self._timeouts.probe_s, unit, args)

    async def write_by(self, join: Callable[[Row_], Coroutine[Any, Any, T]], row: Row_) -> T:
        """Write one row through `join`, which runs on the island and shares `transaction` with others. Raises as `write`."""
        with self._losing():
            return await self._island.call(join, row, shield=True)

    async def transaction(self, unit: Unit[*Ts, T], *args: *Ts) -> T:
        """The transaction of a write by keys, for whoever is on the island already. Raises as `write`."""
        with _translated():
            begin = f"{self._begin}; {_PLANNED_ONCE}"
            return await self._within(self._timeouts.unit_s, _in_transaction, (begin, unit, args))

    async def _write(self, limit_s: float, unit: Unit[*Ts, T], args: tuple[*Ts]) -> T:
        with self._losing(), _translated():
            return await self._island.call(
                self._within, limit_s, _in_transaction, (self._begin, unit, args), shield=True
            )

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Whoever put up the fence hears that it refused a write."""
        try:
            yield
        except LeaseLost as error:
            if self._refused is not None:
                self._refused(str(error))
            raise

    async def _within(self, limit_s: float, unit: Unit[*Ts, T], args: tuple[*Ts]) -> T:
        """Run a unit on a connection of the pool. One that runs out of time costs its connection.

        Asking the server to cancel it, as asyncpg would, is no use with a server that says nothing, and waits as long.
        """
        if self._silent:
            limit_s = min(limit_s, self._timeouts.silent_s)
        until_s = asyncio.get_running_loop().time() + limit_s
        self._wanted += 1
        try:
            async with self._pool.acquire(timeout=min(limit_s, self._timeouts.acquire_s)) as connection:
                try:
                    async with asyncio.timeout_at(until_s):
                        result = await unit(connection, *args)
                except TimeoutError:
                    connection.terminate()
                    raise
        except TimeoutError:
            self._silent = True
            raise
        finally:
            self._wanted -= 1
        self._silent = False
        return result


async def _in_transaction(connection: asyncpg.Connection, begin: str, unit: Unit[*Ts, T], args: tuple[*Ts]) -> T:
    """A unit that ran out of time is not rolled back: its connection is given up, and what is open on it ends with it."""
    begun = await outcome.acapture(connection.execute, begin)
    if isinstance(begun, outcome.Error) and isinstance(begun.error, asyncpg.PostgresError):
        await connection.execute(_ROLLBACK)
        if begun.error.sqlstate == STALE_EPOCH:
            raise LeaseLost(_one_line(begun.error)) from begun.error
    begun.unwrap()
    result = await outcome.acapture(unit, connection, *args)
    if isinstance(result, outcome.Value):
        await connection.execute(_COMMIT)
    elif not isinstance(result.error, (TimeoutError, asyncio.CancelledError)):
        with suppress(asyncpg.InterfaceError, OSError):  # the connection is gone, and what was open on it
            await connection.execute(_ROLLBACK)
    return result.unwrap()


class Repository:
    """What the files that hold one noun's SQL have in common."""

    def __init__(self, database: Database) -> None:
        self._database = database


@asynccontextmanager
async def open_database(
    island: Island,
    address: DatabaseAddress,
    timeouts: DatabaseTimeouts | None = None,
    *,
    ahead: Callable[[Database], Awaitable[None]] | None = None,
) -> AsyncIterator[Database]:
    """A pool of connections to a database that was brought to this program's schema first.

    `ahead` is awaited before that, and may wait until this process may change the database. Raises StoreUnavailable while
    the database is away, and StartupError when somebody must act before it can be used; either has one line, which never
    holds the password.
    """
    timeouts = timeouts or DatabaseTimeouts()
    with _starting(address):
        pool = await island.call(_open_pool, address, timeouts)
    database = Database(island, pool, timeouts)
    try:
        if ahead is not None:
            with _starting(address):
                await ahead(database)
        with _starting(address):
            await island.call(_migrate, pool, timeouts)
        yield database
    finally:
        with trio.move_on_after(_CLOSE_WITHIN_S, shield=True), suppress(StoreUnavailable):
            await island.call(_close_pool, pool, database.is_silent)


async def _open_pool(address: DatabaseAddress, timeouts: DatabaseTimeouts) -> asyncpg.Pool:
    pool: asyncpg.Pool = await asyncpg.create_pool(
        address.dsn,
        min_size=1,
        max_size=_POOL_SIZE,
        timeout=timeouts.connect_s,
        command_timeout=timeouts.command_s,
        init=prepare_connection,
        reset=_keep_session,
        server_settings={
            "application_name": "trading-bot",
            # A bot that froze inside a transaction must not hold a wallet's row for ever.
            "idle_in_transaction_session_timeout": "30s",
            "jit": "off",
        },
    )
    try:
        async with pool.acquire(timeout=timeouts.acquire_s) as connection:
            server = connection.get_server_version()
            if server.major < _OLDEST_SERVER:
                raise StartupError(f"{address.name} is PostgreSQL {server.major}; {_OLDEST_SERVER} or newer is needed")
            await refuse_newer(connection, load())
            await prepare_lease(connection)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _migrate(pool: asyncpg.Pool, timeouts: DatabaseTimeouts) -> None:
    async with pool.acquire(timeout=timeouts.acquire_s) as connection:
        for name in await migrate(connection, load()):
            log.info("migration_applied", name=name)


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Nothing to reset between two units: none sets session state, and an open transaction is rolled back anyway."""


async def _close_pool(pool: asyncpg.Pool, is_silent: bool) -> None:
    """Say goodbye to the server, or drop the connections where it has not answered lately."""
    if is_silent:
        pool.terminate()
        return
    try:
        async with asyncio.timeout(_POOL_CLOSES_WITHIN_S):
            await pool.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("pool_terminated", reason=_one_line(error))
        pool.terminate()


@contextmanager
def _starting(address: DatabaseAddress) -> Iterator[None]:
    """Errors of a start in one line that helps. Not chained: what asyncpg says of a connection string may repeat it."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        kind = StoreUnavailable if _is_away(error) else StartupError
        raise kind(f"{address.name} cannot be used: {_startup_text(error)}") from None


@contextmanager
def _translated() -> Iterator[None]:
    """Foreign errors become ours by the table, with their first line; the rest of an asyncpg error may quote the row."""
    try:
        yield
    except _FOREIGN as error:
        target = next(target for kinds, target in _MAPPING if isinstance(error, kinds))
        if isinstance(error, target):
            raise
        raise target(f"the database: {_one_line(error)}") from error


def _is_away(error: Exception) -> bool:
    """Whether a start may wait for what refused it: a server that is down, starting, full, or cannot be reached now."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, _AWAY) and not isinstance(error, PermissionError)


def _startup_text(error: Exception) -> str:
    for kind, text in _STARTUP_TEXTS:
        if isinstance(error, kind):
            return text
    if isinstance(error, ValueError):
        return "the connection string cannot be read; correct database.url"
    return _one_line(error)


def _one_line(error: Exception) -> str:
    for kind, text in _UNAVAILABLE_TEXTS:
        if isinstance(error, kind):
            return text
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
