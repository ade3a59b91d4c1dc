"""Keys that users take out, in PostgreSQL: demands, and which of them were taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from bot.ports import KeyExport, OutboxMessage, SealedNote
from bot.storage.admission import LOCK_WALLETS
from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.key_export_rules import (
    EXPORT_DEMANDED,
    EXPORT_TAKEN_BACK,
    KEY_EXPORTED,
    no_export,
    note_of_export,
    other_export,
)
from bot.storage.notes import put_notes
from bot.storage.outbox import put_message
from bot.storage.rules import no_wallet

SELECT_EXPORTS = """
select id, user_id, wallet_id, not_before, not_after, exported_at, closed_at is null as is_open from key_exports
where user_id = $1 and (closed_at is null or exported_at is not null)
order by seq
"""
CLOSE_ENDED = """
update key_exports set closed_at = $2 where wallet_id = $1 and closed_at is null and not_after <= $2
returning id
"""
INSERT_EXPORT = """
insert into key_exports (id, user_id, wallet_id, demanded_at, not_before, not_after) values ($1, $2, $3, $4, $5, $6)
on conflict (wallet_id) where closed_at is null do nothing
returning id
"""
CLOSE_EXPORT = """
update key_exports set closed_at = $3 where user_id = $1 and id = $2 and closed_at is null
returning wallet_id
"""
MARK_EXPORT = """
update key_exports set exported_at = $3 where user_id = $1 and id = $2 and closed_at is null
returning wallet_id
"""


@dataclass(frozen=True, slots=True)
class _Leaving:
    """The arguments of `ExportStore.mark_exported` as one record."""

    user_id: str
    export_id: str
    notes: dict[str, SealedNote]
    message: OutboxMessage
    now_ms: int


class KeyExports(Repository):
    """Implements `ExportStore`."""

    async def key_exports(self, user_id: str) -> list[KeyExport]:
        return [_export(row) for row in await self._database.read(_exports, user_id)]

    async def demand_export(
        self, row: KeyExport, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await self._database.write(_demand, row, dict(notes), message, now_ms)

    async def cancel_export(self, user_id: str, export_id: str, now_ms: int) -> bool:
        return await self._database.write(_cancel, user_id, export_id, now_ms)

    async def mark_exported(
        self, user_id: str, export_id: str, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await self._database.write(_mark, _Leaving(user_id, export_id, dict(notes), message, now_ms))


async def _exports(connection: asyncpg.Connection, user_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_EXPORTS, user_id)
    return rows


def _export(row: Row) -> KeyExport:
    return KeyExport(
        row["id"],
        row["user_id"],
        row["wallet_id"],
        row["not_before"],
        row["not_after"],
        row["exported_at"],
        row["is_open"],
    )


async def _demand(
    connection: asyncpg.Connection, row: KeyExport, notes: dict[str, SealedNote], message: OutboxMessage, now_ms: int
) -> None:
    if not await connection.fetch(LOCK_WALLETS, [row.wallet_id], [row.user_id]):
        raise no_wallet(row.user_id, row.wallet_id)
    ended = [note_of_export(one["id"]) for one in await connection.fetch(CLOSE_ENDED, row.wallet_id, now_ms)]
    inserted = await connection.fetchval(
        INSERT_EXPORT, row.id, row.user_id, row.wallet_id, now_ms, row.not_before_ms, row.not_after_ms
    )
    if inserted is None:
        raise other_export(row.wallet_id)
    await put_notes(connection, row.user_id, {**dict.fromkeys(ended), **notes}, now_ms)
    await put_message(connection, message)
    await put_audit(connection, row.user_id, EXPORT_DEMANDED, {"wallet": row.wallet_id}, now_ms)


async def _cancel(connection: asyncpg.Connection, user_id: str, export_id: str, now_ms: int) -> bool:
    wallet_id = await connection.fetchval(CLOSE_EXPORT, user_id, export_id, now_ms)
    if wallet_id is None:
        return False
    await put_notes(connection, user_id, {note_of_export(export_id): None}, now_ms)
    await put_audit(connection, user_id, EXPORT_TAKEN_BACK, {"wallet": wallet_id}, now_ms)
    return True


async def _mark(connection: asyncpg.Connection, asked: _Leaving) -> None:
    wallet_id = await connection.fetchval(MARK_EXPORT, asked.user_id, asked.export_id, asked.now_ms)
    if wallet_id is None:
        raise no_export(asked.user_id, asked.export_id)
    await put_notes(connection, asked.user_id, asked.notes, asked.now_ms)
    await put_message(connection, asked.message)
    await put_audit(connection, asked.user_id, KEY_EXPORTED, {"wallet": wallet_id}, asked.now_ms)
