"""One embedded server for a whole test session, kept by a trio of its own in a thread, and databases in it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import asyncpg
import trio

from bot.storage.address import DatabaseAddress
from bot.storage.codecs import prepare_connection
from bot.storage.embedded import embedded_postgres
from bot.storage.island import open_island
from bot.storage.store import PostgresStore, open_store

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}
START_WITHIN_S = 60
DROP_WITHIN_S = 10
MEMORY = Path("/dev/shm")
MEMORY_MIN_BYTES = 1 << 29
TEMPLATE = "migrated"
SHARED = "shared"
# As a replica would: past the triggers that keep what happened, and in no order of references.
WIPE = """
do $$
declare
    name text;
begin
    set local session_replication_role = replica;
    for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' loop
        execute format('delete from %I', name);
    end loop;
end
$$
"""

_numbers = itertools.count(1)


@contextmanager
def fast_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is room for one: making and dropping databases is what these tests wait for."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_MIN_BYTES:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            yield Path(folder)
    else:
        yield otherwise


@contextmanager
def running_server(root: Path) -> Iterator[DatabaseAddress]:
    """A server in `root` for as long as the block runs."""
    said: SimpleQueue[tuple[DatabaseAddress, trio.lowlevel.TrioToken, trio.Event] | BaseException] = SimpleQueue()

    async def serve() -> None:
        enough = trio.Event()
        async with embedded_postgres(root, FAST) as server:
            said.put((server.address, trio.lowlevel.current_trio_token(), enough))
            await enough.wait()

    def main() -> None:
        try:
            trio.run(serve)
        except BaseException as error:
            said.put(error)
            raise

    thread = threading.Thread(target=main, name="embedded server of the tests")
    thread.start()
    answer = said.get(timeout=START_WITHIN_S)
    if isinstance(answer, BaseException):
        raise answer
    address, token, enough = answer
    try:
        yield address
    finally:
        token.run_sync_soon(enough.set)
        thread.join()


def database_at(address: DatabaseAddress, name: str) -> DatabaseAddress:
    """Another database of the same server."""
    return replace(address, dsn=address.dsn.replace("/postgres?", f"/{name}?"))


async def run_sql(address: DatabaseAddress, *statements: str) -> list[Any]:
    """Run statements one by one on a connection of their own; the rows of the last one."""

    async def unit() -> list[Any]:
        pool = asyncpg.create_pool(address.dsn, min_size=1, max_size=1, command_timeout=10, init=prepare_connection)
        async with pool, pool.acquire(timeout=10) as connection:
            for statement in statements[:-1]:
                await connection.execute(statement)
            rows: list[Any] = await connection.fetch(statements[-1])
            return rows

    async with open_island() as island:
        return await island.call(unit)


@asynccontextmanager
async def fresh_database(address: DatabaseAddress, template: str | None = None) -> AsyncIterator[DatabaseAddress]:
    """A new database, dropped at the end: empty, or a copy of `template`."""
    name = f"test_{next(_numbers)}"
    of = f" template {template} strategy file_copy" if template else ""
    await run_sql(address, f"create database {name}{of}")
    try:
        yield database_at(address, name)
    finally:
        with trio.move_on_after(DROP_WITHIN_S, shield=True):
            await run_sql(address, f"drop database {name} with (force)")


@asynccontextmanager
async def empty_store(address: DatabaseAddress) -> AsyncIterator[PostgresStore]:
    """The store in the session's shared database, emptied first: quicker than a database of one's own."""
    async with open_store(database_at(address, SHARED)) as store:
        await store._database.write(_wipe)
        yield store


async def _wipe(connection: Any) -> None:
    await connection.execute(WIPE)


async def make_template(address: DatabaseAddress) -> None:
    """The migrated database that the tests' own ones are copied from, and the shared one."""
    await run_sql(address, f"create database {TEMPLATE}")
    async with open_store(database_at(address, TEMPLATE)):
        pass
    await run_sql(address, f"create database {SHARED} template {TEMPLATE} strategy file_copy")
