"""Snipe runs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import asyncpg

from bot.ports import OutboxMessage, SnipeRun
from bot.storage.database import Database, Repository, Row
from bot.storage.outbox import put_message
from bot.storage.rules import RUN_LEFT_BEHIND, RUN_STATUS_OF, check_run_status, run_of
from bot.storage.run_rules import as_kept, decode_components, encode_components
from bot.storage.together import Together
from bot.trading.intent import Intent

INSERT_RUN = """
insert into snipe_runs (
    id, user_id, mint, epoch, status, reason, confidence_bps, launch_signature, created_at, seen_at, version, components
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (user_id, mint, epoch) do nothing
returning id
"""
END_RUN = f"""
{INSERT_RUN.partition("on conflict")[0]}
on conflict (user_id, mint, epoch) do update set status = excluded.status, reason = excluded.reason
where snipe_runs.id = excluded.id
"""
UPDATE_RUN = "update snipe_runs set status = $2, reason = coalesce($3, reason) where id = $1 returning id"
SELECT_RUNS_SINCE = """
select * from snipe_runs where user_id = $1 and created_at >= $2 order by created_at, seq
"""
EXPIRE_RUNS = """
update snipe_runs
set status = 'EXPIRED', reason = $2
where
    created_at <= $1
    and (
        status in ('ANALYZED', 'MONITORING')
        or (
            status = 'EXECUTING'
            and not exists (
                select 1 from intents
                where intents.causation_id = snipe_runs.id and intents.context = 'sniper' and intents.side = 'buy'
            )
        )
    )
returning id
"""


class SnipeRuns(Repository):
    """Implements `SnipeStore`. A launch makes a row for each user at the same moment; they share their commits."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._openings = Together(database, _open_all, lambda opening: _apart(opening[0]))
        self._endings = Together(database, _end_all, _apart)

    async def open_run(self, run: SnipeRun, message: OutboxMessage | None = None) -> bool:
        check_run_status(run.status)
        return await self._openings.write((run, message))

    async def end_run(self, run: SnipeRun) -> None:
        check_run_status(run.status)
        await self._endings.write(run)

    async def runs_since(self, user_id: str, since_ms: int) -> list[SnipeRun]:
        return [run_from(row) for row in await self._database.read(_since, user_id, since_ms)]

    async def expire_runs(self, now_ms: int) -> int:
        return await self._database.write(_expire, now_ms)


async def follow_intent(connection: asyncpg.Connection, intent: Intent) -> None:
    """Inside the unit of work that moved an intent: its snipe run, where it has one, follows."""
    run_id = run_of(intent.request)
    if run_id is not None:
        await connection.execute(UPDATE_RUN, run_id, RUN_STATUS_OF[intent.state], intent.failure)


async def insert_runs(connection: asyncpg.Connection, runs: Sequence[SnipeRun]) -> set[str]:
    """Inside a unit of work: write runs, and the ids of those that are new."""
    return {row["id"] for row in await connection.fetchmany(INSERT_RUN, [row_of(run) for run in runs])}


def _apart(run: SnipeRun) -> tuple[Hashable, ...]:
    return run.id, (run.user_id, run.mint, run.epoch)


async def _open_all(
    connection: asyncpg.Connection, openings: Sequence[tuple[SnipeRun, OutboxMessage | None]]
) -> list[bool]:
    """Whether each is new; what is new is told."""
    opened = await insert_runs(connection, [run for run, _ in openings])
    for run, message in openings:
        if message is not None and run.id in opened:
            await put_message(connection, message)
    return [run.id in opened for run, _ in openings]


async def _end_all(connection: asyncpg.Connection, runs: Sequence[SnipeRun]) -> list[None]:
    await connection.executemany(END_RUN, [row_of(run) for run in runs])
    return [None] * len(runs)


def row_of(run: SnipeRun) -> tuple[str | int | None, ...]:
    """A run's columns in the order of INSERT_RUN."""
    run = as_kept(run)
    return (
        run.id,
        run.user_id,
        run.mint,
        run.epoch,
        run.status,
        run.reason,
        run.confidence_bps,
        run.launch_signature,
        run.created_at_ms,
        run.seen_at_ms,
        run.version,
        encode_components(run.components),
    )


async def _since(connection: asyncpg.Connection, user_id: str, since_ms: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_RUNS_SINCE, user_id, since_ms)
    return rows


async def _expire(connection: asyncpg.Connection, now_ms: int) -> int:
    return len(await connection.fetch(EXPIRE_RUNS, now_ms, RUN_LEFT_BEHIND))


def run_from(row: Row) -> SnipeRun:
    """A row of `snipe_runs`."""
    return SnipeRun(
        id=row["id"],
        user_id=row["user_id"],
        mint=row["mint"],
        epoch=row["epoch"],
        status=row["status"],
        reason=row["reason"],
        confidence_bps=row["confidence_bps"],
        launch_signature=row["launch_signature"],
        created_at_ms=row["created_at"],
        seen_at_ms=row["seen_at"],
        version=row["version"],
        components=decode_components(row["components"]),
    )
