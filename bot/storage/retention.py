"""Rows that are kept for a time, in PostgreSQL: dropped some thousand at once, so that no deletion holds up anybody."""

from __future__ import annotations

import asyncpg

from bot.storage.database import Repository
from bot.storage.wallet_books import forget_swaps

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
DELETE_DECISIONS = """
delete from auto_decisions where id in (
    select id from auto_decisions
    where decided_at < $1 and verdict in ('passed', 'refused')
    order by decided_at limit $2
)
returning id
"""
DELETE_REFUSALS = """
delete from copies where id in (
    select id from copies
    where decided_at < $1 and state = 'refused'
    order by decided_at limit $2
)
returning id
"""
# Looked for through all of them: an index on a time that moves with each swap would make every swap dearer.
DELETE_BOOKS = """
delete from wallet_books where (address, mint) in (
    select address, mint from wallet_books
    where
        last_at < $1 and last_slot >= 0
        and not exists (
            select 1 from wallet_signals
            where wallet_signals.address = wallet_books.address and wallet_signals.mint = wallet_books.mint
        )
    limit $2
)
returning address
"""


class Retention(Repository):
    """Implements `RetentionStore`."""

    async def forget_runs(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_RUNS, before_ms, limit)

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_MESSAGES, before_ms, limit)

    async def forget_decisions(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_DECISIONS, before_ms, limit)

    async def forget_refusals(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_REFUSALS, before_ms, limit)

    async def forget_swaps(self, before_ms: int, limit: int) -> int:
        return await self._database.write(forget_swaps, before_ms, limit)

    async def forget_books(self, before_ms: int, limit: int) -> int:
        return await self._database.write(_forget, DELETE_BOOKS, before_ms, limit)


async def _forget(connection: asyncpg.Connection, statement: str, before_ms: int, limit: int) -> int:
    return len(await connection.fetch(statement, before_ms, limit))
