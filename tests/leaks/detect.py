"""Finds secrets in whatever a run has said or written. Knows no key by heart but those that it is given.

A private key is known by what it is: its public key stands in the same bytes, as a wallet's address does. So nothing has to
tell this file which keys a bot has made. Found are keys in base58, base64, hexadecimal and as a list of numbers, tokens of
Telegram's form, passwords and API keys in URLs, and everything that carries the mark of the secrets that tests make up.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

# Every secret that a test makes up carries this.
MARK = "not-a-secret-of-anybody"

SEED_BYTES = 32
KEYPAIR_BYTES = 64
FOUND_MAX = 5  # of one place; who leaks once leaks often

_WORD = re.compile(rb"[0-9A-Za-z+/]{32,}={0,2}")
_BASE58 = re.compile(rb"[1-9A-HJ-NP-Za-km-z]{32,44}|[1-9A-HJ-NP-Za-km-z]{64,88}")
_APART = re.compile(rb"[+/=]+")
_HEX = re.compile(rb"[0-9a-fA-F]{64}|[0-9a-fA-F]{128}")
_BASE64 = re.compile(rb"[0-9A-Za-z+/]{43}=|[0-9A-Za-z+/]{86}==")
_NUMBERS = re.compile(rb"\[(?:[ \n]{0,4}[0-9]{1,3},){63}[ \n]{0,4}[0-9]{1,3}[ \n]{0,4}\]")
_TELEGRAM = re.compile(rb"(?<![0-9])[0-9]{6,20}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")
_PASSWORD = re.compile(rb"[a-z][a-z0-9+]{1,12}://[^\s/:@\"'<>]{1,60}:(?!\*|<)[^\s/:@\"'<>]{1,200}@")
_API_KEY = re.compile(rb"[?&](?:api[-_]?key|access_token|token)=(?![*<{])[^\s&\"'<>]{8,}", re.IGNORECASE)
_PATTERNS = {"a token of Telegram's": _TELEGRAM, "a password in a URL": _PASSWORD, "an API key in a URL": _API_KEY}


@dataclass(frozen=True, slots=True)
class Known:
    """Secrets that are given: what each is called, and every form in which it could be written."""

    forms: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def add(self, name: str, secret: bytes) -> None:
        """A secret of random bytes, such as a master key."""
        wide, url = base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"=")
        numbers = json.dumps(list(secret)).encode()
        told = (secret, wide.rstrip(b"="), url, secret.hex().encode(), numbers, numbers.replace(b" ", b""))
        base58 = (str(Pubkey(secret)).encode(),) if len(secret) == SEED_BYTES else ()
        self.forms[name] = (*told, *base58)

    def add_text(self, name: str, secret: str) -> None:
        """A secret that is a text, such as a password."""
        self.forms[name] = (secret.encode(),)


MARKED = Known({"a secret that a test made up": (MARK.encode(),)})


def leaks(content: bytes, *known: Known, is_text: bool = True) -> list[str]:
    """What secrets stand in these bytes: what it is and where, never itself.

    Patterns are for what is written as text; among the pages of a database they would match what is nothing.
    """
    found = [
        f"{name} at byte {content.index(form)}"
        for one in (MARKED, *known)
        for name, forms in one.forms.items()
        for form in forms
        if form in content
    ]
    if is_text:
        for name, pattern in _PATTERNS.items():
            found += [
                f"{name} at byte {hit.start()}" for hit in pattern.finditer(content) if MARK.encode() not in hit[0]
            ]
    found += [f"the private key of {address}" for address in _private_keys(content)]
    return found[:FOUND_MAX]


def _private_keys(content: bytes) -> Iterator[str]:
    """The addresses whose keys stand here: whole ones, and seeds whose address stands here too."""
    words = set(_words(content))
    for word in words:
        if len(word) == KEYPAIR_BYTES:
            public = bytes(Keypair.from_seed(word[:SEED_BYTES]).pubkey())
            if word[SEED_BYTES:] == public or public in words:
                yield str(Pubkey(public))
    for word in words:
        if len(word) == SEED_BYTES:
            public = bytes(Keypair.from_seed(word).pubkey())
            if public in words:
                yield str(Pubkey(public))


def _words(content: bytes) -> Iterator[bytes]:
    """Everything that decodes to as many bytes as a key has. Most are addresses and signatures."""
    for text in set(_WORD.findall(content)):
        for part in {text, *_APART.split(text)}:
            if (decoded := _decoded(part)) is not None:
                yield decoded
    for text in set(_NUMBERS.findall(content)):
        listed: list[int] = json.loads(text)
        if max(listed) < 256:
            yield bytes(listed)


def _decoded(text: bytes) -> bytes | None:
    try:
        if _HEX.fullmatch(text):
            return bytes.fromhex(text.decode())
        if _BASE64.fullmatch(text):
            return base64.b64decode(text, validate=True)
        if _BASE58.fullmatch(text):
            return bytes(Pubkey.from_string(text.decode()) if len(text) <= 44 else Signature.from_string(text.decode()))
    except ValueError:
        pass
    return None
