"""Keys that users take out: asked for with a code, counted from some time later, and handed over as a page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.ports.notes import NoteKind, SealedNote
from bot.ports.outbox import OutboxMessage


@dataclass(frozen=True, slots=True)
class KeyExport:
    """A key that its user wants, or took out at `exported_at_ms`, the last time. One that is not open cannot be taken any more.

    The row is for people; what counts is the vault's note of it, whose name is `note`.
    """

    id: str
    user_id: str
    wallet_id: str
    not_before_ms: int
    not_after_ms: int
    exported_at_ms: int | None = None
    is_open: bool = True

    @property
    def note(self) -> str:
        return f"{NoteKind.EXPORT}:{self.id}"


class ExportStore(Protocol):
    async def key_exports(self, user_id: str) -> list[KeyExport]:
        """Those that are open, and every one that was ever taken, oldest first."""

    async def demand_export(
        self, row: KeyExport, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        """Write a demand with its notes, the message that tells its user, and who made it into the audit, together.

        One of this wallet whose time is over is closed. Raises LookupError for a wallet that the user does not have, Conflict
        where another one of the wallet stands.
        """

    async def cancel_export(self, user_id: str, export_id: str, now_ms: int) -> bool:
        """Close a demand and take its note away; False, changing nothing, where the user has no such one that is open."""

    async def mark_exported(
        self, user_id: str, export_id: str, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        """Write that a key leaves now, with the notes, the message that tells its user, and the audit, together.

        Raises LookupError for a demand that the user does not have, or that is not open.
        """
