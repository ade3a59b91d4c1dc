"""Snipe runs, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import OutboxMessage, SnipeRun
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import (
    RUN_LEFT_BEHIND,
    RUN_STATUSES_BEFORE_INTENT,
    check_run_status,
    run_of,
    storable,
)
from bot.storage.run_rules import as_kept


class MemorySnipes(MemoryTables):
    """Snipe runs."""

    async def open_run(self, run: SnipeRun, message: OutboxMessage | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        check_run_status(run.status)
        self._user(run.user_id)
        if self._has_looked(run):
            return False
        self._put_run(as_kept(run))
        if message is not None:
            self._put_message(message)
        return True

    async def end_run(self, run: SnipeRun) -> None:
        known = self._runs.get(run.id)
        if known is None or (known.user_id, known.mint, known.epoch) != (run.user_id, run.mint, run.epoch):
            await self.open_run(run)
            return
        await trio.lowlevel.checkpoint()
        check_run_status(run.status)
        self._runs[run.id] = replace(known, status=run.status, reason=storable(run.reason))

    async def runs_since(self, user_id: str, since_ms: int) -> list[SnipeRun]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in self._runs.values() if row.user_id == user_id and row.created_at_ms >= since_ms]
        return sorted(rows, key=lambda row: row.created_at_ms)

    async def expire_runs(self, now_ms: int) -> int:
        await trio.lowlevel.checkpoint()
        with_intent = {run_of(intent.request) for intent in self._intents.values()}
        left = [
            row
            for row in self._runs.values()
            if row.created_at_ms <= now_ms
            and (row.status in RUN_STATUSES_BEFORE_INTENT or (row.status == "EXECUTING" and row.id not in with_intent))
        ]
        for row in left:
            self._runs[row.id] = replace(row, status="EXPIRED", reason=RUN_LEFT_BEHIND)
        return len(left)
