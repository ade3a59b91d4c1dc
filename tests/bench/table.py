"""The table that is printed: what, how fast, the floor, the ratio, the figure to reach and whether it is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from tests.bench.measure import Rounds, Spread

HEADER = ("what", "measured (best to worst round)", "floor", "ratio (least to greatest)", "to reach", "reached")

Render = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to print. `reached` is empty where no figure was set."""

    what: str
    measured: str
    floor: str = ""
    ratio: str = ""
    to_reach: str = ""
    reached: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach: `text` as it was set, and whether the measured value, or its ratio to the floor, reaches it."""

    text: str
    is_reached: Callable[[float], bool]
    judges_ratio: bool = False


def ratio_of_at_least(least: float) -> Goal:
    """The ratio to the floor must be so much or more."""
    return Goal(f"{least:g}x", lambda ratio: ratio >= least, judges_ratio=True)


def per_second_at_least(least: float) -> Goal:
    """So many operations a second or more, of a metric in seconds per operation."""
    return Goal(per_second(1 / least), lambda value: value * least <= 1)


def at_most(most: float, render: Render) -> Goal:
    """The metric itself must be so much or less."""
    return Goal(f"{render(most)} or less", lambda value: value <= most)


def line(rounds: Rounds, what: str, ours: str, floor: str, render: Render, *, goal: Goal | None = None) -> Line:
    """One line from the metrics named `ours` and `floor`; what a goal judges is shown with its range over the rounds."""
    value, ratio = rounds.spread(ours), rounds.speedup(ours, floor)
    judges_value = goal is not None and not goal.judges_ratio
    return Line(
        what=what,
        measured=_with_range(value, render) if judges_value else render(value.middle),
        floor=f"{floor}: {render(rounds.spread(floor).middle)}",
        ratio=_with_range(ratio, times),
        to_reach="" if goal is None else goal.text,
        reached="" if goal is None else _yes(goal.is_reached((value if judges_value else ratio).middle)),
    )


def alone(rounds: Rounds, what: str, ours: str, render: Render, *, goal: Goal | None = None) -> Line:
    """One line of a metric that has no floor."""
    value = rounds.spread(ours)
    return Line(
        what=what,
        measured=render(value.middle),
        to_reach="" if goal is None else goal.text,
        reached="" if goal is None else _yes(goal.is_reached(value.middle)),
    )


def _yes(reached: bool) -> str:
    return "yes" if reached else "NO"


def _with_range(spread: Spread, render: Render) -> str:
    return f"{render(spread.middle)} ({render(spread.low)} to {render(spread.high)})"


def times(ratio: float) -> str:
    """A ratio with three digits."""
    return f"{ratio:.3g}x"


def per_second(seconds: float) -> str:
    """Seconds per operation as a rate with three digits."""
    rate = 1 / seconds
    digits = 3 - len(str(int(rate)))
    return f"{round(rate, digits):,.{max(0, digits)}f}/s"


def duration(seconds: float) -> str:
    """Seconds with three digits in the unit that suits them."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 0.9995:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rate(seconds: float) -> str:
    """Both, for what takes milliseconds."""
    return f"{per_second(seconds)} ({duration(seconds)})"


def kibibytes(count: float) -> str:
    """Bytes in units of 1,024."""
    return f"{count / 1024:.2f} KiB"


def render_table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table that is also aligned for a terminal."""
    rows = [HEADER, *(astuple(one) for one in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(row)} |" for row in (padded[0], rule, *padded[1:]))
