"""One-time codes by the clock: RFC 6238 with what every authenticator knows, SHA-1, six digits and thirty seconds."""

from __future__ import annotations

import base64
import hmac

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

SECRET_BYTES = 20  # as long as the hash, RFC 4226 section 4
DIGITS = 6
STEP_MS = 30_000
EITHER_SIDE = 1  # steps by which a telephone's clock may be wrong


def code_at(secret: bytes, step: int) -> str:
    """The code of a step of thirty seconds since 1970."""
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - what authenticators compute


def step_of(secret: bytes, code: str, now_ms: int) -> int | None:
    """The step that a code is of, among the present one and its neighbours, the latest first; None for a wrong one."""
    present = now_ms // STEP_MS
    found = None
    for step in range(present - EITHER_SIDE, present + EITHER_SIDE + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def key_text(secret: bytes) -> str:
    """The secret as authenticators take it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")
