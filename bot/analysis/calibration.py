"""From a model's raw score to a measured frequency: a rising line through points, fitted to what was held out."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

POINTS_MAX = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """`at` rises strictly, `gives` never falls. Between two points the line is straight, outside it is level."""

    at: tuple[float, ...]
    gives: tuple[float, ...]

    def __post_init__(self) -> None:
        rises = all(low < high for low, high in zip(self.at, self.at[1:], strict=False))
        never_falls = all(low <= high for low, high in zip(self.gives, self.gives[1:], strict=False))
        finite = all(math.isfinite(value) for value in (*self.at, *self.gives))
        if not self.at or len(self.at) != len(self.gives) or not (rises and never_falls and finite):
            raise ValueError("a calibration needs points that rise")

    def __call__(self, score: float) -> float:
        place = bisect_right(self.at, score)
        if place == 0 or math.isnan(score):
            return self.gives[0]
        if place == len(self.at):
            return self.gives[-1]
        share = (score - self.at[place - 1]) / (self.at[place] - self.at[place - 1])
        return self.gives[place - 1] + share * (self.gives[place] - self.gives[place - 1])


def fit_isotonic(scores: Sequence[float], came: Sequence[float], least: int = 50) -> Calibration:
    """The rising line that is nearest to what came, by pooling neighbours that contradict it.

    Each of its points is the mean of at least `least` moments, so that no single one makes a promise of its own.
    """
    pairs = sorted(zip(scores, came, strict=True))
    blocks: list[list[float]] = []  # of each: how many, sum of scores, sum of what came
    for start in range(0, len(pairs), least):
        part = pairs[start : start + least]
        block = [float(len(part)), sum(score for score, _ in part), sum(value for _, value in part)]
        if len(part) < least and blocks:
            blocks[-1] = [old + new for old, new in zip(blocks[-1], block, strict=True)]
        else:
            blocks.append(block)
        while len(blocks) > 1 and not _rises(blocks[-2], blocks[-1]):
            last = blocks.pop()
            blocks[-1] = [old + new for old, new in zip(blocks[-1], last, strict=True)]
    every = max(1, math.ceil(len(blocks) / POINTS_MAX))
    kept = [*blocks[:-1:every], blocks[-1]] if blocks else [[1.0, 0.0, 0.0]]
    return Calibration(tuple(block[1] / block[0] for block in kept), tuple(block[2] / block[0] for block in kept))


def _rises(before: list[float], after: list[float]) -> bool:
    return before[1] / before[0] < after[1] / after[0] and before[2] / before[0] < after[2] / after[0]
