"""Which texts look like a private key. Such a text is deleted from the chat and goes no further, above all into no log."""

from __future__ import annotations

import re

# A keypair is 64 bytes: 87 or 88 base58 digits, fewer with leading zero bytes. A transaction's signature has the same
# shape; to delete one by mistake costs little. An address has 32 to 44 digits.
_DIGIT = "[1-9A-HJ-NP-Za-km-z]"
_BASE58_KEYPAIR = re.compile(f"(?<!{_DIGIT}){_DIGIT}{{64,88}}(?!{_DIGIT})")
# The file that Solana's command line writes: a JSON array of 64 bytes; also without its brackets.
_BYTES = re.compile(r"(?<!\d)(?:\d{1,3}[,\s]+){63}\d{1,3}(?!\d)")
# 32 or 64 bytes in hexadecimal. Nothing that a user of this bot writes has that shape.
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{64})(?![0-9A-Za-z])")
# BIP-39: 12 or 24 words of 3 to 8 letters each, with or without numbers and punctuation between them.
_COMMAND = re.compile(r"^\s*/\S*")
_WORD = re.compile(r"[^\W\d_]+")
_PHRASE_WORD = re.compile(r"[a-z]{3,8}", re.IGNORECASE)
_PHRASE_WORDS = (12, 24)


def looks_like_private_key(text: str) -> bool:
    """Whether a message holds a key in base58, in hexadecimal or as bytes, or is a recovery phrase.

    A key of 32 bytes in base58 has the shape of an address, which users have to write; it is not recognised.
    """
    in_digits = _BASE58_KEYPAIR.search(text) or _HEX.search(text)
    return bool(in_digits) or _holds_bytes(text) or _is_phrase(text)


def _holds_bytes(text: str) -> bool:
    return any(
        all(int(number) <= 255 for number in re.findall(r"\d+", found.group())) for found in _BYTES.finditer(text)
    )


def _is_phrase(text: str) -> bool:
    """A recovery phrase, alone, behind a command or behind a colon: whoever sends those words has sent the key.

    Behind a command may be its own words first, as in `/start agree`. Only /broadcast may have twelve such words of its own,
    and an admin whose text ends with them has to put it otherwise.
    """
    if _COMMAND.match(text):
        words = _WORD.findall(_COMMAND.sub("", text))
        if len(words) >= min(_PHRASE_WORDS) and all(map(_PHRASE_WORD.fullmatch, words[-min(_PHRASE_WORDS) :])):
            return True
    return any(_is_phrase_alone(candidate) for candidate in (text, text.rpartition(":")[2]))


def _is_phrase_alone(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) in _PHRASE_WORDS and all(_PHRASE_WORD.fullmatch(word) for word in words)
