"""Envelope encryption of private keys: AES-256-GCM twice, a data key per wallet under the master key.

Both layers carry associated data: purpose, layout version, user id and public key. A row that is moved to another user
or wallet, or a key of one layer that is put into the other, does not open. Each ciphertext has its random 12-byte nonce in
front and its 16-byte tag behind.
"""

from __future__ import annotations

import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import KeyUnavailable
from bot.ports import SealedKey
from bot.vault.master_key import KEY_BYTES, MasterKey

NONCE_BYTES = 12
TAG_BYTES = 16
_DOMAIN = b"trading-bot wallet key v1"
_WRAPPING = b"data key"
_SEALING = b"private key"


def seal(master_key: MasterKey, user_id: str, public_key: str, private_key: bytes | bytearray) -> SealedKey:
    """Seal a private key for one user and public key (base58) under a data key that is used this once."""
    data_key = bytearray(os.urandom(KEY_BYTES))
    wrapping = _associated_data(_WRAPPING, master_key.id, user_id, public_key)
    sealing = _associated_data(_SEALING, master_key.id, user_id, public_key)
    try:
        return SealedKey(
            master_key_id=master_key.id,
            wrapped_data_key=_encrypt(master_key.key, data_key, wrapping),
            ciphertext=_encrypt(data_key, private_key, sealing),
        )
    finally:
        overwrite(data_key)


def open_sealed(master_key: MasterKey, user_id: str, public_key: str, sealed: SealedKey) -> bytearray:
    """The private key in bytes that the caller overwrites; raises KeyUnavailable for another master key or a changed row."""
    if sealed.master_key_id != master_key.id:
        raise KeyUnavailable(
            f"wallet {public_key} is sealed under master key {sealed.master_key_id}, and {master_key.id} is loaded"
        )
    wrapping = _associated_data(_WRAPPING, master_key.id, user_id, public_key)
    sealing = _associated_data(_SEALING, master_key.id, user_id, public_key)
    data_key = bytearray()
    try:
        data_key = _decrypt(master_key.key, sealed.wrapped_data_key, wrapping)
        return _decrypt(data_key, sealed.ciphertext, sealing)
    except (InvalidTag, ValueError):
        raise KeyUnavailable(
            f"wallet {public_key} does not open under master key {master_key.id}: its row was changed, or belongs to another user"
        ) from None
    finally:
        overwrite(data_key)


def overwrite(secret: bytearray) -> None:
    """Zeros in the place of what was secret."""
    secret[:] = bytes(len(secret))


def _associated_data(purpose: bytes, master_key_id: str, user_id: str, public_key: str) -> bytes:
    """Every part with its length in front, so that no two different lists of parts give the same bytes."""
    parts = (_DOMAIN, purpose, master_key_id.encode(), user_id.encode(), public_key.encode())
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def _encrypt(key: bytes | bytearray, content: bytes | bytearray, associated_data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, associated_data)


def _decrypt(key: bytes | bytearray, sealed: bytes, associated_data: bytes) -> bytearray:
    """Into bytes that can be overwritten, so that no copy is made that cannot be."""
    content = bytearray(max(0, len(sealed) - NONCE_BYTES - TAG_BYTES))
    AESGCM(key).decrypt_into(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated_data, content)
    return content
