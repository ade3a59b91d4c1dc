"""What a recording may keep: days and bytes. Blocking, like everything that walks the disk."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from bot.ports import RecordingState
from bot.recorder.layout import HOUR_MS, Layout


def drop_old(layout: Layout, *, before_ms: int, bytes_max: int) -> RecordingState:
    """Remove partitions that end before a moment, then the oldest until all are within `bytes_max`; raises OSError.

    When there is too much, what was torn goes first, then hours, and then segments that were never packed, which is what
    there is where packing fails for days.
    """
    hours = layout.hours()
    for ends_ms, path in hours:
        if ends_ms <= before_ms:
            _remove(path)
    began_ms = {path: ends_ms - HOUR_MS for ends_ms, path in hours if ends_ms > before_ms}
    torn = sorted(layout.torn.glob("*"))
    left = {path: _size(path) for path in [*torn, *began_ms, *layout.complete()]}
    kept = sum(left.values()) + sum(_size(path) for path in layout.left_open())
    while left and kept > bytes_max:
        oldest = next(iter(left))
        kept -= left.pop(oldest)
        _remove(oldest)
    oldest_ms = next((began_ms[path] for path in left if path in began_ms), None)
    return RecordingState(kept, oldest_ms, sum(path in left for path in torn))


def _size(path: Path) -> int:
    return sum(map(_size, path.iterdir())) if path.is_dir() else path.stat().st_size


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    shutil.rmtree(path)
    with suppress(OSError):  # the day has other hours
        path.parent.rmdir()
