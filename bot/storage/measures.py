"""What each hour came to, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import HourMeasure
from bot.storage.database import Repository

UPSERT_MEASURE = """
insert into hourly_measures (name, hour, total, count)
values ($1, $2, $3, $4)
on conflict (hour, name) do update set total = excluded.total, count = excluded.count
"""
DELETE_OLD_MEASURES = "delete from hourly_measures where hour < $1"
SELECT_MEASURES = "select name, hour, total, count from hourly_measures where hour >= $1 order by hour, name"
SELECT_LAUNCH_TO_FILL = """
select intents.closed_at, snipe_runs.seen_at
from intents
inner join snipe_runs on snipe_runs.id = intents.causation_id
where
    intents.state = 'filled'
    and intents.side = 'buy'
    and intents.context = 'sniper'
    and intents.mode = 'live'
    and intents.closed_at >= $1
    and snipe_runs.seen_at is not null
"""


class Measures(Repository):
    """Implements `MeasureStore`."""

    async def keep_measures(self, measures: Sequence[HourMeasure], forget_before_ms: int) -> None:
        await self._database.write(_keep, list(measures), forget_before_ms)

    async def measures(self, since_ms: int) -> list[HourMeasure]:
        return await self._database.read(_measures, since_ms)

    async def launch_to_fill(self, since_ms: int) -> tuple[int, ...]:
        return await self._database.read(_launch_to_fill, since_ms)


async def _keep(connection: asyncpg.Connection, measures: list[HourMeasure], forget_before_ms: int) -> None:
    await connection.executemany(UPSERT_MEASURE, [(one.name, one.hour_ms, one.total, one.count) for one in measures])
    await connection.execute(DELETE_OLD_MEASURES, forget_before_ms)


async def _measures(connection: asyncpg.Connection, since_ms: int) -> list[HourMeasure]:
    rows = await connection.fetch(SELECT_MEASURES, since_ms)
    return [HourMeasure(row["name"], row["hour"], row["total"], row["count"]) for row in rows]


async def _launch_to_fill(connection: asyncpg.Connection, since_ms: int) -> tuple[int, ...]:
    rows = await connection.fetch(SELECT_LAUNCH_TO_FILL, since_ms)
    return tuple(sorted(row["closed_at"] - row["seen_at"] for row in rows))
