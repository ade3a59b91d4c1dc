"""The first line of the spool: whose journal it is. Pure.

A journal means something to one database only, and its orders of people only as long as no other bot has led since.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass

OLD_HEADER = b"trading-bot spool 1\n"  # says no more than that it is a journal
_FAMILY = b"trading-bot spool 2 "
MAX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """`directory` and `database` are ids, `epoch` is that of the lease under which the first record was written."""

    directory: str
    database: str
    epoch: int


def header_of(mark: Mark | None) -> bytes:
    """The line, with a checksum of what it says; the old one for a journal that belongs to nobody in particular."""
    if mark is None:
        return OLD_HEADER
    said = json.dumps(asdict(mark), separators=(",", ":")).encode("ascii")
    return _FAMILY + b"%08x " % zlib.crc32(said) + said + b"\n"


def read_header(data: bytes) -> tuple[int, Mark | None] | None:
    """How long the line at the beginning is and what it says; None where a crash cut it off. Raises ValueError."""
    if data.startswith(OLD_HEADER):
        return len(OLD_HEADER), None
    end = data.find(b"\n", 0, MAX_BYTES)
    if end < 0:
        line = data.rstrip(b"\0")  # a file may grow before its bytes come down
        if (
            len(data) < MAX_BYTES
            and line.isascii()
            and b"\0" not in line
            and (OLD_HEADER.startswith(line) or _FAMILY.startswith(line[: len(_FAMILY)]))
        ):
            return None
        raise ValueError("its first line is not that of a journal")
    line = data[:end]
    checksum, _, said = line.removeprefix(_FAMILY).partition(b" ")
    if not line.startswith(_FAMILY) or checksum != b"%08x" % zlib.crc32(said):
        raise ValueError("its first line is not that of a journal, or is of another version of this program")
    try:
        fields = json.loads(said)
        return end + 1, Mark(str(fields["directory"]), str(fields["database"]), int(fields["epoch"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("its first line is of another version of this program") from error
