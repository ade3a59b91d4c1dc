"""One whole screen: which panels stand where, and how the height is shared out. Pure; from record to lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from bot.top import market, panels
from bot.top.ink import FAINT, PLAIN, STRONG, Glyphs, Sheet
from bot.top.panels import Panel
from bot.top.record import View
from bot.top.words import UNKNOWN, counted

GAP = 2  # cells between panels that stand beside each other
WIDTH_BESIDE = 72  # a narrower screen has one column
WIDTH_THREE = 110  # from here the process has a panel of its own
WIDTH_FOUR = 150  # and from here the levels
POSITIONS_MIN = 5  # lines: title, heading, one position, those not shown, their sum
LOWER_MIN, LOWER_MAX = 4, 12  # lines of the bottom row
HEIGHT_AIRY = 30  # from here panels are separated by blank lines and tell everything


@dataclass(frozen=True, slots=True)
class Frame:
    """Finished lines as something that rich can print; they are not measured or wrapped again."""

    lines: tuple[Text, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from line.render(console)
            yield Segment.line()

    @property
    def plain(self) -> str:
        """The text without its colours."""
        return "\n".join(line.plain.rstrip() for line in self.lines)


def draw(
    view: View, *, now_ms: int, width: int, height: int | None, glyphs: Glyphs, silent_s: float = 0.0, live: bool = True
) -> Frame:
    """The dashboard in `width` cells and at most `height` lines; None: as many as it takes.

    `now_ms` is milliseconds since 1970. `silent_s` is how long the bot has not answered, 0 when it does. Only a `live`
    frame tells how to leave.
    """
    sheet = Sheet(max(width, 1), now_ms, glyphs)
    if view.waits is not None:
        return _waiting(view.state or UNKNOWN, view.waits, sheet, live=live)
    airy = height is None or height >= HEIGHT_AIRY
    top = panels.header(view, sheet, causes_max=6 if airy else 4, silent_s=silent_s)
    footer = _footer(sheet) if live else None
    if width < WIDTH_BESIDE:
        blocks = _one_column(view, sheet)
    else:
        left = None if height is None else height - len(top) - (footer is not None) - airy
        blocks = _columns(view, sheet, left, airy=airy)
    lines = [*top, *_joined(blocks, airy=airy)]
    if height is None:
        return Frame(tuple([*lines, footer] if footer else lines))
    room = height - (footer is not None)
    if len(lines) > room:
        lines = [*lines[: max(room - 1, 0)], sheet.line(("more in a larger window", FAINT))]
    lines += [Text()] * (room - len(lines))
    return Frame(tuple([*lines, footer] if footer else lines)[:height])


def _waiting(state: str, waits: str, sheet: Sheet, *, live: bool) -> Frame:
    """What is shown of a bot that has not begun: it has no numbers, and says what it waits for."""
    lines = [sheet.line(("trading-bot  ", STRONG), (f" {state} ", panels.BADGES.get(state, "reverse")))]
    lines += [sheet.line((part, PLAIN)) for part in textwrap.wrap(waits, sheet.width)]
    return Frame(tuple([*lines, _footer(sheet)] if live else lines))


def draw_absence(
    why: str, last: View | None, *, now_ms: int, absent_s: float, width: int, glyphs: Glyphs, live: bool = True
) -> Frame:
    """What is shown while nobody answers: one clear line, what was seen last, and that it is tried again."""
    sheet = Sheet(max(width, 1), now_ms, glyphs)
    lines = [sheet.line(("trading-bot  ", STRONG), (" NO ANSWER ", panels.BADGES["HALTED"]), (f"  {why}", PLAIN))]
    if last is not None:
        seen = panels.clock_time(now_ms - round(absent_s * 1000))
        known = last.open_positions
        held = "an unknown number of open positions" if known is None else counted(known, "open position")
        told = f"It last answered at {seen} UTC: {last.state}, level {last.level}, {held}."
        lines.append(sheet.line((told, PLAIN)))
    if live:
        lines.append(sheet.line(("It is asked again every second; q leaves.", FAINT)))
    return Frame(tuple(lines))


def _footer(sheet: Sheet) -> Text:
    time = f"{panels.clock_time(sheet.now_ms)} UTC"
    return sheet.spread([("q", STRONG), (" leaves; the bot goes on", FAINT)], [(time, FAINT)])


def _one_column(view: View, sheet: Sheet) -> list[Panel]:
    return [
        panels.today_panel(view, sheet, brief=True),
        market.positions(view, sheet, None),
        panels.health(view, sheet, brief=True),
        market.momentum(view, sheet),
        market.recent(view, sheet),
        panels.levels(view, sheet),
    ]


def _columns(view: View, sheet: Sheet, height: int | None, *, airy: bool) -> list[Panel]:
    """Top row, positions, bottom row; `height` lines are theirs, None when there is no end.

    The shares do not depend on how much there is to show, so that nothing jumps while positions come and go.
    """
    upper = _upper(view, sheet, height, airy=airy)
    sheets = _widths(sheet, 2)
    lower = [market.momentum(view, sheets[0]), market.recent(view, sheets[1])]
    if height is None:
        return [upper, market.positions(view, sheet, None), _beside([panel[:LOWER_MAX] for panel in lower], sheets)]
    left = height - len(upper) - 2 * airy
    lower_height = min(max(left * 2 // 5, LOWER_MIN), LOWER_MAX)
    if left - lower_height < POSITIONS_MIN:
        return [upper, market.positions(view, sheet, left + airy)]
    middle = market.positions(view, sheet, left - lower_height)
    middle += [Text()] * (left - lower_height - len(middle))
    return [upper, middle, _beside([panel[:lower_height] for panel in lower], sheets)]


def _upper(view: View, sheet: Sheet, height: int | None, *, airy: bool) -> Panel:
    """The panels about the bot itself. The process and the levels come in where width or height allows."""
    if sheet.width < WIDTH_THREE:
        sheets = _widths(sheet, 2)
        tall = _upper_tall(view, sheets)
        if height is None or len(tall) + POSITIONS_MIN + LOWER_MIN + 4 <= height:
            return tall
        return _beside(
            [panels.today_panel(view, sheets[0], brief=not airy), panels.health(view, sheets[1], brief=True)], sheets
        )
    sheets = _widths(sheet, 3 if sheet.width < WIDTH_FOUR else 4)
    side_by_side = [
        panels.today_panel(view, sheets[0], brief=not airy),
        panels.health(view, sheets[1], brief=False),
        panels.process(view, sheets[2]),
    ]
    lines = max(len(panel) for panel in side_by_side)
    levels = panels.levels(view, sheets[-1])
    if len(sheets) > len(side_by_side):
        side_by_side.append(levels[:lines])
    elif airy:
        side_by_side[-1] += [Text(), *levels[: max(lines - len(side_by_side[-1]) - 1, 4)]]
    return _beside(side_by_side, sheets)


def _upper_tall(view: View, sheets: Sequence[Sheet]) -> Panel:
    left = [*panels.today_panel(view, sheets[0], brief=False), Text(), *panels.process(view, sheets[0])]
    right = [*panels.health(view, sheets[1], brief=False), Text(), *panels.levels(view, sheets[1])]
    return _beside([left, right[: len(left)]], sheets)


def _widths(sheet: Sheet, number: int) -> list[Sheet]:
    """The width shared out evenly; the last one takes what is left over."""
    each = (sheet.width - GAP * (number - 1)) // number
    last = sheet.width - (each + GAP) * (number - 1)
    return [sheet.narrowed(each)] * (number - 1) + [sheet.narrowed(last)]


def _beside(side_by_side: Sequence[Panel], sheets: Sequence[Sheet]) -> Panel:
    lines: Panel = []
    for number in range(max(len(panel) for panel in side_by_side)):
        line = Text(no_wrap=True, end="")
        for panel, sheet in zip(side_by_side, sheets, strict=True):
            part = panel[number] if number < len(panel) else Text()
            line.append_text(part)
            line.append(" " * (sheet.width - cell_len(part.plain) + GAP))
        line.rstrip()
        lines.append(line)
    return lines


def _joined(blocks: Sequence[Panel], *, airy: bool) -> Iterator[Text]:
    for block in blocks:
        if airy:
            yield Text()
        yield from block
