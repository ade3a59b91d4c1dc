"""Commands that came out of chats, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import KEPT_MS, TakenCommand
from bot.storage.database import Repository
from bot.storage.rules import storable

INSERT_COMMANDS = """
insert into chat_inbox (update_id, telegram_id, text, sent_at)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
on conflict (update_id) do nothing
returning update_id
"""
DELETE_FORGOTTEN = "delete from chat_inbox where done_at < $1"
UPSERT_DONE = """
insert into chat_inbox (update_id, telegram_id, sent_at, done_at)
select *, $4 from unnest($1::bigint[], $2::bigint[], $3::timestamptz[])
on conflict (update_id) do update set text = null, done_at = coalesce(chat_inbox.done_at, excluded.done_at)
"""
SELECT_LATEST = "select update_id from chat_inbox order by update_id desc limit $1"
UPDATE_TRIED = """
update chat_inbox set tries = tries + 1 where done_at is null
returning update_id, telegram_id, text, sent_at, tries
"""


class Inbox(Repository):
    """Implements `InboxStore`."""

    async def take_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
        return await self._database.write(_take, commands, now_ms)

    async def finish_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> None:
        await self._database.write(_finish, commands, now_ms)

    async def recall_commands(self, limit: int) -> tuple[list[int], list[TakenCommand]]:
        return await self._database.write(_recall, limit)


async def _take(connection: asyncpg.Connection, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
    await connection.execute(DELETE_FORGOTTEN, now_ms - KEPT_MS)
    fresh = await connection.fetch(
        INSERT_COMMANDS,
        [command.update_id for command in commands],
        [command.telegram_id for command in commands],
        [storable(command.text) for command in commands],
        [command.sent_at_ms for command in commands],
    )
    return {row["update_id"] for row in fresh}


async def _finish(connection: asyncpg.Connection, commands: Sequence[TakenCommand], now_ms: int) -> None:
    latest = {command.update_id: command for command in commands}
    await connection.execute(
        UPSERT_DONE,
        list(latest),
        [command.telegram_id for command in latest.values()],
        [command.sent_at_ms for command in latest.values()],
        now_ms,
    )


async def _recall(connection: asyncpg.Connection, limit: int) -> tuple[list[int], list[TakenCommand]]:
    latest = [row["update_id"] for row in await connection.fetch(SELECT_LATEST, limit)]
    undone = [
        TakenCommand(row["update_id"], row["telegram_id"], row["text"], row["sent_at"], row["tries"])
        for row in await connection.fetch(UPDATE_TRIED)
    ]
    return latest, sorted(undone, key=lambda command: command.update_id)
