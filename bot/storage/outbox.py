"""Messages that users are owed, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import asyncpg

from bot.ports import OutboxMessage
from bot.storage.database import Database, Repository, Row
from bot.storage.rules import decode_payload, encode_payload, no_message, no_user, storable
from bot.storage.together import Together

# The user's row is looked at first, so that an unknown user is an error for a repeated id too.
SELECT_USER_ID = "select id from users where id = $1"
SELECT_USER_IDS = "select id from users where id = any($1::text[])"
INSERT_MESSAGE = """
insert into outbox (id, user_id, kind, payload, urgent, trace_id, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do nothing
"""
SELECT_DUE = """
select * from outbox
where delivered_at is null and undeliverable_at is null and user_id <> all($2::text[])
order by urgent desc, kind = 'broadcast', created_at, seq
limit $1
"""
# A second delivery keeps the first moment.
UPDATE_DELIVERED = """
update outbox set delivered_at = coalesce(outbox.delivered_at, told.at)
from unnest($1::text[], $2::timestamptz[]) as told (id, at)
where outbox.id = told.id
returning outbox.id
"""
# The first reason stays.
UPDATE_UNDELIVERABLE = """
update outbox
set undeliverable_at = coalesce(undeliverable_at, $2), undeliverable_why = coalesce(undeliverable_why, $3)
where id = $1
returning id
"""


class Outbox(Repository):
    """Implements `OutboxStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._deliveries = Together(database, _delivered, lambda told: (told[0],))

    async def post(self, message: OutboxMessage) -> None:
        await self._database.write(put_message, message)

    async def post_all(self, messages: Sequence[OutboxMessage]) -> None:
        await self._database.write(_put_messages, messages)

    async def due(self, limit: int, besides: Collection[str] = ()) -> list[OutboxMessage]:
        return [message_of(row) for row in await self._database.read(_due, limit, list(besides))]

    async def delivered(self, message_id: str, now_ms: int) -> None:
        await self._deliveries.write((message_id, now_ms))

    async def undeliverable(self, message_id: str, why: str, now_ms: int) -> None:
        await self._database.write(_undeliverable, message_id, why, now_ms)


async def put_message(connection: asyncpg.Connection, message: OutboxMessage) -> None:
    """Write a message inside a unit of work; one whose id is there already is left as it is."""
    row = _row_of(message)
    if await connection.fetchval(SELECT_USER_ID, message.user_id) is None:
        raise no_user(message.user_id)
    await connection.execute(INSERT_MESSAGE, *row)


async def _put_messages(connection: asyncpg.Connection, messages: Sequence[OutboxMessage]) -> None:
    rows = [_row_of(message) for message in messages]
    user_ids = {message.user_id for message in messages}
    known = {row["id"] for row in await connection.fetch(SELECT_USER_IDS, list(user_ids))}
    for user_id in user_ids - known:
        raise no_user(user_id)
    await connection.executemany(INSERT_MESSAGE, rows)


def _row_of(message: OutboxMessage) -> tuple[str | bool | int, ...]:
    """A message as the arguments of INSERT_MESSAGE."""
    return (
        message.id,
        message.user_id,
        message.kind,
        encode_payload(message.payload),
        message.urgent,
        message.trace_id,
        message.created_at_ms,
    )


async def _due(connection: asyncpg.Connection, limit: int, besides: list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_DUE, limit, besides)
    return rows


async def _delivered(connection: asyncpg.Connection, told: Sequence[tuple[str, int]]) -> list[None]:
    """Messages with the moment of each."""
    moments = dict(told)
    known = {row["id"] for row in await connection.fetch(UPDATE_DELIVERED, list(moments), list(moments.values()))}
    for message_id in moments:
        if message_id not in known:
            raise no_message(message_id)
    return [None] * len(told)


async def _undeliverable(connection: asyncpg.Connection, message_id: str, why: str, now_ms: int) -> None:
    if await connection.fetchval(UPDATE_UNDELIVERABLE, message_id, now_ms, storable(why)) is None:
        raise no_message(message_id)


def message_of(row: Row) -> OutboxMessage:
    """The message of an outbox row."""
    return OutboxMessage(
        id=row["id"],
        user_id=row["user_id"],
        kind=row["kind"],
        payload=decode_payload(row["payload"]),
        urgent=row["urgent"],
        trace_id=row["trace_id"],
        created_at_ms=row["created_at"],
    )
