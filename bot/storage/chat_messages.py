"""Which message in somebody's chat tells of what, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import ChatMessage, Subject, Topic
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user, storable

SELECT_WRITTEN_TO = "select id from users where id = $1"
SELECT_CHAT_MESSAGE = "select * from chat_messages where topic = $1 and subject_id = $2"
SELECT_CHAT_MESSAGES = "select * from chat_messages where topic = $1 order by written_at, subject_id"
UPSERT_CHAT_MESSAGE = """
insert into chat_messages (topic, subject_id, user_id, message_id, written_at, says, lead)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (topic, subject_id) do update set
    user_id = excluded.user_id, message_id = excluded.message_id, written_at = excluded.written_at,
    says = excluded.says, lead = excluded.lead
"""
DELETE_CHAT_MESSAGE = "delete from chat_messages where topic = $1 and subject_id = $2 and message_id = $3"
DELETE_OLD_CHAT_MESSAGES = "delete from chat_messages where topic = $1 and written_at < $2"


class ChatMessages(Repository):
    """Implements `ChatMessageStore`."""

    async def chat_message(self, subject: Subject) -> ChatMessage | None:
        return await self._database.read(_standing, subject)

    async def put_chat_message(self, message: ChatMessage) -> ChatMessage | None:
        return await self._database.write(_put, message)

    async def chat_messages(self, topic: Topic) -> list[ChatMessage]:
        return [_message_of(row) for row in await self._database.read(_all, topic)]

    async def forget_chat_message(self, message: ChatMessage) -> None:
        await self._database.write(_forget, message)

    async def forget_chat_messages(self, topic: Topic, before_ms: int) -> None:
        await self._database.write(_forget_old, topic, before_ms)


async def _standing(connection: asyncpg.Connection, subject: Subject) -> ChatMessage | None:
    row = await connection.fetchrow(SELECT_CHAT_MESSAGE, subject.topic, subject.id)
    return None if row is None else _message_of(row)


async def _put(connection: asyncpg.Connection, message: ChatMessage) -> ChatMessage | None:
    if await connection.fetchval(SELECT_WRITTEN_TO, message.user_id) is None:
        raise no_user(message.user_id)
    before = await _standing(connection, message.subject)
    await connection.execute(
        UPSERT_CHAT_MESSAGE,
        message.subject.topic,
        message.subject.id,
        message.user_id,
        message.message_id,
        message.at_ms,
        message.says,
        storable(message.lead),
    )
    return before


async def _all(connection: asyncpg.Connection, topic: Topic) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_CHAT_MESSAGES, topic)
    return rows


async def _forget(connection: asyncpg.Connection, message: ChatMessage) -> None:
    subject = message.subject
    await connection.execute(DELETE_CHAT_MESSAGE, subject.topic, subject.id, message.message_id)


async def _forget_old(connection: asyncpg.Connection, topic: Topic, before_ms: int) -> None:
    await connection.execute(DELETE_OLD_CHAT_MESSAGES, topic, before_ms)


def _message_of(row: Row) -> ChatMessage:
    return ChatMessage(
        subject=Subject(Topic(row["topic"]), row["subject_id"]),
        user_id=row["user_id"],
        message_id=row["message_id"],
        at_ms=row["written_at"],
        says=row["says"],
        lead=row["lead"],
    )
