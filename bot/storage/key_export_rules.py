"""What both stores say of keys that users take out. No I/O, no SQL."""

from __future__ import annotations

from bot.errors import Conflict
from bot.ports import NoteKind

# The actions of the audit.
EXPORT_DEMANDED, EXPORT_TAKEN_BACK, KEY_EXPORTED = "key export demanded", "key export taken back", "key exported"


def note_of_export(export_id: str) -> str:
    """The name of the note of a demand."""
    return f"{NoteKind.EXPORT}:{export_id}"


def other_export(wallet_id: str) -> Conflict:
    """The key of a wallet was asked for already."""
    return Conflict(f"the key of wallet {wallet_id} was asked for already")


def no_export(user_id: str, export_id: str) -> LookupError:
    """A user has no such demand that is open."""
    return LookupError(f"user {user_id} has no open demand {export_id}")
