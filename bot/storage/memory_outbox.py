"""Messages that users are owed, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import trio

from bot.ports import BROADCAST, OutboxMessage
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import decode_payload, encode_payload, no_message, storable


class MemoryOutbox(MemoryTables):
    """Messages by id, with when each was delivered or given up."""

    async def post(self, message: OutboxMessage) -> None:
        await trio.lowlevel.checkpoint()
        self._put_message(message)

    async def post_all(self, messages: Sequence[OutboxMessage]) -> None:
        await trio.lowlevel.checkpoint()
        for message in messages:
            self._user(message.user_id)
            encode_payload(message.payload)
        for message in messages:
            self._put_message(message)

    async def due(self, limit: int, besides: Collection[str] = ()) -> list[OutboxMessage]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in self._outbox.values() if self._is_due(row.id) and row.user_id not in besides]
        rows.sort(key=lambda row: (not row.urgent, row.kind == BROADCAST, row.created_at_ms))
        return [replace(row, payload=decode_payload(encode_payload(row.payload))) for row in rows[:limit]]

    async def delivered(self, message_id: str, now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        if message_id not in self._outbox:
            raise no_message(message_id)
        self._delivered.setdefault(message_id, now_ms)

    async def undeliverable(self, message_id: str, why: str, now_ms: int) -> None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        if message_id not in self._outbox:
            raise no_message(message_id)
        self._undeliverable.setdefault(message_id, storable(why))
