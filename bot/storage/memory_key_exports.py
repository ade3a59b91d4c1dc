"""Keys that users take out, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import trio

from bot.ports import KeyExport, OutboxMessage, SealedNote
from bot.storage.key_export_rules import (
    EXPORT_DEMANDED,
    EXPORT_TAKEN_BACK,
    KEY_EXPORTED,
    no_export,
    note_of_export,
    other_export,
)
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import no_wallet


class MemoryKeyExports(MemoryTables):
    """See `ExportStore`."""

    async def key_exports(self, user_id: str) -> list[KeyExport]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in self._key_exports.values() if row.user_id == user_id]
        return [row for row in rows if row.is_open or row.exported_at_ms is not None]

    async def demand_export(
        self, row: KeyExport, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await trio.lowlevel.checkpoint()
        wallet = self._wallets.get(row.wallet_id)
        if wallet is None or wallet.user_id != row.user_id:
            raise no_wallet(row.user_id, row.wallet_id)
        before = [one for one in self._key_exports.values() if one.is_open and one.wallet_id == row.wallet_id]
        if any(one.not_after_ms > now_ms for one in before):
            raise other_export(row.wallet_id)
        for one in before:
            self._key_exports[one.id] = replace(one, is_open=False)
        self._key_exports[row.id] = row
        self._put_notes(row.user_id, {**{note_of_export(one.id): None for one in before}, **notes})
        self._put_message(message)
        self._put_audit(row.user_id, EXPORT_DEMANDED, {"wallet": row.wallet_id}, now_ms)

    async def cancel_export(self, user_id: str, export_id: str, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        row = self._open_export(user_id, export_id)
        if row is None:
            return False
        self._key_exports[export_id] = replace(row, is_open=False)
        self._put_notes(user_id, {row.note: None})
        self._put_audit(user_id, EXPORT_TAKEN_BACK, {"wallet": row.wallet_id}, now_ms)
        return True

    async def mark_exported(
        self, user_id: str, export_id: str, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await trio.lowlevel.checkpoint()
        row = self._open_export(user_id, export_id)
        if row is None:
            raise no_export(user_id, export_id)
        self._key_exports[export_id] = replace(row, exported_at_ms=now_ms)
        self._put_notes(user_id, notes)
        self._put_message(message)
        self._put_audit(user_id, KEY_EXPORTED, {"wallet": row.wallet_id}, now_ms)

    def _open_export(self, user_id: str, export_id: str) -> KeyExport | None:
        row = self._key_exports.get(export_id)
        return row if row is not None and row.user_id == user_id and row.is_open else None
