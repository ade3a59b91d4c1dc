"""The rows of flattens, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable
from bot.trading.flatten import FlattenRow, FlattenState


class MemoryFlattens(MemoryTables):
    """The twin of `Flattens`."""

    async def flatten_rows(self, flatten_id: str) -> list[FlattenRow]:
        await trio.lowlevel.checkpoint()
        return [row for row in self._flattens.values() if row.flatten_id == flatten_id]

    async def save_flatten_rows(self, rows: Sequence[FlattenRow]) -> None:
        await trio.lowlevel.checkpoint()
        for row in rows:
            key = (row.flatten_id, row.position_id)
            known = self._flattens.get(key)
            written = replace(row, last_error=storable(row.last_error))
            if known is None:
                self._flattens[key] = written
            elif known.state is not FlattenState.SOLD and row.changed_at_ms >= known.changed_at_ms:
                attempts = max(known.attempts, row.attempts)
                self._flattens[key] = replace(written, attempts=attempts, began_at_ms=known.began_at_ms)
