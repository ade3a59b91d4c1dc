"""Base58 of byte strings of any length; solders reads keys and signatures only, and instruction data comes as base58.

Ten digits at a time fit a machine's word, so that the long numbers are worked on a tenth as often.
"""

from __future__ import annotations

from bot.errors import DecodeError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_NO_DIGIT = 255
_DIGITS = bytes(_ALPHABET.find(chr(code)) % 256 for code in range(256))  # of each character; -1 becomes _NO_DIGIT
_TOGETHER = 10
_BASE = 58**_TOGETHER

# Instruction data travels inside one transaction, so a longer text is not an instruction.
MAX_LENGTH = 16_384


def decode(text: str) -> bytes:
    """The bytes of a base58 text; raises DecodeError on a character outside the alphabet or an absurd length."""
    if len(text) > MAX_LENGTH:
        raise DecodeError(f"a base58 text of {len(text)} characters is no instruction data")
    digits = text.encode("latin-1", "replace").translate(_DIGITS)  # what is no latin letter becomes a question mark
    if (place := digits.find(_NO_DIGIT)) >= 0:
        raise DecodeError(f"{text[place]!r} is not a base58 character")
    number = 0
    whole_words = bytes(-len(digits) % _TOGETHER) + digits
    # Written out: a loop over ten digits takes three times as long, and every fill that is settled is read by it.
    for a, b, c, d, e, f, g, h, i, j in zip(*[iter(whole_words)] * _TOGETHER, strict=True):
        word = ((((a * 58 + b) * 58 + c) * 58 + d) * 58 + e) * 58 + f
        number = number * _BASE + (((word * 58 + g) * 58 + h) * 58 + i) * 58 + j
    leading_zeros = len(text) - len(text.lstrip("1"))
    return bytes(leading_zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode(data: bytes) -> str:
    """The base58 text of any bytes, as a node writes instruction data."""
    number, words = int.from_bytes(data, "big"), []
    while number:
        number, word = divmod(number, _BASE)
        words.append(_text(word))
    leading_zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * leading_zeros + "".join(reversed(words)).lstrip("1")


def _text(word: int) -> str:
    digits = []
    for _ in range(_TOGETHER):
        word, digit = divmod(word, 58)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
