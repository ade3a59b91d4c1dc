"""Where a recording keeps what: segments that are still written, partitions by day and hour (UTC), and what was torn.

segments/2026-11-21T11-30-00-123Z.csv.open   what is written now
segments/2026-11-21T11-30-00-123Z.csv        complete, waits to be packed
day=2026-11-21/hour=11/2026-11-21T11-30-00-123Z.parquet
torn/                                        what a crash left unreadable
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clock import rfc3339

OPEN = ".open"
PART = ".part"  # a partition that is still being written
HOUR_MS = 3_600_000
_MAGIC = b"PAR1"  # Parquet's first and last four bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one folder."""

    folder: Path

    @property
    def segments(self) -> Path:
        return self.folder / "segments"

    @property
    def torn(self) -> Path:
        return self.folder / "torn"

    def open_segment(self, at_ms: int) -> Path:
        """A segment that begins at this moment."""
        return self.segments / f"{rfc3339(at_ms).replace(':', '-').replace('.', '-')}.csv{OPEN}"

    def left_open(self) -> list[Path]:
        """Segments that nobody has closed, the oldest first."""
        return sorted(self.segments.glob(f"*.csv{OPEN}"))

    def complete(self) -> list[Path]:
        """Segments that wait to be packed, the oldest first."""
        return sorted(self.segments.glob("*.csv"))

    def partition(self, segment: Path) -> Path:
        """The Parquet file of a complete segment; its hour is that in which the segment began."""
        day, _, clock = segment.stem.partition("T")
        return self.folder / f"day={day}" / f"hour={clock[:2]}" / f"{segment.stem}.parquet"

    def hours(self) -> list[tuple[int, Path]]:
        """The partitions with the millisecond at which each ends, the oldest first. Other folders are not the recording's."""
        found = []
        for path in self.folder.glob("day=*/hour=*"):
            try:
                began = datetime.strptime(f"{path.parent.name} {path.name}", "day=%Y-%m-%d hour=%H").replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append((round((began + timedelta(hours=1)).timestamp() * 1000), path))
        return sorted(found)

    def parquet(self) -> list[Path]:
        """Every packed file, the oldest first."""
        return sorted(self.folder.glob("day=*/hour=*/*.parquet"))


def is_whole(path: Path) -> bool:
    """Whether a Parquet file has its beginning and its end; raises OSError."""
    with path.open("rb") as file:
        beginning = file.read(len(_MAGIC))
        if file.seek(0, 2) < 3 * len(_MAGIC):
            return False
        file.seek(-len(_MAGIC), 2)
        return beginning == _MAGIC == file.read()
