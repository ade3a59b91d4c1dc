"""What the vault has sealed for users, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from bot.ports import NoteRow, SealedNote
from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user

SELECT_NOTES = "select name, master_key_id, content from vault_notes where user_id = $1 order by name"
SELECT_NOTED_USER = "select id from users where id = $1 for no key update"
UPSERT_NOTE = """
insert into vault_notes (user_id, name, master_key_id, content, written_at) values ($1, $2, $3, $4, $5)
on conflict (user_id, name) do update
set master_key_id = excluded.master_key_id, content = excluded.content, written_at = excluded.written_at
"""
DELETE_NOTES = "delete from vault_notes where user_id = $1 and name = any($2::text[])"
COUNT_NOTES = "select master_key_id, count(*) as notes from vault_notes group by master_key_id"
SELECT_NOTES_NOT_UNDER = """
select user_id, name, master_key_id, content from vault_notes
where master_key_id <> $1
order by user_id collate "C", name collate "C"
limit $2 offset $3
"""
REPLACE_NOTE = """
update vault_notes set master_key_id = $5, content = $6
where user_id = $1 and name = $2 and master_key_id = $3 and content = $4
returning name
"""


class NoteRows(Repository):
    """Implements `NoteStore`."""

    async def notes(self, user_id: str) -> dict[str, SealedNote]:
        rows = await self._database.read(_fetch, SELECT_NOTES, user_id)
        return {row["name"]: SealedNote(row["master_key_id"], row["content"]) for row in rows}

    async def keep_notes(self, user_id: str, notes: Mapping[str, SealedNote | None], action: str, now_ms: int) -> None:
        await self._database.write(_keep, user_id, dict(notes), action, now_ms)

    async def notes_under(self) -> dict[str, int]:
        return {row["master_key_id"]: row["notes"] for row in await self._database.read(_fetch, COUNT_NOTES)}

    async def notes_not_under(self, master_key_id: str, most: int, besides: int = 0) -> list[NoteRow]:
        rows = await self._database.read(_fetch, SELECT_NOTES_NOT_UNDER, master_key_id, most, besides)
        return [NoteRow(row["user_id"], row["name"], SealedNote(row["master_key_id"], row["content"])) for row in rows]

    async def replace_note(self, row: NoteRow, after: SealedNote) -> bool:
        return await self._database.write(_replace, row, after)


async def _fetch(connection: asyncpg.Connection, query: str, *args: str | int) -> list[Row]:
    rows: list[Row] = await connection.fetch(query, *args)
    return rows


async def _keep(
    connection: asyncpg.Connection, user_id: str, notes: dict[str, SealedNote | None], action: str, now_ms: int
) -> None:
    if await connection.fetchval(SELECT_NOTED_USER, user_id) is None:
        raise no_user(user_id)
    await put_notes(connection, user_id, notes, now_ms)
    await put_audit(connection, user_id, action, {"notes": sorted(notes)}, now_ms)


async def put_notes(
    connection: asyncpg.Connection, user_id: str, notes: Mapping[str, SealedNote | None], now_ms: int
) -> None:
    """Write some of a user's notes and take those away that are None, inside a unit of work."""
    await connection.execute(DELETE_NOTES, user_id, [name for name, note in notes.items() if note is None])
    for name, note in notes.items():
        if note is not None:
            await connection.execute(UPSERT_NOTE, user_id, name, note.master_key_id, note.content, now_ms)


async def _replace(connection: asyncpg.Connection, row: NoteRow, after: SealedNote) -> bool:
    before = row.note
    replaced = await connection.fetchval(
        REPLACE_NOTE, row.user_id, row.name, before.master_key_id, before.content, after.master_key_id, after.content
    )
    return replaced is not None
