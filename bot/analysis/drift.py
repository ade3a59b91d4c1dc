"""Whether what a model is asked about still looks like what it was trained on: the population stability index."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.analysis.vector import FEATURES, NAMES

BINS = 10
SCORE = "score"
ROWS_MAX = 2_000  # of the newest rows; older ones are forgotten
ROWS_MIN = 500
# The customary reading of the index: below 0.1 the same population, above 0.25 another one.
MOVED = 0.25
_LEAST = 1e-4  # a bin that is empty on one side counts as this share


@dataclass(frozen=True, slots=True)
class Moved:
    """A column that has moved, and by how much."""

    column: str
    index: float


def reference_of(rows: Sequence[Sequence[float]], scores: Sequence[float]) -> dict[str, Any]:
    """Of each column of training, and of the scores: the bounds of bins, and the share of moments in each, unknown ones last."""
    columns = {name: [float(row[place]) for row in rows] for place, name in enumerate(NAMES)}
    columns[SCORE] = [float(score) for score in scores]
    reference = {}
    for name, values in columns.items():
        known = sorted(value for value in values if not math.isnan(value))
        bounds = sorted({known[len(known) * number // BINS] for number in range(1, BINS)}) if known else []
        counts = [0] * (len(bounds) + 2)
        for value in values:
            counts[bin_of(bounds, value)] += 1
        reference[name] = {"bounds": bounds, "shares": [round(count / len(values), 6) for count in counts]}
    return reference


def bin_of(bounds: Sequence[float], value: float) -> int:
    """The bin of a value; unknown ones have the last to themselves."""
    return len(bounds) + 1 if math.isnan(value) else bisect_right(bounds, value)


@dataclass(slots=True)
class Drift:
    """Counts the newest rows of a model in the bins of its training; memory is bounded by ROWS_MAX rows."""

    reference: dict[str, Any]
    _rows: deque[tuple[int, ...]] = field(default_factory=deque)
    _counts: list[list[int]] = field(init=False)
    _bounds: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        columns = [self.reference[name] for name in (*NAMES, SCORE)]
        self._bounds = [[float(bound) for bound in column["bounds"]] for column in columns]
        self._counts = [[0] * len(column["shares"]) for column in columns]

    def note(self, row: Sequence[float], score: float) -> None:
        """Take one row that was judged, and its score."""
        bins = tuple(bin_of(bounds, value) for bounds, value in zip(self._bounds, (*row, score), strict=True))
        self._rows.append(bins)
        for counts, place in zip(self._counts, bins, strict=True):
            counts[place] += 1
        if len(self._rows) > ROWS_MAX:
            for counts, place in zip(self._counts, self._rows.popleft(), strict=True):
                counts[place] -= 1

    @property
    def rows(self) -> int:
        """How many rows it stands on."""
        return len(self._rows)

    def moved(self) -> list[Moved]:
        """The columns that have moved, most first; none before there are ROWS_MIN rows."""
        if len(self._rows) < ROWS_MIN:
            return []
        found = [Moved(name, self._index(place, name)) for place, name in enumerate((*NAMES, SCORE))]
        return sorted((one for one in found if one.index > MOVED), key=lambda one: -one.index)

    def _index(self, place: int, name: str) -> float:
        total = len(self._rows)
        index = 0.0
        for count, expected in zip(self._counts[place], self.reference[name]["shares"], strict=True):
            now, before = max(count / total, _LEAST), max(float(expected), _LEAST)
            index += (now - before) * math.log(now / before)
        return index


def is_drift(moved: Sequence[Moved]) -> bool:
    """Whether so much has moved that the model's word is worth less: its scores, or a third of its columns."""
    return any(one.column == SCORE for one in moved) or len(moved) * 3 >= len(FEATURES)
