"""Wallets of earlier bots of this family: a private key under one Fernet key for everybody, bound to nobody.

What such a token holds was written by whichever program made it: the key's 32 or 64 bytes as they are, in base58, or as a list of
numbers, which are the forms that Solana's tools write. The bytes that the library decrypts cannot be overwritten.
"""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.errors import KeyUnavailable, StartupError
from bot.vault.master_key import read_guarded

__all__ = ["Fernet", "read_fernet_key", "seed_in"]

SEED_BYTES, KEYPAIR_BYTES = 32, 64


def read_fernet_key(path: Path) -> Fernet:
    """The key in a file of one line that only its owner may read; raises StartupError, never with the content."""
    try:
        return Fernet(read_guarded(path, "Fernet key", "wallets.fernet_key_file").strip())
    except ValueError:
        raise StartupError(f"{path}: not a Fernet key; it must be one line, 32 bytes in URL-safe base64") from None


def seed_in(fernet: Fernet, token: bytes, address: str) -> bytearray:
    """The 32 bytes of the private key of `address`, which the caller overwrites; raises KeyUnavailable."""
    try:
        content = fernet.decrypt(token)
    except InvalidToken:
        raise KeyUnavailable(f"the token of wallet {address} does not open under the Fernet key") from None
    seed = _seed(content)
    if seed is None:
        raise KeyUnavailable(f"the token of wallet {address} holds no private key in a form that is known")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    if str(Pubkey.from_bytes(public)) != address:
        seed[:] = bytes(len(seed))
        raise KeyUnavailable(f"the token of wallet {address} holds another wallet's key")
    return seed


def _seed(content: bytes) -> bytearray | None:
    """The seed in whatever form it was written; a keypair is seed and public key."""
    if len(content) in {SEED_BYTES, KEYPAIR_BYTES}:
        return bytearray(content[:SEED_BYTES])
    try:
        text = content.decode("ascii").strip()
        if text.startswith("["):
            numbers = bytearray(json.loads(text))
            return numbers[:SEED_BYTES] if len(numbers) in {SEED_BYTES, KEYPAIR_BYTES} else None
        return _from_base58(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _from_base58(text: str) -> bytearray | None:
    """A signature and a public key have the lengths of a keypair and of a seed, and their types read base58."""
    for kind in (Signature, Pubkey):
        try:
            return bytearray(bytes(kind.from_string(text))[:SEED_BYTES])
        except ValueError:
            continue
    return None
