"""Commands that came out of chats, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.ports import KEPT_MS, TakenCommand
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable


class MemoryInbox(MemoryTables):
    """Commands and when they were done, by their numbers."""

    async def take_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
        await trio.lowlevel.checkpoint()
        for update_id in [known for known, at_ms in self._inbox_done.items() if at_ms < now_ms - KEPT_MS]:
            del self._inbox[update_id], self._inbox_done[update_id]
        fresh = {command.update_id for command in commands} - self._inbox.keys()
        for command in commands:
            self._inbox.setdefault(command.update_id, replace(command, text=storable(command.text), tries=0))
        return fresh

    async def finish_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        for command in commands:
            known = self._inbox.get(command.update_id, command)
            self._inbox[command.update_id] = replace(known, text="")
            self._inbox_done.setdefault(command.update_id, now_ms)

    async def recall_commands(self, limit: int) -> tuple[list[int], list[TakenCommand]]:
        await trio.lowlevel.checkpoint()
        for update_id in self._inbox.keys() - self._inbox_done.keys():
            self._inbox[update_id] = replace(self._inbox[update_id], tries=self._inbox[update_id].tries + 1)
        latest = sorted(self._inbox, reverse=True)[:limit]
        return latest, [self._inbox[number] for number in sorted(self._inbox.keys() - self._inbox_done.keys())]
