"""Base58 of byte strings of any length; solders reads keys and signatures only, and instruction data comes as base58."""

from __future__ import annotations

from bot.errors import DecodeError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: digit for digit, character in enumerate(_ALPHABET)}

# Instruction data travels inside one transaction, so a longer text is not an instruction.
MAX_LENGTH = 16_384


def decode(text: str) -> bytes:
    """The bytes of a base58 text; raises DecodeError on a character outside the alphabet or an absurd length."""
    if len(text) > MAX_LENGTH:
        raise DecodeError(f"a base58 text of {len(text)} characters is no instruction data")
    number = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            raise DecodeError(f"{character!r} is not a base58 character")
        number = number * 58 + digit
    leading_zeros = len(text) - len(text.lstrip("1"))
    return bytes(leading_zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode(data: bytes) -> str:
    """The base58 text of any bytes, as a node writes instruction data."""
    number, digits = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    leading_zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * leading_zeros + "".join(reversed(digits))
