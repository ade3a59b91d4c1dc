"""Rows that are kept for a time, in memory."""

from __future__ import annotations

import trio

from bot.storage.memory_tables import MemoryTables

CAME_TO_NOTHING = frozenset({"SKIPPED", "EXPIRED"})


class MemoryRetention(MemoryTables):
    """Drops them."""

    async def forget_runs(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [row for row in self._runs.values() if row.created_at_ms < before_ms and row.status in CAME_TO_NOTHING]
        gone = sorted(old, key=lambda row: row.created_at_ms)[:limit]
        for row in gone:
            del self._runs[row.id]
        return len(gone)

    async def forget_messages(self, before_ms: int, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        old = [row for row in self._outbox.values() if row.created_at_ms < before_ms and not self._is_due(row.id)]
        gone = sorted(old, key=lambda row: row.created_at_ms)[:limit]
        for row in gone:
            del self._outbox[row.id]
            self._delivered.pop(row.id, None)
            self._undeliverable.pop(row.id, None)
        return len(gone)
