"""What each hour of the program came to, kept for some days: a sum over a count, by any name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HourMeasure:
    """`total` over `count` things of the hour that began at `hour_ms`, in milliseconds since 1970; units are the name's."""

    name: str
    hour_ms: int
    total: int
    count: int


class MeasureStore(Protocol):
    async def keep_measures(self, measures: Sequence[HourMeasure], forget_before_ms: int) -> None:
        """Write each in place of what was known of its name and hour, and forget the hours before a moment, together."""

    async def measures(self, since_ms: int) -> list[HourMeasure]:
        """Of all hours that began at or after a moment, by hour and name."""

    async def launch_to_fill(self, since_ms: int) -> tuple[int, ...]:
        """Of each live buy of a sniper that filled since a moment: from its launch's first frame to its fill in the books, in ms.

        Shortest first, those without a moment of their launch left out.
        """
