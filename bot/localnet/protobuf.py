"""The wire format of Protocol Buffers for the stand-in of a Geyser stream.

It shares no code with the bot, so that both can only agree by agreeing with the format.
"""

from __future__ import annotations

from collections.abc import Sequence


class Malformed(Exception):
    """Bytes that are no message."""


def number(field: int, value: int) -> bytes:
    """A field with a number, an enum or a truth value."""
    return _varint(field << 3) + _varint(value)


def text(field: int, value: str | bytes) -> bytes:
    """A field with text, bytes or a message."""
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def numbers(field: int, values: Sequence[int]) -> bytes:
    """A repeated field of numbers in one packed piece."""
    return text(field, b"".join(map(_varint, values))) if values else b""


def parse(message: bytes) -> dict[int, list[int | bytes]]:
    """The values of each field in order; raises Malformed."""
    found: dict[int, list[int | bytes]] = {}
    place = 0
    while place < len(message):
        key, place = _read(message, place)
        if key & 7 == 0:
            value, place = _read(message, place)
            found.setdefault(key >> 3, []).append(value)
        elif key & 7 == 2:
            length, place = _read(message, place)
            if place + length > len(message):
                raise Malformed("a field ends behind its message")
            found.setdefault(key >> 3, []).append(message[place : place + length])
            place += length
        else:
            raise Malformed(f"wire type {key & 7}")
    return found


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _read(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        value |= (message[place] & 0x7F) << shift
        place += 1
        if message[place - 1] < 0x80:
            return value, place
    raise Malformed("a number has no end")
