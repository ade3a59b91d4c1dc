"""Rows that are kept for a time, in PostgreSQL: dropped some thousand at once, so that no deletion holds up anybody."""

from __future__ import annotations

import asyncpg

from bot.storage.database import Repository

DELETE_RUNS = """
delete from snipe_runs where id in (
    select id from snipe_runs
    where created_at < $1 and status in ('SKIPPED', 'EXPIRED')
    order by created_at limit $2
)
returning id
"""
DELETE_MESSAGES = """
delete from outbox where id in (
    select id from outbox
    where created_at < $1 and (delivered_at is not null or undeliverable_at is not null)
    order by created_at limit $2
)
returning id
"""


class Retention(Repository):
    """Implements `RetentionStore`."""

    async def forget_runs(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_RUNS, before_ms, limit)

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_MESSAGES, before_ms, limit)


async def _forget(connection: asyncpg.Connection, statement: str, before_ms: int, limit: int) -> int:
    return len(await connection.fetch(statement, before_ms, limit))
