"""What the vault writes for itself and keeps with the bot: sealed, so that the bot can neither read it nor make any.

AES-256-GCM under a key that HKDF-SHA256 derives from the master key, for notes alone. The associated data are the kind and the
user; a random nonce of 12 bytes stands in front.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import KeyUnavailable
from bot.ports import NoteKind, SealedNote
from bot.vault.master_key import KEY_BYTES, MasterKey

NONCE_BYTES = 12
NOTE_BYTES_MAX = 4_096
_DOMAIN = b"trading-bot vault notes v1"

Content = TypeVar("Content", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Notes:
    """Seals under the newest master key, and opens under each that is there."""

    newest: MasterKey
    keys: Mapping[str, MasterKey] = field(repr=False)

    def seal(self, user_id: str, kind: NoteKind, content: msgspec.Struct) -> SealedNote:
        """A note that opens for this user and kind alone."""
        return self._sealed(user_id, kind, msgspec.msgpack.encode(content))

    def open(self, user_id: str, kind: NoteKind, note: SealedNote, form: type[Content]) -> Content:
        """What a note says; raises KeyUnavailable for one of another user, kind or master key, or a changed one."""
        try:
            return msgspec.msgpack.decode(self._opened(user_id, kind, note), type=form)
        except msgspec.DecodeError:
            raise KeyUnavailable(f"a {kind} note of user {user_id} is of a form that is not known") from None

    def renew(self, user_id: str, kind: NoteKind, note: SealedNote) -> SealedNote:
        """The same content under the newest master key; raises KeyUnavailable."""
        return self._sealed(user_id, kind, self._opened(user_id, kind, note))

    def _sealed(self, user_id: str, kind: NoteKind, content: bytes) -> SealedNote:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(_derived(self.newest)).encrypt(nonce, content, _associated_data(user_id, kind))
        return SealedNote(self.newest.id, nonce + sealed)

    def _opened(self, user_id: str, kind: NoteKind, note: SealedNote) -> bytes:
        master_key = self.keys.get(note.master_key_id)
        if master_key is None:
            raise KeyUnavailable(
                f"a note of user {user_id} is sealed under master key {note.master_key_id}, not loaded"
            )
        if not NONCE_BYTES < len(note.content) <= NOTE_BYTES_MAX:
            raise KeyUnavailable(f"a note of user {user_id} has {len(note.content)} bytes")
        nonce, sealed = note.content[:NONCE_BYTES], note.content[NONCE_BYTES:]
        try:
            return AESGCM(_derived(master_key)).decrypt(nonce, sealed, _associated_data(user_id, kind))
        except InvalidTag:
            raise KeyUnavailable(
                f"a {kind} note of user {user_id} does not open: it was changed, or belongs to another user"
            ) from None


def _derived(master_key: MasterKey) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, _DOMAIN).derive(master_key.key)


def _associated_data(user_id: str, kind: NoteKind) -> bytes:
    """Every part with its length in front, so that no two different lists of parts give the same bytes."""
    parts = (_DOMAIN, kind.value.encode(), user_id.encode())
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)
