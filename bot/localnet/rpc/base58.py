"""Base58 for byte strings of any length; solders has it for keys and signatures only."""

from __future__ import annotations

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DIGITS = {character: digit for digit, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Base58 of `data`; each leading zero byte becomes a `1`."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(ALPHABET[digit])
    leading = len(data) - len(data.lstrip(b"\x00"))
    return "1" * leading + "".join(reversed(digits))


def decode(text: str) -> bytes:
    """The bytes of a base58 text; raises ValueError on a character outside the alphabet."""
    number = 0
    for character in text:
        digit = DIGITS.get(character)
        if digit is None:
            raise ValueError(f"{character!r} is not a base58 character")
        number = number * 58 + digit
    leading = len(text) - len(text.lstrip("1"))
    return bytes(leading) + number.to_bytes((number.bit_length() + 7) // 8, "big")
