"""What waits in the local journal while the database is away, for status and alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`records` wait in the journal for the database, the oldest since `oldest_ms` (milliseconds since 1970).

    `from_memory` says that exits are decided from memory at this moment. `trouble` is why the journal could not be
    written at the last try, None when it could.
    """

    records: int
    oldest_ms: int | None
    from_memory: bool
    trouble: str | None


class Spool(Protocol):
    """The store that goes on with exits while the database is away."""

    def spool(self) -> SpoolState:
        """The journal at this moment; nothing is asked of disk or database."""

    def on_trouble(self, listener: Callable[[str], None]) -> None:
        """Have each trouble that a person must hear of told as one sentence. The latest listener is told."""
