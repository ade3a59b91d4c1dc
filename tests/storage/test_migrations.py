"""Migrations: applied once however many begin at once, whole or not at all, and refused when they do not fit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio

from bot.errors import StartupError
from bot.storage.address import DatabaseAddress
from bot.storage.island import open_island
from bot.storage.migrate import FOLDER, MigrationError, load, migrate
from bot.storage.store import open_store
from tests.storage.server_thread import fresh_database, run_sql

DEADLINE_S = 60
TABLES = "select count(*) as n from information_schema.tables where table_schema = 'public'"


@pytest.fixture
async def empty(server: DatabaseAddress) -> AsyncIterator[DatabaseAddress]:
    """A database without a schema."""
    async with fresh_database(server) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations that tests may edit."""
    (tmp_path / "0001_first.sql").write_text("create table first (n bigint);")
    (tmp_path / "0002_second.sql").write_text("create table second (n bigint);")
    return tmp_path


async def migrated(address: DatabaseAddress, folder: Path) -> list[str]:
    """Run the migrations of a folder on a connection of their own."""

    async def unit() -> list[str]:
        async with asyncpg.create_pool(address.dsn, min_size=1, max_size=1) as pool, pool.acquire() as connection:
            return await migrate(connection, load(folder))

    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            return await island.call(unit)


async def tables(address: DatabaseAddress) -> int:
    rows: list[Any] = await run_sql(address, TABLES)
    return int(rows[0]["n"])


async def test_several_programs_at_once_apply_each_file_once(empty: DatabaseAddress) -> None:
    applied: list[str] = []

    async def one() -> None:
        applied.extend(await migrated(empty, FOLDER))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
    assert applied == [migration.name for migration in load()]


async def test_stores_that_open_at_once_share_one_schema(empty: DatabaseAddress) -> None:
    async def one() -> None:
        async with open_store(empty) as store:
            assert await store.users() == []

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(one)


async def test_applied_files_are_not_applied_again(empty: DatabaseAddress, folder: Path) -> None:
    assert await migrated(empty, folder) == ["0001_first.sql", "0002_second.sql"]
    assert await migrated(empty, folder) == []
    (folder / "0003_third.sql").write_text("create table third (n bigint);")
    assert await migrated(empty, folder) == ["0003_third.sql"]


async def test_a_file_that_was_edited_is_refused(empty: DatabaseAddress, folder: Path) -> None:
    await migrated(empty, folder)
    (folder / "0001_first.sql").write_text("create table first (n bigint, more text);")
    with pytest.raises(MigrationError, match=r"0001_first.sql was changed after it was applied"):
        await migrated(empty, folder)


async def test_a_database_of_a_newer_program_is_refused(empty: DatabaseAddress, folder: Path) -> None:
    await migrated(empty, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="at version 2, this program knows 1: run the newer program"):
        await migrated(empty, folder)


async def test_the_store_refuses_a_newer_database_in_one_line(database: DatabaseAddress) -> None:
    await run_sql(database, "insert into schema_migrations values (999, '0999_later.sql', 'x') returning 1")
    with trio.fail_after(DEADLINE_S):
        with pytest.raises(StartupError, match="run the newer program"):
            async with open_store(database):
                pass


async def test_a_file_that_fails_leaves_nothing_and_keeps_those_before_it(empty: DatabaseAddress, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("create table second (n bigint); create table second (n bigint);")
    with pytest.raises(MigrationError, match=r"0002_second.sql failed and left nothing behind") as caught:
        await migrated(empty, folder)
    assert "\n" not in str(caught.value)
    assert await tables(empty) == 2  # the first one and the record of migrations
    (folder / "0002_second.sql").write_text("create table second (n bigint);")
    assert await migrated(empty, folder) == ["0002_second.sql"]


@pytest.mark.parametrize("name", ["0004_gap.sql", "0002_twice.sql"])
def test_numbers_with_a_gap_or_a_duplicate_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("select 1;")
    with pytest.raises(MigrationError, match="missing or there twice"):
        load(folder)


@pytest.mark.parametrize("name", ["notes.txt", "3_short.sql", "0003_Upper.sql"])
def test_a_file_that_is_no_migration_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("select 1;")
    with pytest.raises(MigrationError, match="is no migration"):
        load(folder)
