"""Both stores for the contract, and the server that the real one needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from bot.ports import Store
from bot.storage.address import DatabaseAddress
from bot.storage.memory import MemoryStore
from bot.storage.spool import SpooledStore
from bot.storage.spool_journal import MemoryJournal
from tests.leaks.places import leaks_in_directory
from tests.storage.server_thread import (
    TEMPLATE,
    empty_store,
    fast_folder,
    fresh_database,
    make_template,
    running_server,
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseAddress]:
    """The session's server with a migrated database to copy from. Nothing that was written there may hold a secret."""
    with fast_folder(tmp_path_factory.mktemp("server")) as folder:
        with running_server(folder / "pg") as address:
            trio.run(make_template, address)
            yield address
        assert leaks_in_directory(folder) == []


@pytest.fixture
async def database(server: DatabaseAddress) -> AsyncIterator[DatabaseAddress]:
    """A migrated database of this test alone."""
    async with fresh_database(server, TEMPLATE) as address:
        yield address


@pytest.fixture(params=["memory", "spooled", "postgres"])
def home(request: pytest.FixtureRequest) -> DatabaseAddress | str:
    """Where the store under contract lives: the twin, the twin behind the spool, or the server."""
    return request.getfixturevalue("server") if request.param == "postgres" else str(request.param)


@pytest.fixture
async def store(home: DatabaseAddress | str) -> AsyncIterator[Store]:
    """The store under contract, empty."""
    if isinstance(home, str):
        yield (MemoryStore() if home == "memory" else SpooledStore(MemoryStore(), MemoryJournal()).as_store)
        return
    async with empty_store(home) as real:
        yield real
