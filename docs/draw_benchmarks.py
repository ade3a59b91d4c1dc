"""Draws docs/pictures/benchmarks.svg from the table in docs/benchmarks.md: `python docs/draw_benchmarks.py`.

Each row is a line of the table that has a figure to reach. A mark's place says how many times as good as that figure
something is, on a logarithmic scale, so that right of the middle is better than what was asked for in every row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "benchmarks.md"
PICTURE = HERE / "pictures" / "benchmarks.svg"

COLUMNS = 6
NUMBER = re.compile(r"([\d,.]+) ?(x|/s|ns|us|ms|s|KiB)(?![a-zA-Z])")
SCALE = {"x": 1.0, "/s": 1.0, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "KiB": 1024.0}
PEERS = {"bare deque": "bare loop", "asyncio": "asyncio.Queue", "pykka": "pykka"}

LEAST, MOST = 0.05, 400.0
LEFT, RIGHT, TOP, ROW, WIDTH = 320, 200, 74, 30, 1120
PLOT = WIDTH - LEFT - RIGHT
OURS, FLOOR = "this runtime", "its floor"
COLOURS = {OURS: "#0b6e4f", FLOOR: "#8a8f98", "bare loop": "#b8bcc4", "asyncio.Queue": "#c77d0a", "pykka": "#a23b72"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line with a figure: `marks` are names and how many times as good as the figure each one is."""

    what: str
    shown: str
    is_reached: bool
    marks: dict[str, float]


def read_rows(text: str) -> list[Row]:
    """The rows of the picture, in the order of the table; an indented line without a figure adds a mark to its row."""
    rows: list[Row] = []
    goal, by_ratio = "", False
    for what, measured, floor, ratio, to_reach, reached in _cells(text):
        if to_reach:
            goal, by_ratio = to_reach, to_reach.endswith("x")
            ours = ratio if by_ratio else measured
            marks = {OURS: _times_as_good(ours, goal)}
            if floor:
                marks[FLOOR] = _times_as_good("1x" if by_ratio else floor.partition(": ")[2], goal)
            rows.append(Row(what.strip(), f"{_first(ours)}, {_in_words(goal)}", reached == "yes", marks))
        elif peer := next((name for part, name in PEERS.items() if what.startswith(" ") and part in what), None):
            rows[-1].marks[peer] = _times_as_good(ratio if by_ratio else measured, goal)
    return rows


def _cells(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        cells = line.strip("|").split(" |")
        if line.startswith("| ") and len(cells) == COLUMNS and not cells[0].startswith((" what", " --")):
            what, *others = cells
            yield [what[1:].rstrip(), *(one.strip() for one in others)]


def _first(text: str) -> str:
    return text.partition(" (")[0]


def _in_words(goal: str) -> str:
    return f"at most {goal.removesuffix(' or less')}" if goal.endswith("less") else f"at least {goal}"


def _times_as_good(value: str, goal: str) -> float:
    reached, wanted = _number(value), _number(goal)
    return wanted / reached if goal.endswith("less") else reached / wanted


def _number(text: str) -> float:
    found = NUMBER.search(text)
    if found is None:
        raise ValueError(f"no number with a unit in {text!r}")
    return float(found[1].replace(",", "")) * SCALE[found[2]]


def _x(times: float) -> float:
    share = math.log(min(max(times, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + PLOT * share


def draw(rows: Sequence[Row]) -> str:
    """The picture as SVG; the same table always gives the same bytes."""
    height = TOP + ROW * len(rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="13" fill="#1c2024">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="28" font-size="16" font-weight="600">How many times as good as the figure to reach</text>',
        *_legend(),
        *_axis(height),
    ]
    for number, row in enumerate(rows):
        parts += _row(row, TOP + ROW * number + ROW // 2)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> Iterator[str]:
    x = 16.0
    for name in COLOURS:
        yield _mark(name, x + 6, 50)
        yield f'<text x="{x + 18:.0f}" y="54">{escape(name)}</text>'
        x += 50 + 7.2 * len(name)


def _axis(height: int) -> Iterator[str]:
    for times in (0.1, 1, 10, 100):
        x, colour, width = _x(times), "#1c2024" if times == 1 else "#e3e5e9", 1.5 if times == 1 else 1
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 26}" stroke="{colour}" stroke-width="{width}"/>'
        yield f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="#5b616b">{times:g}x</text>'


def _row(row: Row, y: int) -> Iterator[str]:
    colour = "#1c2024" if row.is_reached else "#b42318"
    yield f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(row.what)}</text>'
    yield f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4}" fill="{colour}">{escape(row.shown)}</text>'
    for name in sorted(row.marks, key=lambda one: one == OURS):
        yield _mark(name, _x(row.marks[name]), y)


def _mark(name: str, x: float, y: int) -> str:
    colour = COLOURS[name]
    if name == OURS:
        return f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{colour}"/>'
    if name == FLOOR:
        return f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
    return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9" fill="{colour}" transform="rotate(45 {x:.1f} {y})"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(read_rows(TABLE.read_text("utf-8"))), "utf-8")
