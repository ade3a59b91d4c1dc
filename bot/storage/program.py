"""What belongs to the program as a whole, in PostgreSQL: its cluster, its pause causes, and who changed them."""

from __future__ import annotations

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import (
    CLUSTER_BOUND,
    PAUSE_CLEARED,
    PAUSE_SET,
    PROGRAM,
    cause_facts,
    cause_of_facts,
    other_cluster,
    storable,
)
from bot.trading.trading_state import GLOBAL, Binds, Cause

SELECT_GENESIS = "select genesis_hash from program"
INSERT_GENESIS = (
    "insert into program (genesis_hash) values ($1) on conflict (only_row) do nothing returning genesis_hash"
)
SELECT_CAUSES = "select * from pause_causes order by seq"
INSERT_CAUSE = """
insert into pause_causes (name, scope, since, by, why, binds)
values ($1, $2, $3, $4, $5, $6)
on conflict (name, scope) do nothing
returning name
"""
DELETE_CAUSE = "delete from pause_causes where name = $1 and scope = $2 returning *"
SELECT_SET = """
select at, facts from audit where action = $1 and at > $2 and facts ->> 'scope' = $3 order by at, id
"""
SELECT_ENDED = """
select at, actor, facts from audit where action = $1 and at > $2 and facts ->> 'scope' <> $3 order by at, id
"""
PING = "select 1"
# A new file of some pages, gone with the transaction: a row more might find room in a page that is there already.
TAKE_ROOM = """
create temporary table room on commit drop as select repeat('x', 1000) as filler from generate_series(1, 100)
"""


class Program(Repository):
    """Implements `ProgramStore`."""

    async def genesis_hash(self) -> str | None:
        return await self._database.read(_genesis)

    async def bind_genesis(self, genesis_hash: str) -> None:
        await self._database.write(_bind, genesis_hash)

    async def causes(self) -> list[Cause]:
        return [_cause(row) for row in await self._database.read(_causes)]

    async def set_since(self, since_ms: int) -> list[Cause]:
        return [cause_of_facts(row["facts"], row["at"]) for row in await self._database.read(_set_since, since_ms)]

    async def save_cause(self, cause: Cause) -> None:
        await self._database.write(_save, cause)

    async def ended_since(self, since_ms: int) -> list[tuple[Cause, str, int]]:
        rows = await self._database.read(_ended_since, since_ms)
        return [(cause_of_facts(row["facts"], row["at"]), row["actor"], row["at"]) for row in rows]

    async def clear_cause(self, name: str, scope: str, by: str, now_ms: int | None = None) -> None:
        await self._database.write(_clear, name, scope, by, now_ms)

    async def ping(self) -> None:
        await self._database.probe(_ping)

    async def take_a_write(self) -> None:
        await self._database.write_soon(_take_room)


async def _genesis(connection: asyncpg.Connection) -> str | None:
    genesis_hash: str | None = await connection.fetchval(SELECT_GENESIS)
    return genesis_hash


async def _bind(connection: asyncpg.Connection, genesis_hash: str) -> None:
    if await connection.fetchval(INSERT_GENESIS, genesis_hash) is not None:
        await put_audit(connection, PROGRAM, CLUSTER_BOUND, {"genesis_hash": genesis_hash}, None)
        return
    bound = await connection.fetchval(SELECT_GENESIS)
    if bound != genesis_hash:
        raise other_cluster(bound, genesis_hash)


async def _causes(connection: asyncpg.Connection) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_CAUSES)
    return rows


async def _set_since(connection: asyncpg.Connection, since_ms: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_SET, PAUSE_SET, since_ms, GLOBAL)
    return rows


async def _save(connection: asyncpg.Connection, cause: Cause) -> None:
    values = (cause.name, cause.scope, cause.since_ms, cause.by, storable(cause.why), cause.binds)
    inserted = await connection.fetchval(INSERT_CAUSE, *values)
    if inserted is not None:
        await put_audit(connection, cause.by, PAUSE_SET, cause_facts(cause), cause.since_ms)


async def _ended_since(connection: asyncpg.Connection, since_ms: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_ENDED, PAUSE_CLEARED, since_ms, GLOBAL)
    return rows


async def _clear(connection: asyncpg.Connection, name: str, scope: str, by: str, now_ms: int | None) -> None:
    gone = await connection.fetchrow(DELETE_CAUSE, name, scope)
    if gone is not None:
        await put_audit(connection, by, PAUSE_CLEARED, cause_facts(_cause(gone)), now_ms)


async def _ping(connection: asyncpg.Connection) -> None:
    await connection.fetchval(PING)


async def _take_room(connection: asyncpg.Connection) -> None:
    await connection.execute(TAKE_ROOM)


def _cause(row: Row) -> Cause:
    return Cause(row["name"], row["scope"], row["since"], row["by"], row["why"], Binds(row["binds"]))
