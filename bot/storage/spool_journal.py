"""Where the spool's records lie: a file of the data directory that is on the disk before anybody relies on it.

Its twin in memory holds the same bytes and refuses where a disk would.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Protocol

import structlog
import trio

from bot.errors import JournalUnavailable, StartupError
from bot.storage.spool_codec import DamagedError, Record, Scan, encode, scan
from bot.storage.spool_header import Mark, header_of

log = structlog.get_logger()

MAX_BYTES = 64 * 1024 * 1024
RESERVED_BYTES = 4 * 1024 * 1024  # some 1,500 exits
GIVEN_BACK_BYTES = 64 * 1024  # at a time, because the database would take all of it

_Change = Callable[[bytes], int]


class Journal(Protocol):
    """Appended to while the database is away, emptied when all of it is in the database."""

    def records(self) -> tuple[Record, ...]:
        """What an earlier process left; raises StartupError for a journal that cannot be read."""

    async def append(self, record: Record) -> None:
        """Returns when the record survives a crash; raises JournalUnavailable, and then it is not there.

        A cancellation waits until it is known which of the two.
        """

    async def clear(self) -> None:
        """Everything is in the database. Raises JournalUnavailable; the records are then found again, which is harmless."""

    async def set_aside(self) -> str:
        """Keep all of it under another name, for a person to look at, and begin anew; the name. Raises JournalUnavailable."""

    async def reserve(self) -> None:
        """Take room for further records now, as far as there is some: a full disk is what takes most databases away."""


class FileJournal:
    """One file, readable by its owner alone. Made when the first record comes; one process writes it."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, mark: Mark | None = None) -> None:
        """`mark` is what the first line says of a journal that this process begins."""
        self._path = path
        self._header = header_of(mark)
        self._reserve_path = path.with_name(f".{path.name}.reserve")
        self._max_bytes = max_bytes
        self._good_bytes = 0
        self._turn = trio.Lock()

    def __repr__(self) -> str:
        return f"<FileJournal {self._path} of {self._good_bytes} bytes>"

    def records(self) -> tuple[Record, ...]:
        return self.found().records

    def found(self) -> Scan:
        """As `records`, with whose they are."""
        try:
            found = scan(self._path.read_bytes())
        except FileNotFoundError:
            return Scan((), 0, 0)
        except OSError as error:
            raise StartupError(f"{self._path}: the journal cannot be read: {error.strerror}; put it right") from None
        except DamagedError as error:
            raise StartupError(
                f"{self._path}: the journal of exits cannot be read: {error}; see runbooks/database.md, and do not delete it"
            ) from None
        self._good_bytes = found.good_bytes
        return found

    async def append(self, record: Record) -> None:
        await self._change(self._append, encode(record))

    async def clear(self) -> None:
        if self._good_bytes:
            await self._change(self._cut, b"")

    async def set_aside(self) -> str:
        numbers = (number for number in count(1) if not self._aside(number).exists())
        number = next(numbers)
        await self._change(self._move_aside, str(number).encode("ascii"))
        return self._aside(number).name

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.kept-{number}")

    def _move_aside(self, number: bytes) -> int:
        self._path.rename(self._aside(int(number)))
        _sync_directory(self._path.parent)
        return 0

    async def reserve(self) -> None:
        try:
            await self._change(self._take_room, b"")
        except JournalUnavailable as error:
            log.warning("journal_room_not_reserved", reason=str(error))

    async def _change(self, change: _Change, data: bytes) -> None:
        """One change at a time, off the event loop, to its end: the disk may need its time."""
        with trio.CancelScope(shield=True):
            async with self._turn:
                try:
                    self._good_bytes = await trio.to_thread.run_sync(change, data)
                except OSError as error:
                    raise JournalUnavailable(
                        f"the journal of exits cannot be written: {error.strerror}; look at the disk of the data directory"
                    ) from error

    def _append(self, data: bytes) -> int:
        """Write behind the last good record and sync; whatever goes wrong on the way is cut off again. The new length."""
        new = not self._good_bytes
        whole = self._header + data if new else data
        end = self._good_bytes + len(whole)
        if end > self._max_bytes:
            raise OSError(0, f"it is full at {self._max_bytes} bytes")
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not self._has_written(descriptor, whole):
                pass
        finally:
            os.close(descriptor)
        if new:
            _sync_directory(self._path.parent)
        return end

    def _has_written(self, descriptor: int, data: bytes) -> bool:
        """Whether the record is there; False where the disk is full and has a little more room now."""
        try:
            self._write(descriptor, data)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._give_room_back():
                raise
            return False
        return True

    def _write(self, descriptor: int, data: bytes) -> None:
        """A record that its writer was told is not there must not turn up later: it would be sent then."""
        os.ftruncate(descriptor, self._good_bytes)
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, data[written:], self._good_bytes + written)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, self._good_bytes)
            raise

    def _take_room(self, _: bytes) -> int:
        descriptor = os.open(self._reserve_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
        finally:
            os.close(descriptor)
        return self._good_bytes

    def _give_room_back(self) -> bool:
        """Return a little of the reserve to the disk; False when there is none left."""
        try:
            left = self._reserve_path.stat().st_size
        except FileNotFoundError:
            return False
        os.truncate(self._reserve_path, max(0, left - GIVEN_BACK_BYTES))
        return left > 0

    def _cut(self, _: bytes) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return 0


class MemoryJournal:
    """The twin. `data` outlives a bot that is dropped; `full` makes it refuse, as a full disk does."""

    def __init__(self) -> None:
        self.data = b""
        self.mark: Mark | None = None
        self.aside: list[bytes] = []
        self.full = False

    def records(self) -> tuple[Record, ...]:
        return self.found().records

    def found(self) -> Scan:
        found = scan(self.data)
        self.data = self.data[: found.good_bytes]
        return found

    async def append(self, record: Record) -> None:
        """At once, as those to the file take turns: a process that ends has no other record half way."""
        if self.full:
            raise JournalUnavailable("the journal of exits cannot be written: No space left on device")
        self.data = (self.data or header_of(self.mark)) + encode(record)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def clear(self) -> None:
        await trio.lowlevel.checkpoint()
        self.data = b""

    async def set_aside(self) -> str:
        await trio.lowlevel.checkpoint()
        self.aside.append(self.data)
        self.data = b""
        return f"journal {len(self.aside)}"

    async def reserve(self) -> None:
        """Memory has room."""
        await trio.lowlevel.checkpoint()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
