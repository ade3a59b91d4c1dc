"""The wire format of Protocol Buffers, as much of it as a handful of known messages needs. Pure.

A message is a row of fields: a number, a wire type and a value. Unknown fields are skipped, as the format wants; whatever
the bytes, reading ends or raises DecodeError.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.errors import DecodeError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10

Value = int | bytes


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field in order: numbers of any width as int, everything else as bytes."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise DecodeError("a protobuf field has the number 0")
        if wire_type == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire_type == BYTES:
            length, place = _varint(data, place)
        elif wire_type in {FIXED64, FIXED32}:
            length = 8 if wire_type == FIXED64 else 4
        else:
            raise DecodeError(f"a protobuf field has the wire type {wire_type}")
        if len(data) - place < length:
            raise DecodeError(f"a protobuf field of {length} bytes ends behind its message")
        raw, place = data[place : place + length], place + length
        yield number, raw if wire_type == BYTES else int.from_bytes(raw, "little")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and the place behind it; most have one byte."""
    if place < len(data) and data[place] < 0x80:
        return data[place], place + 1
    value = 0
    for shift in range(0, 7 * MAX_VARINT_BYTES, 7):
        if place >= len(data):
            raise DecodeError("a protobuf number ends behind its message")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise DecodeError(f"a protobuf number has more than {MAX_VARINT_BYTES} bytes")


def as_bytes(value: Value) -> bytes:
    """A value that has to be bytes; raises DecodeError for a number."""
    if isinstance(value, int):
        raise DecodeError("a protobuf field holds a number where bytes were expected")
    return value


def as_int(value: Value) -> int:
    """A value that has to be a number; raises DecodeError for bytes."""
    if isinstance(value, bytes):
        raise DecodeError("a protobuf field holds bytes where a number was expected")
    return value


def as_text(value: Value) -> str:
    """A value that has to be text; bytes that are not UTF-8 become replacement characters."""
    return as_bytes(value).decode("utf-8", "replace")


def varint(value: int) -> bytes:
    """A number of at most 64 bits, not negative, as the format writes it; most have one byte."""
    if value < 0x80:
        return bytes((value,))
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def number_field(number: int, value: int) -> bytes:
    """A field that holds a number, an enum or a truth value."""
    return varint(number << 3 | VARINT) + varint(value)


def bytes_field(number: int, value: bytes | str) -> bytes:
    """A field that holds bytes, text or a message."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(raw)) + raw
