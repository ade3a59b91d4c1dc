"""The store while its server is killed, frozen, full or wrong: what callers see, and that nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio

from bot.errors import Conflict, StartupError, StoreUnavailable
from bot.storage.address import DatabaseAddress, address_of_socket, address_of_url
from bot.storage.database import DatabaseStatistics, DatabaseTimeouts, _translated
from bot.storage.embedded import EmbeddedPostgres, embedded_postgres
from bot.storage.store import PostgresStore, open_store
from tests.storage.server_thread import database_at, fast_folder, run_sql
from tests.storage.storage_samples import enrol, message

DEADLINE_S = 60
# Long enough for a busy machine to answer, short enough to wait for one that never does.
IMPATIENT = DatabaseTimeouts(connect_s=3.0, acquire_s=1.0, command_s=1.0, unit_s=2.0)
CONNECTIONS = 8
# Backends of this database but for the one that asks.
BACKENDS = """
select pid, state, query from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
INSERT_AUDIT = "insert into audit (actor, action, subject, detail) values ('test', 'test', $1, 'test')"
SELECT_AUDIT = "select subject from audit where actor = 'test'"


async def sleep_in_server(connection: Any) -> None:
    await connection.execute("select pg_sleep(30)")


async def write_slowly(connection: Any, subject: str) -> str:
    """A write that stays open long enough for a cancellation to come in its middle."""
    await connection.execute(INSERT_AUDIT, subject)
    await connection.execute("select pg_sleep(0.2)")
    return subject


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does, of which no event tells."""
    while True:
        if holds():
            return
        await trio.sleep(0.002)


async def until_running(address: DatabaseAddress, query: str) -> None:
    """Wait until a backend of the database is in the middle of a statement that contains `query`."""
    while True:
        if any(query in row["query"] and row["state"] == "active" for row in await run_sql(address, BACKENDS)):
            return


async def until_nothing_runs(address: DatabaseAddress) -> None:
    while True:
        if all(row["state"] != "active" for row in await run_sql(address, BACKENDS)):
            return


async def until_answered(store: PostgresStore) -> None:
    while True:
        try:
            await store.ping()
        except StoreUnavailable:
            await trio.sleep(0.005)
        else:
            return


async def keep_serving(root: Path, serving: trio.MemorySendChannel[EmbeddedPostgres]) -> None:
    """What the bot's supervisor does: serve again whenever the server has died."""
    while True:
        async with embedded_postgres(root) as server:
            await serving.send(server)
            await server.died()


