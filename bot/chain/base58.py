"""Base58 of byte strings of any length; solders reads keys and signatures only, and instruction data comes as base58.

Ten digits at a time fit a machine's word, so that the long numbers are worked on a tenth as often.
"""

from __future__ import annotations

from bot.errors import DecodeError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: digit for digit, character in enumerate(_ALPHABET)}
_TOGETHER = 10
_BASE = 58**_TOGETHER

# Instruction data travels inside one transaction, so a longer text is not an instruction.
MAX_LENGTH = 16_384


def decode(text: str) -> bytes:
    """The bytes of a base58 text; raises DecodeError on a character outside the alphabet or an absurd length."""
    if len(text) > MAX_LENGTH:
        raise DecodeError(f"a base58 text of {len(text)} characters is no instruction data")
    first = len(text) % _TOGETHER
    number = _word(text[:first])
    for start in range(first, len(text), _TOGETHER):
        number = number * _BASE + _word(text[start : start + _TOGETHER])
    leading_zeros = len(text) - len(text.lstrip("1"))
    return bytes(leading_zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _word(text: str) -> int:
    word = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            raise DecodeError(f"{character!r} is not a base58 character")
        word = word * 58 + digit
    return word


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
