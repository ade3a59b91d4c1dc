"""The halt latch in PostgreSQL: at most one row is latched, and every one that ever was stays as history."""

from __future__ import annotations

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import HALT_LATCHED, HALT_REARMED, halt_facts, storable
from bot.trading.trading_state import Halt

SELECT_HALT = "select cause, since, by, why from halts where rearmed_at is null"
SELECT_ENDED = """
select exists(
    select 1 from halts
    where rearmed_at is not null and (rearmed_at >= $2 or (cause = $1 and since = $2 and by = $3))
)
"""
# The unique index lets one latched row in, whoever is first.
INSERT_HALT = """
insert into halts (cause, since, by, why) values ($1, $2, $3, $4) on conflict do nothing returning id
"""
UPDATE_REARMED = """
update halts set rearmed_at = $2, rearmed_by = $1 where rearmed_at is null returning cause, since, by, why
"""


class Halts(Repository):
    """The latch's part of `ProgramStore`."""

    async def halt(self) -> Halt | None:
        row = await self._database.read(_latched)
        return None if row is None else _halt(row)

    async def latch_halt(self, halt: Halt) -> bool:
        return await self._database.write(_latch, halt)

    async def halt_ended(self, halt: Halt) -> bool:
        return await self._database.read(_ended, halt)

    async def rearm(self, by: str, now_ms: int) -> bool:
        return await self._database.write(_rearm, by, now_ms)


async def _latched(connection: asyncpg.Connection) -> Row | None:
    row: Row | None = await connection.fetchrow(SELECT_HALT)
    return row


async def _ended(connection: asyncpg.Connection, halt: Halt) -> bool:
    ended: bool = await connection.fetchval(SELECT_ENDED, halt.cause, halt.since_ms, halt.by)
    return ended


async def _latch(connection: asyncpg.Connection, halt: Halt) -> bool:
    why = storable(halt.why)
    if await connection.fetchval(INSERT_HALT, halt.cause, halt.since_ms, halt.by, why) is None:
        return False
    await put_audit(connection, halt.by, HALT_LATCHED, halt_facts(halt), halt.since_ms)
    return True


async def _rearm(connection: asyncpg.Connection, by: str, now_ms: int) -> bool:
    row = await connection.fetchrow(UPDATE_REARMED, by, now_ms)
    if row is None:
        return False
    await put_audit(connection, by, HALT_REARMED, halt_facts(_halt(row)), now_ms)
    return True


def _halt(row: Row) -> Halt:
    return Halt(row["cause"], row["since"], row["by"], row["why"])