async def test_a_killed_server_comes_back_with_every_acknowledged_row(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    refused: list[StoreUnavailable] = []

    async def write_on(store: PostgresStore, writer: int) -> None:
        for number in range(1_000_000):
            try:
                await store.post(message(f"m-{writer}-{number}", "u-ada"))
            except StoreUnavailable as error:
                refused.append(error)
                await trio.sleep(0.005)
            else:
                acknowledged.append(f"m-{writer}-{number}")

    async def until_more_are_acknowledged() -> None:
        goal = len(acknowledged) + 40
        await until(lambda: len(acknowledged) >= goal)

    with trio.fail_after(DEADLINE_S), fast_folder(tmp_path) as folder:
        async with trio.open_nursery() as nursery:
            send, serving = trio.open_memory_channel[EmbeddedPostgres](2)
            nursery.start_soon(keep_serving, folder / "pg", send)
            server = await serving.receive()
            async with open_store(server.address) as store, trio.open_nursery() as writers:
                await enrol(store)
                for writer in range(4):
                    writers.start_soon(write_on, store, writer)
                await until_more_are_acknowledged()
                os.kill(server.pid, signal.SIGKILL)
                await server.died()
                await serving.receive()  # what the dead one's last processes still acknowledge says nothing of the next
                await until_more_are_acknowledged()
                assert refused
                writers.cancel_scope.cancel()
            there = await run_sql(server.address, "select id from outbox")
            assert set(acknowledged) <= {row["id"] for row in there}
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def frozen_store(
    folder: Path, timeouts: DatabaseTimeouts
) -> AsyncIterator[tuple[EmbeddedPostgres, PostgresStore]]:
    """A store with a user and an open connection, whose server is frozen; it is thawed at the end at the latest."""
    async with embedded_postgres(folder / "pg") as server, open_store(server.address, timeouts) as store:
        await enrol(store)
        server.freeze()
        try:
            yield server, store
        finally:
            server.thaw()


async def test_a_frozen_server_holds_nobody_longer_than_the_timeouts(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S), fast_folder(tmp_path) as folder:
        async with frozen_store(folder, IMPATIENT) as (server, store):
            with pytest.raises(StoreUnavailable, match="the database: no answer in time"):
                await store.post(message("m-1", "u-ada"))
            with pytest.raises(StoreUnavailable):
                await store.users()
            server.thaw()
            await until_answered(store)
            await store.post(message("m-2", "u-ada"))


async def test_a_frozen_server_is_waited_for_once_and_not_at_every_turn(tmp_path: Path) -> None:
    """The units behind the first one get `silent_s`: with `unit_s` each, twenty of them would outlast the test."""
    patience = DatabaseTimeouts(acquire_s=30, command_s=30, unit_s=30, probe_s=0.2, silent_s=0.05)
    with trio.fail_after(DEADLINE_S), fast_folder(tmp_path) as folder:
        async with frozen_store(folder, patience) as (server, store):
            with pytest.raises(StoreUnavailable):
                await store.ping()
            for number in range(20):
                with pytest.raises(StoreUnavailable):
                    await store.post(message(f"m-{number}", "u-ada"))
            server.thaw()
            await until_answered(store)
            assert store.statistics().units == 0


async def test_a_read_of_a_frozen_server_is_let_go_the_moment_it_is_cancelled(tmp_path: Path) -> None:
    patience = DatabaseTimeouts(acquire_s=DEADLINE_S, command_s=DEADLINE_S, unit_s=DEADLINE_S)
    with trio.fail_after(DEADLINE_S / 2), fast_folder(tmp_path) as folder:
        async with frozen_store(folder, patience) as (server, store):
            for _ in range(2 * CONNECTIONS):
                with trio.move_on_after(0.01) as scope:
                    await store.users()
                assert scope.cancelled_caught
            assert store.statistics().units == 0
            server.thaw()
            await until_answered(store)


async def test_a_write_that_a_frozen_server_cut_short_leaves_nothing_half_done(tmp_path: Path) -> None:
    async def write_and_freeze(connection: Any, server: EmbeddedPostgres) -> None:
        await connection.execute(INSERT_AUDIT, "half")
        server.freeze()
        await connection.execute(INSERT_AUDIT, "other half")

    with trio.fail_after(DEADLINE_S), fast_folder(tmp_path) as folder:
        async with embedded_postgres(folder / "pg") as server, open_store(server.address, IMPATIENT) as store:
            with pytest.raises(StoreUnavailable):
                await store._database.write(write_and_freeze, server)
            server.thaw()
            await until_answered(store)
            assert await run_sql(server.address, SELECT_AUDIT) == []


async def is_refused(store: PostgresStore) -> None:
    """A question that is asked in vain."""
    with pytest.raises(StoreUnavailable):
        await store.ping()


async def test_a_full_pool_is_unavailable_and_not_a_queue_without_end(database: DatabaseAddress) -> None:
    patient_units = DatabaseTimeouts(acquire_s=1.5, command_s=30, unit_s=30)
    with trio.fail_after(DEADLINE_S):
        async with open_store(database, patient_units) as store, trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS):
                nursery.start_soon(store._database.read, sleep_in_server)
            full = DatabaseStatistics(CONNECTIONS, 0, CONNECTIONS, CONNECTIONS, CONNECTIONS)
            await until(lambda: store.statistics() == full)
            async with trio.open_nursery() as waiting:
                waiting.start_soon(is_refused, store)
                await until(lambda: store.connections().wanted == CONNECTIONS + 1)
            nursery.cancel_scope.cancel()


async def test_a_cancelled_read_ends_in_the_server_too(database: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store._database.read, sleep_in_server)
                await until_running(database, "pg_sleep")
                nursery.cancel_scope.cancel()
            assert store.statistics().units == 0
            await until_nothing_runs(database)
            await store.ping()


async def test_a_write_that_has_begun_is_committed_and_says_so_though_its_scope_is_cancelled(
    database: DatabaseAddress,
) -> None:
    answers: list[str] = []

    async def write(store: PostgresStore) -> None:
        answers.append(await store._database.write(write_slowly, "begun"))

    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, store)
                await until_running(database, "pg_sleep")
                nursery.cancel_scope.cancel()
            assert answers == ["begun"]
            assert [row["subject"] for row in await run_sql(database, SELECT_AUDIT)] == ["begun"]


