"""What the vault has sealed for users, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import trio

from bot.ports import NoteRow, SealedNote
from bot.storage.memory_tables import MemoryTables


class MemoryNotes(MemoryTables):
    """See `NoteStore`."""

    async def notes(self, user_id: str) -> dict[str, SealedNote]:
        await trio.lowlevel.checkpoint()
        return {name: note for (owner, name), note in sorted(self._notes.items()) if owner == user_id}

    async def keep_notes(self, user_id: str, notes: Mapping[str, SealedNote | None], action: str, now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        self._user(user_id)
        self._put_notes(user_id, notes)
        self._put_audit(user_id, action, {"notes": sorted(notes)}, now_ms)

    async def notes_under(self) -> dict[str, int]:
        await trio.lowlevel.checkpoint()
        return dict(Counter(note.master_key_id for note in self._notes.values()))

    async def notes_not_under(self, master_key_id: str, most: int, besides: int = 0) -> list[NoteRow]:
        await trio.lowlevel.checkpoint()
        found = [
            NoteRow(owner, name, note)
            for (owner, name), note in sorted(self._notes.items())
            if note.master_key_id != master_key_id
        ]
        return found[besides : besides + most]

    async def replace_note(self, row: NoteRow, after: SealedNote) -> bool:
        await trio.lowlevel.checkpoint()
        if self._notes.get((row.user_id, row.name)) != row.note:
            return False
        self._notes[row.user_id, row.name] = after
        return True
