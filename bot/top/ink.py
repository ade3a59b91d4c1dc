"""The dashboard's material: colours, the few drawn characters, and lines of styled text of a known width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from bot.top.record import Moment
from bot.top.words import UNKNOWN, age, clip

# The eight colours that every terminal's own theme keeps readable, and none for text that is hard to read on white or
# on black: yellow and cyan stand only below black text. A word or a sign always says the same as the colour.
GAIN = "green"
LOSS = "red"
ALARM = "bold red"
STRONG = "bold"
FAINT = "dim"
PLAIN = ""

Part = tuple[str, str]
"""A text and its style."""

NOTHING: Part = ("", PLAIN)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that are not letters: one set for UTF-8, one for everything else."""

    rule: str
    more: str


UNICODE = Glyphs(rule="─", more="…")
ASCII = Glyphs(rule="-", more="~")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where something is drawn: `width` cells, at `now_ms` (milliseconds since 1970)."""

    width: int
    now_ms: int
    glyphs: Glyphs

    def narrowed(self, width: int) -> Sheet:
        """The same place with another width."""
        return Sheet(width, self.now_ms, self.glyphs)

    def since(self, moment: Moment | None) -> str:
        """How long ago a moment was."""
        return UNKNOWN if moment is None else age((self.now_ms - moment) / 1000)

    def line(self, *parts: Part) -> Text:
        """One line of parts after each other; what does not fit is cut, and a mark says so."""
        line = Text(no_wrap=True, end="")
        fits = sum(cell_len(text) for text, _ in parts) <= self.width
        room = self.width if fits else self.width - cell_len(self.glyphs.more)
        for text, style in parts:
            shown = clip(text, room, "")
            line.append(shown, style)
            room -= cell_len(shown)
            if shown != text:
                break
        if not fits and self.width > 0:
            line.append(self.glyphs.more, FAINT)
        return line

    def spread(self, left: Sequence[Part], right: Sequence[Part]) -> Text:
        """One line with a part at either end; where both do not fit, the right one is left out."""
        used = sum(cell_len(text) for text, _ in (*left, *right))
        if used >= self.width:
            return self.line(*left)
        return self.line(*left, (" " * (self.width - used), PLAIN), *right)

    def title(self, title: str, extra: str = "") -> Text:
        """The line above a panel: its title in a rule over the whole width."""
        rule = self.glyphs.rule
        words = [(f"{rule * 2} ", FAINT), (title, STRONG), (f", {extra}" if extra else "", PLAIN), (" ", PLAIN)]
        used = sum(cell_len(text) for text, _ in words)
        return self.line(*words, (rule * max(self.width - used, 0), FAINT))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `key` names its cell. Numbers stand on the right and are never cut: `#` is one without room."""

    key: str
    title: str
    width: int
    number: bool = False

    def cell(self, text: str, mark: str) -> str:
        """A text in exactly the width of the column."""
        size = cell_len(text)
        if self.number:
            return " " * (self.width - size) + text if size <= self.width else "#" * self.width
        shown = text if size <= self.width else clip(text, self.width, mark)
        return shown + " " * (self.width - cell_len(shown))


def table_heading(sheet: Sheet, columns: Sequence[Column]) -> Text:
    """The titles of the columns."""
    return table_row(sheet, columns, {column.key: (column.title, FAINT) for column in columns})


def table_row(sheet: Sheet, columns: Sequence[Column], cells: Mapping[str, Part]) -> Text:
    """One row; a blank stands between two columns, and a column without a cell stays empty."""
    parts: list[Part] = []
    for column in columns:
        text, style = cells.get(column.key, NOTHING)
        parts += [(column.cell(text, sheet.glyphs.more), style), (" ", PLAIN)]
    line = sheet.line(*parts[:-1])
    line.rstrip()
    return line


def amount_style(lamports: int | None) -> str:
    """Gains and losses in colours of equal weight; nothing for nothing."""
    if not lamports:
        return PLAIN
    return GAIN if lamports > 0 else LOSS
