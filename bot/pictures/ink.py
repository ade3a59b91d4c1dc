"""A sheet that is drawn on, as SVG (https://www.w3.org/TR/SVG11/). Every text is cleaned and escaped here, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from bot.trading.one_line import one_line

WIDTH, HEIGHT = 1080, 810  # pixels; Telegram shrinks what is larger than 1280, and a phone shows about a third of it
EDGE = 48
FONT = "DejaVu Sans"
TEXT_MAX = 200  # characters of one text, whatever is asked for

PAPER = "#0e1420"
PANEL = "#151d2c"
GRID = "#2a3648"
UNKNOWN = "#1d2736"
BRIGHT = "#eef3fa"
FAINT = "#9fb0c6"
BLUE = "#62aeff"
GREEN = "#35d493"
RED = "#ff7a70"
YELLOW = "#ffc857"

Place = tuple[float, float]


@dataclass(slots=True)
class Sheet:
    """Shapes in the order in which they were drawn, the later ones above. Places are pixels from the upper left corner."""

    _shapes: list[str] = field(default_factory=list)

    def text(
        self,
        place: Place,
        text: str,
        *,
        size: int = 28,
        color: str = BRIGHT,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """One line, its base at `place`. It is an element of its own, so that its direction turns no other text round."""
        stroke = f' stroke="{color}" stroke-width="{size / 32:.2f}"' if bold else ""
        shown = escape(one_line(text[:TEXT_MAX]))
        self._shapes.append(
            f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" font-size="{size}" fill="{color}"{stroke}'
            f' text-anchor="{anchor}">{shown}</text>'
        )

    def line(self, start: Place, end: Place, *, color: str = GRID, width: float = 2, dashes: str = "") -> None:
        dashed = f" stroke-dasharray={quoteattr(dashes)}" if dashes else ""
        self._shapes.append(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
            f' stroke="{color}" stroke-width="{width}"{dashed}/>'
        )

    def curve(self, places: Sequence[Place], *, color: str, width: float = 4) -> None:
        """A line through places; a single one is a dot."""
        if len(places) == 1:
            self.dot(places[0], color=color, radius=width * 1.5)
            return
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self._shapes.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"'
            ' stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def shape(self, places: Iterable[Place], *, color: str, outline: str = PAPER) -> None:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self._shapes.append(f'<polygon points="{points}" fill="{color}" stroke="{outline}" stroke-width="3"/>')

    def dot(self, place: Place, *, color: str, radius: float) -> None:
        self._shapes.append(f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius:.1f}" fill="{color}"/>')

    def box(self, corner: Place, width: float, height: float, *, color: str, radius: float = 0) -> None:
        self._shapes.append(
            f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
            f' rx="{radius:.1f}" fill="{color}"/>'
        )

    def label(self, right: Place, text: str, *, color: str) -> None:
        """A word in a box whose upper right corner is at `right`: the mode, which no picture is without."""
        width = 22.0 * len(text) + 40
        self.box((right[0] - width, right[1]), width, 56, color=color, radius=28)
        self.text((right[0] - width / 2, right[1] + 39), text, size=30, color=PAPER, anchor="middle", bold=True)

    def svg(self) -> str:
        """The whole sheet."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
            f' viewBox="0 0 {WIDTH} {HEIGHT}" font-family="{FONT}">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>{"".join(self._shapes)}</svg>'
        )


def width_of(text: str, size: int) -> float:
    """About how wide a text is in pixels, rather too wide than too narrow: the font's own widths by kinds of letters."""
    return sum(_share(letter) for letter in text) * size


def _share(letter: str) -> float:
    """A letter's width as a share of the size."""
    if letter in "ilIj.,:;|'!()[] /-ftr":
        return 0.42
    if letter in "mwMWOQ@%…→" or letter > "\u2fff":
        return 1.0
    return 0.65 if letter.islower() or letter.isdigit() else 0.72


def fitting(text: str, size: int, width: float) -> str:
    """As much of a text as fits into a width, and `…` where that is not all."""
    if width_of(text, size) <= width:
        return text
    kept = text
    while kept and width_of(kept, size) + size > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def mode_color(mode: str) -> str:
    """Money that can be lost is yellow, play money blue."""
    return YELLOW if mode == "live" else BLUE


def result_color(lamports: int) -> str:
    """A gain, a loss, or neither."""
    return GREEN if lamports > 0 else RED if lamports < 0 else FAINT
