"""The rows of flattens, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import asyncpg

from bot.storage.database import Repository, Row
from bot.storage.rules import storable
from bot.trading.flatten import FlattenRow, FlattenState

SELECT_FLATTEN = """
select flatten_id, position_id, state, began_at, changed_at, attempts, last_error from flatten_positions
where flatten_id = $1
order by seq
"""
# One statement for a thousand rows. A row that is sold is final, and a late writer never sets one back.
UPSERT_FLATTEN = """
insert into flatten_positions (flatten_id, position_id, state, began_at, changed_at, attempts, last_error)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::text[])
on conflict (flatten_id, position_id) do update
set
    state = excluded.state,
    changed_at = excluded.changed_at,
    attempts = greatest(flatten_positions.attempts, excluded.attempts),
    last_error = excluded.last_error
where flatten_positions.state <> 'sold' and excluded.changed_at >= flatten_positions.changed_at
"""


class Flattens(Repository):
    """Implements `FlattenStore`."""

    async def flatten_rows(self, flatten_id: str) -> list[FlattenRow]:
        return [_row(row) for row in await self._database.read(_of, flatten_id)]

    async def save_flatten_rows(self, rows: Sequence[FlattenRow]) -> None:
        if rows:
            await self._database.write(_save, tuple(rows))


async def _of(connection: asyncpg.Connection, flatten_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_FLATTEN, flatten_id)
    return rows


async def _save(connection: asyncpg.Connection, rows: tuple[FlattenRow, ...]) -> None:
    columns = [list(column) for column in zip(*(astuple(row) for row in rows), strict=True)]
    columns[-1] = [storable(error) for error in columns[-1]]
    await connection.execute(UPSERT_FLATTEN, *columns)


def _row(row: Row) -> FlattenRow:
    return FlattenRow(
        flatten_id=row["flatten_id"],
        position_id=row["position_id"],
        state=FlattenState(row["state"]),
        began_at_ms=row["began_at"],
        changed_at_ms=row["changed_at"],
        attempts=row["attempts"],
        last_error=row["last_error"],
    )
