"""What a recording may keep: days and bytes. Blocking, like everything that walks the disk."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from bot.ports import RecordingState
from bot.recorder.layout import HOUR_MS, Layout


def drop_old(layout: Layout, *, before_ms: int, bytes_max: int) -> RecordingState:
    """Remove partitions that end before a moment, then the oldest until all are within `bytes_max`; raises OSError.

    What was torn goes first when there is too much. Segments that wait to be packed are never removed here.
    """
    hours = layout.hours()
    for ends_ms, path in hours:
        if ends_ms <= before_ms:
            _remove(path)
    hours = [(ends_ms, path) for ends_ms, path in hours if ends_ms > before_ms]
    sizes = {path: _size(path) for _, path in hours}
    torn = sorted(layout.torn.glob("*"))
    kept = sum(sizes.values()) + sum(path.stat().st_size for path in torn)
    while torn and kept > bytes_max:
        oldest = torn.pop(0)
        kept -= oldest.stat().st_size
        oldest.unlink()
    while hours and kept > bytes_max:
        _, path = hours.pop(0)
        kept -= sizes[path]
        _remove(path)
    waiting = sum(path.stat().st_size for path in layout.segments.glob("*"))
    return RecordingState(kept + waiting, hours[0][0] - HOUR_MS if hours else None, len(torn))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _remove(hour: Path) -> None:
    shutil.rmtree(hour)
    with suppress(OSError):  # the day has other hours
        hour.parent.rmdir()