async def test_a_write_in_a_scope_that_is_cancelled_already_does_not_begin(database: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            with trio.CancelScope() as scope:
                scope.cancel()
                await store._database.write(write_slowly, "late")
            assert scope.cancelled_caught
            assert await run_sql(database, SELECT_AUDIT) == []


async def test_a_closed_store_is_unavailable(database: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            await store.ping()
        with pytest.raises(StoreUnavailable):
            await store.ping()


def test_a_connection_that_is_in_the_middle_of_a_transaction_is_as_good_as_away() -> None:
    with pytest.raises(StoreUnavailable, match="before any query"), _translated():
        raise asyncpg.ActiveSQLTransactionError("SET TRANSACTION ISOLATION LEVEL must be called before any query")


async def test_a_broken_constraint_is_a_conflict_that_does_not_quote_the_row(database: DatabaseAddress) -> None:
    async def rewrite_history(connection: Any) -> None:
        await connection.execute(INSERT_AUDIT, "hidden")
        await connection.execute("update audit set detail = 'changed'")

    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            with pytest.raises(Conflict, match="rows of audit are never changed") as caught:
                await store._database.write(rewrite_history)
            assert "hidden" not in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "password", "database", "complaint"),
    [
        ("bot", "swordfish", "postgres", "refuses the user name or the password"),
        ("nobody", "swordfish", "postgres", "refuses the user name or the password"),
        ("bot", None, "nowhere", "no database of that name"),
    ],
)
async def test_a_server_that_lets_nobody_in_is_one_line_without_the_password(
    server: DatabaseAddress, user: str, password: str | None, database: str, complaint: str
) -> None:
    address = database_at(server, database)
    if password is not None:
        folder = Path((await run_sql(server, "select current_setting('unix_socket_directories') as place"))[0]["place"])
        address = address_of_socket(
            folder, port=5432, user=user, password=password, database=database, name="the database of the test"
        )
    await expect_startup_error(address, complaint)


async def test_a_port_where_nothing_listens_is_one_line() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    await expect_away(address_of_url(f"postgresql://u:swordfish@127.0.0.1:{port}/d"), "nothing listens there")


async def test_a_server_that_says_nothing_is_one_line() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        address = address_of_url(f"postgresql://u:swordfish@127.0.0.1:{port}/d")
        await expect_away(address, "did not answer in time", DatabaseTimeouts(connect_s=0.3))


async def test_a_missing_socket_is_one_line(tmp_path: Path) -> None:
    address = address_of_socket(tmp_path, port=5432, user="u", password="swordfish", database="d", name="it")
    await expect_away(address, "its socket is not there")


async def test_a_server_whose_user_may_make_nothing_is_one_line(database: DatabaseAddress) -> None:
    [row] = await run_sql(
        database,
        "drop schema public cascade",
        "create schema public",
        "grant usage on schema public to public",
        "drop role if exists guest",
        "create role guest login password 'swordfish'",
        "select current_database() as name, current_setting('unix_socket_directories') as place",
    )
    address = address_of_socket(
        Path(row["place"]), port=5432, user="guest", password="swordfish", database=row["name"], name="it"
    )
    await expect_startup_error(address, "may not create tables")


async def expect_startup_error(
    address: DatabaseAddress, complaint: str, timeouts: DatabaseTimeouts | None = None
) -> None:
    await expect_refusal(StartupError, address, complaint, timeouts)


async def expect_away(address: DatabaseAddress, complaint: str, timeouts: DatabaseTimeouts | None = None) -> None:
    """A start may wait for it."""
    await expect_refusal(StoreUnavailable, address, complaint, timeouts)


async def expect_refusal(
    kind: type[Exception], address: DatabaseAddress, complaint: str, timeouts: DatabaseTimeouts | None
) -> None:
    with trio.fail_after(DEADLINE_S):
        with pytest.raises(kind, match=complaint) as caught:
            async with open_store(address, timeouts):
                pass
    assert caught.value.__cause__ is None
    assert "swordfish" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://u:xyzzy#fish@host/d", "cannot be read|names no database"),
        ("postgresql://u:xyzzy/fish@host:5432/d", "cannot be read"),
        ("postgresql://u:xyzzy[fish@host/d", "cannot be read"),
        ("mysql://u:xyzzy@host/d", "does not begin with postgresql://"),
        ("xyzzy", "does not begin with postgresql://"),
        ("postgresql://u:xyzzy@host", "names no database"),
        ("postgresql://u:xyzzy@host:port/d", "cannot be read"),
    ],
)
def test_a_malformed_url_is_refused_without_repeating_any_of_it(url: str, complaint: str) -> None:
    with pytest.raises(StartupError, match=complaint) as caught:
        address_of_url(url)
    assert "xyzzy" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_shows_where_and_hides_how() -> None:
    address = address_of_url("postgresql://ada:swordfish@db.example:6000/trading?sslmode=require")
    assert address.name == "the database trading at db.example:6000 (database.url)"
    assert "swordfish" not in repr(address)
    assert address_of_url("postgres:///trading").name == "the database trading at the local socket (database.url)"
