"""A file that is sealed as it is written: AES-256-GCM in chunks, under a key of its own that HKDF derives from a key file's.

Layout: a magic line, one byte with the length of the key's id, the id, 32 random bytes of salt, then chunks of `CHUNK` bytes
of content, each followed by its 16-byte tag. A chunk's nonce is its number and whether it is the last one, so that none can be
left out, moved, or cut off at the end. The head is associated data of every chunk. A salt is used once, and a key with it.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import KeyUnavailable
from bot.vault.master_key import KEY_BYTES, MasterKey

MAGIC = b"trading-bot sealed file 1\n"
CHUNK = 1 << 20
TAG_BYTES = 16
SALT_BYTES = 32
_NUMBER_BYTES = 11


class SealingWriter:
    """Takes content by `write` and puts it sealed into `out`; without `close` nobody can open it."""

    def __init__(self, key: MasterKey, out: BinaryIO) -> None:
        salt = os.urandom(SALT_BYTES)
        name = key.id.encode("ascii")
        self._head = MAGIC + bytes([len(name)]) + name + salt
        self._cipher = _cipher(key, salt)
        self._out, self._waiting, self._number = out, bytearray(), 0
        out.write(self._head)

    def write(self, content: bytes) -> int:
        """Seal what makes whole chunks; the last one waits for `close`, because only then is it known to be the last."""
        self._waiting += content
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), is_last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def close(self) -> None:
        """Seal the rest as the last chunk, which may be empty."""
        self._seal(bytes(self._waiting), is_last=True)

    def _seal(self, content: bytes, *, is_last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, is_last=is_last), content, self._head))
        self._number += 1


class OpeningReader:
    """Gives the content by `read`; raises KeyUnavailable for another key and for a file that was changed or cut off."""

    def __init__(self, key: MasterKey, file: BinaryIO) -> None:
        self._file = file
        magic = file.read(len(MAGIC))
        if magic != MAGIC:
            raise KeyUnavailable("it is no file that this program sealed")
        name = file.read((file.read(1) or b"\0")[0]).decode("ascii", "replace")
        if name != key.id:
            raise KeyUnavailable(f"it is sealed under the key {name!r}, and the key {key.id} is given")
        salt = file.read(SALT_BYTES)
        encoded = name.encode("ascii")
        self._head = MAGIC + bytes([len(encoded)]) + encoded + salt
        self._cipher = _cipher(key, salt)
        self._number, self._rest, self._is_over = 0, b"", False
        self._next = file.read(CHUNK + TAG_BYTES)

    def read(self, most: int = -1) -> bytes:
        """At most so many bytes, empty at the end; all that is left without a number."""
        found = bytearray()
        while most < 0 or len(found) < most:
            if not self._rest and not self._open():
                break
            part = self._rest if most < 0 else self._rest[: most - len(found)]
            found += part
            self._rest = self._rest[len(part) :]
        return bytes(found)

    def _open(self) -> bool:
        """Open the next chunk that holds something; False at the end."""
        while not self._rest and not self._is_over:
            sealed, self._next = self._next, self._file.read(CHUNK + TAG_BYTES)
            self._is_over = not self._next
            try:
                self._rest = self._cipher.decrypt(_nonce(self._number, is_last=self._is_over), sealed, self._head)
            except (InvalidTag, ValueError):
                raise KeyUnavailable("it was changed or cut off, or the key has the right id and other bytes") from None
            self._number += 1
        return bool(self._rest)


def _cipher(key: MasterKey, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, MAGIC).derive(key.key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big") + bytes([is_last])
