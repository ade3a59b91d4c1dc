"""The segment that is written now. Blocking: it runs in a thread of its own, one call at a time."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from bot.ports import Seen
from bot.recorder.layout import HOUR_MS, OPEN, Layout
from bot.recorder.rows import header, lines

SEGMENT_BYTES_MAX = 16_000_000  # some 60,000 rows: what packing holds in memory at a time


@dataclass(slots=True)
class Segments:
    """Appends to one segment and begins another after `roll_ms`, with each hour (UTC), and when one grows too large.

    It leaves `free_min` bytes of the disk to others: the database may be on it too, and comes first.
    Every method raises OSError. An append that raises has written nothing that stays, and the next one begins a segment of
    its own.
    """

    layout: Layout
    roll_ms: int
    free_min: int
    _file: FileIO | None = None
    _path: Path = field(default_factory=Path)
    _began_ms: int = 0
    _has_adopted: bool = False

    def append(self, seen: Sequence[Seen], now_ms: int) -> None:
        """Write these rows and hand them to the kernel."""
        self.layout.segments.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self.layout.segments).free < self.free_min:
            raise OSError(errno.ENOSPC, f"less than {self.free_min // 1_000_000} MB are free", str(self.layout.folder))
        file = self._file_for(now_ms)
        before = file.tell()
        try:
            _write_all(file, lines(seen).encode())
        except OSError:
            with suppress(OSError):
                file.truncate(before)
            self.close()
            raise

    def close(self) -> None:
        """Close the segment: it is complete and can be packed."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.fsync(file.fileno())
        finally:
            file.close()
            _complete(self._path)

    def roll(self, now_ms: int) -> None:
        """Close what has been open for long enough, and what an earlier life left open."""
        if not self._has_adopted:
            self._adopt()
        if self._file is not None and self._is_over(now_ms, self._file):
            self.close()

    def _file_for(self, now_ms: int) -> FileIO:
        self.roll(now_ms)
        if self._file is None:
            self._path = self.layout.open_segment(now_ms)
            self._began_ms = now_ms
            self._file = FileIO(self._path, "ab")
            if self._file.tell() == 0:
                _write_all(self._file, header().encode())
        return self._file

    def _is_over(self, now_ms: int, file: FileIO) -> bool:
        age_ms = now_ms - self._began_ms
        # A clock that was set back must not keep one open for good.
        return (
            not 0 <= age_ms < self.roll_ms
            or now_ms // HOUR_MS != self._began_ms // HOUR_MS
            or file.tell() >= SEGMENT_BYTES_MAX
        )

    def _adopt(self) -> None:
        for path in self.layout.left_open():
            _complete(path)
        self._has_adopted = True


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _complete(path: Path) -> None:
    path.rename(path.with_name(path.name.removesuffix(OPEN)))
