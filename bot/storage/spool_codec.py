"""The bytes of the spool: one header line, then framed records, each with checksums of its own. Pure.

A record that a crash cut off at the end of the file was never relied upon and is left out. Any other defect means that
something which was on the disk is not there any more: the whole is refused, with how much of it can still be read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bot.storage.spool_header import Mark, read_header
from bot.trading.intent import (
    Attempt,
    AttemptState,
    Context,
    Intent,
    IntentState,
    Mode,
    Protection,
    Side,
    TradeRequest,
)
from bot.trading.trading_state import Binds, Cause

# Length of the payload and the CRC-32 of that length, so that a flipped bit in it is not taken for a torn record.
_FRAME = struct.Struct(">II")
_DIGEST_BYTES = 32  # SHA-256 of the payload
MAX_PAYLOAD_BYTES = 64 * 1024

_REQUEST_ENUMS: Mapping[str, type[StrEnum]] = {"mode": Mode, "side": Side, "context": Context, "protection": Protection}


@dataclass(frozen=True, slots=True)
class Signed:
    """An exit's bytes that may have left, and the intent that they belong to."""

    intent: Intent
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that the database holds already may have left since `at_ms`, in milliseconds since 1970."""

    signature: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A pause cause of one user, his panic for instance."""

    cause: Cause


Record = Signed | Sent | Kept


@dataclass(frozen=True, slots=True)
class Scan:
    """What a journal's bytes hold. `good_bytes` is where the next record goes, `torn_bytes` what a crash cut off there.

    `mark` is whose it is, None where its first line does not say.
    """

    records: tuple[Record, ...]
    good_bytes: int
    torn_bytes: int
    mark: Mark | None = None


class DamagedError(Exception):
    """Records that were on the disk cannot be read; the text says where and how many are good before that."""


def encode(record: Record) -> bytes:
    """One framed record. Raises ValueError for one that is too long to be read back."""
    payload = json.dumps(_fields(record), separators=(",", ":")).encode("ascii")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a record of {len(payload)} bytes is longer than {MAX_PAYLOAD_BYTES}")
    length = struct.pack(">I", len(payload))
    return _FRAME.pack(len(payload), zlib.crc32(length)) + hashlib.sha256(payload).digest() + payload


def scan(data: bytes) -> Scan:
    """Read a whole journal; raises DamagedError for anything but a good beginning and a torn end."""
    if not any(data):
        return Scan((), 0, len(data))
    try:
        header = read_header(data)
    except ValueError as error:
        raise DamagedError(str(error)) from error
    if header is None:
        return Scan((), 0, len(data))
    at, mark = header
    records: list[Record] = []
    while at < len(data):
        end = _end_of(data, at, len(records))
        if end is None:
            return Scan(tuple(records), at, len(data) - at, mark)
        records.append(_record(data, at, end, len(records)))
        at = end
    return Scan(tuple(records), at, 0, mark)


def _end_of(data: bytes, at: int, good: int) -> int | None:
    """Where the record at `at` ends; None for one that was torn while it was written.

    A file that grew before its bytes came down ends in zeros, which no record does.
    """
    rest = data[at:]
    if len(rest) < _FRAME.size or not any(rest):
        return None
    length: int
    length, checksum = _FRAME.unpack_from(rest)
    if zlib.crc32(rest[:4]) != checksum or length > MAX_PAYLOAD_BYTES:
        raise _damaged(data, at, good)
    end = at + _FRAME.size + _DIGEST_BYTES + length
    if end > len(data):
        return None
    digest, payload = rest[_FRAME.size :][:_DIGEST_BYTES], data[end - length : end]
    if hashlib.sha256(payload).digest() == digest:
        return end
    if end == len(data) and data[-1] == 0:
        return None
    raise _damaged(data, at, good)


def _record(data: bytes, at: int, end: int, good: int) -> Record:
    """The record of a payload whose checksum is right; one that says what this program does not know is refused."""
    try:
        fields = json.loads(data[at + _FRAME.size + _DIGEST_BYTES : end])
        match fields.pop("kind"):
            case "signed":
                return Signed(_intent(fields["intent"]), _attempt(fields["attempt"]))
            case "sent":
                return Sent(**fields)
            case "kept":
                return Kept(Cause(**{**fields["cause"], "binds": Binds(fields["cause"]["binds"])}))
            case kind:
                raise ValueError(f"unknown kind {kind}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"record {good + 1} at byte {at} is of another version of this program ({error}); {good} before it are good"
        ) from error


def _damaged(data: bytes, at: int, good: int) -> DamagedError:
    return DamagedError(
        f"it is damaged at byte {at}: {good} records before that are good, the {len(data) - at} bytes from there on"
        " cannot be read"
    )


def _fields(record: Record) -> dict[str, Any]:
    if isinstance(record, Signed):
        attempt = {**asdict(record.attempt), "raw": base64.b64encode(record.attempt.raw).decode("ascii")}
        intent = asdict(record.intent)
        # Closings are never recorded here, and programs from before these fields read this journal too. An exit that is
        # replayed from it has its reason, and no evidence of it.
        del intent["request"]["closes"], intent["request"]["evidence"]
        return {"kind": "signed", "intent": intent, "attempt": attempt}
    if isinstance(record, Sent):
        return {"kind": "sent", **asdict(record)}
    return {"kind": "kept", "cause": asdict(record.cause)}


def _intent(fields: dict[str, Any]) -> Intent:
    request = fields["request"]
    known = {name: kind(request[name]) for name, kind in _REQUEST_ENUMS.items()}
    return Intent(**{**fields, "request": TradeRequest(**{**request, **known}), "state": IntentState(fields["state"])})


def _attempt(fields: dict[str, Any]) -> Attempt:
    raw = base64.b64decode(fields["raw"], validate=True)
    return Attempt(**{**fields, "raw": raw, "state": AttemptState(fields["state"])})
