"""How a benchmark is measured: a thing and its floor take turns in one process, and only what they burn of CPU counts.

A shared machine runs at another speed every second, so absolute numbers drift by a factor of two or more. What is
compared is therefore the ratio within one round, and of the rounds the median.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from bot.garbage import collect_everything

Metrics = Mapping[str, float]
"""What one turn measured, by name: seconds per operation, or whatever unit its benchmark prints."""

Turn = Callable[[], Metrics]


def cpu_s() -> float:
    """CPU seconds of this process so far, all of its threads, user and kernel; child processes are not in it."""
    return time.process_time()


def wall_s() -> float:
    """Seconds on a clock that goes on while the process waits; only for what waits on something outside of it."""
    return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Spread:
    """The median over the rounds, and the least and greatest round."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """Every metric in the order of the rounds."""

    values: Mapping[str, Sequence[float]]

    def spread(self, name: str) -> Spread:
        """One metric over the rounds."""
        return _spread(self.values[name])

    def speedup(self, ours: str, floor: str) -> Spread:
        """How many times as good as the floor: 2 is half of its seconds, 0.5 twice as many."""
        return _spread([theirs / mine for mine, theirs in zip(self.values[ours], self.values[floor], strict=True)])


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


Some = TypeVar("Some")


def compete(turns: Sequence[Turn], *, rounds: int, draw: random.Random, warm_up: bool = True) -> Rounds:
    """Let every turn run once to warm up and once per round, in an order drawn anew for each round.

    A turn that is a process of its own, or does its operation ten thousand times at once, needs no warming up.
    """
    values: defaultdict[str, list[float]] = defaultdict(list)
    for counts, turn in _schedule(turns, rounds, draw, warm_up=warm_up):
        _note(values, turn(), counts=counts)
    return Rounds(values)


async def compete_inside(
    turns: Sequence[Callable[[], Awaitable[Metrics]]], *, rounds: int, draw: random.Random
) -> Rounds:
    """The same for turns that share something which lives in one trio run."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for counts, turn in _schedule(turns, rounds, draw):
        _note(values, await turn(), counts=counts)
    return Rounds(values)


def _schedule(
    turns: Sequence[Some], rounds: int, draw: random.Random, *, warm_up: bool = True
) -> Iterator[tuple[bool, Some]]:
    """Each turn that is to run now and whether it counts."""
    for counts in [False] * warm_up + [True] * rounds:
        for turn in draw.sample(turns, len(turns)):
            # What one turn left behind is not collected on the next one's account.
            collect_everything()
            yield counts, turn


def _note(values: defaultdict[str, list[float]], metrics: Metrics, *, counts: bool) -> None:
    for name, value in metrics.items():
        if counts:
            values[name].append(value)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
