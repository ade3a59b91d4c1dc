"""What the bot thinks of a token: its price as candles, and below them what the opinion is made of."""

from __future__ import annotations

from bot.clock import minute_of
from bot.pictures.ink import (
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    GRID,
    HEIGHT,
    PANEL,
    RED,
    UNKNOWN,
    WIDTH,
    Sheet,
    fitting,
    mode_color,
)
from bot.pictures.plain import OpinionPicture, Part, Stick
from bot.pictures.scales import Scale, figure, moment_label, moments, price_scale, ticks
from bot.trading.one_line import one_line

LEFT, RIGHT, TOP, BOTTOM = 170.0, WIDTH - EDGE, 212.0, 500.0
STICKS_MAX = 120
PARTS_MAX = 6
PRICE_LEAST, PRICE_MOST = 1e-12, 1e15  # SOL for a million tokens; what is outside of them is no price
PARTS_TOP, PART_HEIGHT = 566.0, 32.0
NAMES_WIDTH, NUMBERS_WIDTH = 300.0, 130.0
COLORS = {"buy": GREEN, "sell": RED}


def opinion_svg(picture: OpinionPicture) -> str:
    """The drawing. Sticks may come in any order and number; those whose prices cannot be are left out."""
    sticks = sorted((one for one in picture.sticks if _can_be(one)), key=lambda one: one.at_ms)[-STICKS_MAX:]
    sheet = Sheet()
    _head(sheet, picture)
    sheet.box((LEFT, TOP), RIGHT - LEFT, BOTTOM - TOP, color=UNKNOWN)
    if sticks:
        _candles(sheet, picture, sticks)
    else:
        middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
        sheet.text(middle, "no price was recorded", size=34, anchor="middle")
    for number, part in enumerate(picture.parts[:PARTS_MAX]):
        _part(sheet, part, PARTS_TOP + number * PART_HEIGHT)
    until = minute_of(picture.end_ms, picture.zone)
    told = f"An opinion is no advice and promises nothing. Until {until} {picture.zone}."
    sheet.text((EDGE, HEIGHT - 24), fitting(told, 24, WIDTH - 2 * EDGE), size=24, color=FAINT)
    return sheet.svg()


def _can_be(one: Stick) -> bool:
    return (
        PRICE_LEAST <= one.lowest <= min(one.first, one.last) and max(one.first, one.last) <= one.highest <= PRICE_MOST
    )


def _head(sheet: Sheet, picture: OpinionPicture) -> None:
    name = one_line(picture.symbol) or one_line(picture.name) or "a token"
    sheet.text((EDGE, 82), fitting(name, 50, 560), size=50, bold=True)
    sheet.text((EDGE, 124), f"{picture.mint[:6]}…{picture.mint[-4:]}", size=28, color=FAINT)
    sheet.label((RIGHT, 40), picture.mode, color=mode_color(picture.mode))
    if picture.verdict:
        said = f"{picture.verdict.upper()} {picture.confidence_bps / 100:.0f} %"
        sheet.text((RIGHT, 146), said, size=46, color=COLORS.get(picture.verdict, FAINT), anchor="end", bold=True)
        sheet.text((RIGHT, 190), fitting(f"by {picture.version}", 26, 420), size=26, color=FAINT, anchor="end")
    else:
        sheet.text((RIGHT, 146), "no opinion", size=46, color=FAINT, anchor="end", bold=True)
    sheet.text((EDGE, 190), "SOL for a million tokens", size=28, color=FAINT)


def _candles(sheet: Sheet, picture: OpinionPicture, sticks: list[Stick]) -> None:
    start_ms, end_ms = picture.start_ms, max(picture.end_ms, picture.start_ms + 1)
    times = Scale(start_ms, end_ms, LEFT, RIGHT)
    prices = price_scale([one.lowest for one in sticks] + [one.highest for one in sticks], BOTTOM, TOP)
    for value in ticks(prices, 4):
        y = prices.place(value)
        sheet.line((LEFT, y), (RIGHT, y), color=GRID)
        sheet.text((LEFT - 14, y + 10), figure(value), size=26, color=FAINT, anchor="end")
    for at_ms in moments(start_ms, end_ms, 6):
        label = moment_label(at_ms, picture.zone, end_ms - start_ms)
        sheet.text((times.place(at_ms), BOTTOM + 34), label, size=26, color=FAINT, anchor="middle")
    width = max((RIGHT - LEFT) * picture.step_ms / (end_ms - start_ms) * 0.7, 3.0)
    for one in sticks:
        x = times.place(one.at_ms + picture.step_ms / 2)
        color = GREEN if one.last >= one.first else RED
        sheet.line((x, prices.place(one.lowest)), (x, prices.place(one.highest)), color=color)
        upper, lower = prices.place(max(one.first, one.last)), prices.place(min(one.first, one.last))
        sheet.box((x - width / 2, upper), width, max(lower - upper, 2.0), color=color)


def _part(sheet: Sheet, part: Part, y: float) -> None:
    """A bar from nothing to the most that there could be; what is not known says so and has none."""
    left, right = EDGE + NAMES_WIDTH, RIGHT - NUMBERS_WIDTH
    sheet.text((EDGE, y + 22), fitting(part.name, 26, NAMES_WIDTH - 20), size=26)
    sheet.box((left, y + 2), right - left, PART_HEIGHT - 10, color=PANEL, radius=6)
    known = part.points is not None and part.most > 0
    if part.points is not None and known:
        share = min(max(part.points / part.most, 0.0), 1.0)
        sheet.box((left, y + 2), (right - left) * share, PART_HEIGHT - 10, color=BLUE, radius=6)
    shown = f"{part.points:.0f} of {part.most:.0f}" if part.points is not None and known else "unknown"
    sheet.text((RIGHT, y + 22), shown, size=24, color=FAINT, anchor="end")
