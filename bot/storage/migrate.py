"""Brings a database to this program's schema: numbered SQL files, forward only, each applied once in one transaction.

Runs on the asyncio island, before anything else uses the database. Not through a pooler in transaction mode: the lock
belongs to the session.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bot.errors import StartupError

FOLDER = Path(__file__).parent / "migrations"

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK_KEY = 0x626F745F6D6967  # "bot_mig"
_LOCK_WITHIN_S = 60
_LOCK_POLL_S = 0.1
# A migration that cannot have its table soon must not queue every trade behind it.
_TIMEOUTS = "set local lock_timeout = '5s'; set local statement_timeout = '60s'"
_FILE_WITHIN_S = 90

_CREATE_TABLE = """
create table if not exists schema_migrations (
    version bigint primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
)
"""
TRY_LOCK = "select pg_try_advisory_lock($1)"
UNLOCK = "select pg_advisory_unlock($1)"
IS_MIGRATED = "select to_regclass('schema_migrations') is not null"
NEWEST = "select max(version) from schema_migrations"
APPLIED = "select version, name, sha256 from schema_migrations"
RECORD = "insert into schema_migrations (version, name, sha256) values ($1, $2, $3)"


class MigrationError(StartupError):
    """The database and this program's migrations do not fit; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name, text, and the hash that proves later that it is still the same text."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a folder in order; raises MigrationError for a strange name, a gap or a duplicate number."""
    found = []
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is no migration; name it like 0001_what_it_does.sql")
        found.append(Migration(int(match[1]), path.name, path.read_text("utf-8")))
    numbers = [migration.version for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"the migrations are numbered {numbers}: a number is missing or there twice")
    return found


async def migrate(connection: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    """Apply what is missing and return the names; several programs may do so at once, each file is applied once.

    A file that fails leaves nothing behind. Raises MigrationError.
    """
    async with locked(connection):
        await connection.execute(_CREATE_TABLE)
        applied = {row["version"]: row for row in await connection.fetch(APPLIED)}
        _check(migrations, applied)
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.name for migration in missing]


async def refuse_newer(connection: asyncpg.Connection, migrations: list[Migration]) -> None:
    """Raise MigrationError for a database that a newer program has been at; nothing is written and nothing locked."""
    if await connection.fetchval(IS_MIGRATED):
        _check_age(migrations, await connection.fetchval(NEWEST) or 0)


def _check_age(migrations: list[Migration], newest: int) -> None:
    if newest > len(migrations):
        raise MigrationError(
            f"the database is at version {newest}, this program knows {len(migrations)}: run the newer program"
        )


def _check(migrations: list[Migration], applied: Mapping[int, Mapping[str, Any]]) -> None:
    _check_age(migrations, max(applied, default=0))
    for migration in migrations:
        row = applied.get(migration.version)
        if row is not None and row["sha256"] != migration.sha256:
            raise MigrationError(
                f"{migration.name} was changed after it was applied as {row['name']}: bring the old text back and"
                f" write a further migration"
            )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(_TIMEOUTS)
            await connection.execute(migration.sql, timeout=_FILE_WITHIN_S)
            await connection.execute(RECORD, migration.version, migration.name, migration.sha256)
    except asyncpg.InsufficientPrivilegeError:
        raise
    except (asyncpg.SyntaxOrAccessError, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
        raise MigrationError(f"{migration.name} failed and left nothing behind: {error}") from error


@asynccontextmanager
async def locked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Only one program migrates. Polled: waiting inside pg_advisory_lock holds a snapshot that index builds wait for."""
    try:
        async with asyncio.timeout(_LOCK_WITHIN_S):
            while not await connection.fetchval(TRY_LOCK, _LOCK_KEY):  # noqa: ASYNC110, no event here tells of another's lock
                await asyncio.sleep(_LOCK_POLL_S)
    except TimeoutError as error:
        raise MigrationError(f"another program has been migrating this database for {_LOCK_WITHIN_S} s") from error
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(UNLOCK, _LOCK_KEY)
