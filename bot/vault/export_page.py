"""A key as a page that any browser opens offline: AES-256-GCM under what PBKDF2 makes of a code, and a script that knows both.

The page asks nobody for anything, which its own policy (Content-Security-Policy) holds it to: nothing but the one script and
the one style in it, named by their hashes. The wallet's address is associated data, so that the page shows no other one.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ROUNDS = 60_000  # a code of 125 bits needs none; few, so that exits, which are signed by the same process, wait 30 ms at most
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
CODE_DIGITS, GROUP = 25, 5
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: none of them looks like another

_FOLDER = Path(__file__).parent


def make_code() -> str:
    """A fresh code of 125 bits, in groups that people can type."""
    digits = "".join(DIGITS[one % len(DIGITS)] for one in os.urandom(CODE_DIGITS))
    return "-".join(digits[place : place + GROUP] for place in range(0, CODE_DIGITS, GROUP))


def make_page(address: str, keypair: bytearray, code: str) -> bytes:
    """The page that shows a wallet's keypair (private and public key, 64 bytes) to whoever has the code. It is UTF-8."""
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    key = PBKDF2HMAC(SHA256(), KEY_BYTES, salt, ROUNDS).derive(code.replace("-", "").encode())
    content = AESGCM(key).encrypt(nonce, keypair, address.encode())
    script, style = _text("export_page.js"), _text("export_page.css")
    facts = {
        "address": address,
        "rounds": str(ROUNDS),
        "salt": _base64(salt),
        "nonce": _base64(nonce),
        "content": _base64(content),
        "script_hash": _hash(script),
        "style_hash": _hash(style),
        "script": script,
        "style": style,
    }
    page = _text("export_page.html")
    for name, value in facts.items():
        page = page.replace(f"{{{name}}}", value)
    return page.encode()


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(text: str) -> str:
    """As the policy names a script: SHA-256 in base64 (Content Security Policy Level 3, hash-source)."""
    return _base64(hashlib.sha256(text.encode()).digest())
