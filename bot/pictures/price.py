"""A token's price over time, with what is not known of it left open, and the reader's own trades on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bot.clock import minute_of
from bot.pictures.ink import (
    BLUE,
    BRIGHT,
    EDGE,
    FAINT,
    GREEN,
    GRID,
    HEIGHT,
    RED,
    UNKNOWN,
    WIDTH,
    Place,
    Sheet,
    fitting,
    mode_color,
)
from bot.pictures.plain import Dot, Mark, PricePicture
from bot.pictures.scales import Scale, figure, moment_label, moments, price_scale, ticks
from bot.trading.one_line import one_line
from bot.trading.units import counted

LEFT, RIGHT, TOP, BOTTOM = 170.0, WIDTH - EDGE, 236.0, HEIGHT - 150.0
GAP_NAMED = 172.0  # pixels that the words in a gap take
MARKS_MAX = 200


def price_svg(picture: PricePicture) -> str:
    """The drawing. Dots and marks may come in any order and number; those without a price are left out."""
    dots = sorted((dot for dot in picture.dots if _has_price(dot)), key=lambda dot: dot.at_ms)
    dots = [dot for dot in dots if picture.start_ms <= dot.at_ms <= picture.end_ms]
    marks = [one for one in picture.marks if _has_price(one) and picture.start_ms <= one.at_ms <= picture.end_ms]
    marks = sorted(marks, key=lambda one: one.at_ms)[-MARKS_MAX:]
    sheet = Sheet()
    _head(sheet, picture, dots)
    sheet.box((LEFT, TOP), RIGHT - LEFT, BOTTOM - TOP, color=UNKNOWN)
    times = Scale(picture.start_ms, max(picture.end_ms, picture.start_ms + 1), LEFT, RIGHT)
    known = [_price(dot) for dot in dots] + [_price(mark) for mark in marks]
    prices = price_scale(known or [1.0], BOTTOM, TOP)
    runs = list(_runs(dots, picture.gap_ms))
    _known(sheet, runs, times, picture.gap_ms)
    _grid(sheet, picture, times, prices, is_priced=bool(dots or marks))
    for run in runs:
        sheet.curve(list(_thinned([(times.place(dot.at_ms), prices.place(_price(dot))) for dot in run])), color=BLUE)
    for mark in marks:
        _mark(sheet, mark, (times.place(mark.at_ms), prices.place(_price(mark))))
    _foot(sheet, picture, marks, is_empty=not dots)
    return sheet.svg()


def _has_price(one: Dot | Mark) -> bool:
    return one.quote_lamports > 0 and one.token_raw > 0


def _price(one: Dot | Mark) -> float:
    """SOL for a million tokens."""
    return one.quote_lamports / one.token_raw * 1000


def _runs(dots: Sequence[Dot], gap_ms: int) -> Iterator[list[Dot]]:
    """The dots, divided where a gap is between two of them."""
    run: list[Dot] = []
    for dot in dots:
        if run and dot.at_ms - run[-1].at_ms > gap_ms:
            yield run
            run = []
        run.append(dot)
    if run:
        yield run


def _thinned(places: Sequence[Place]) -> Iterator[Place]:
    """At most four places for each column of pixels, in their order: the first, the lowest, the highest and the last."""
    for _, column in groupby(places, key=lambda place: int(place[0])):
        inside = list(column)
        kept = {0, len(inside) - 1}
        kept |= {
            min(range(len(inside)), key=lambda at: inside[at][1]),
            max(range(len(inside)), key=lambda at: inside[at][1]),
        }
        yield from (inside[at] for at in sorted(kept))


def _head(sheet: Sheet, picture: PricePicture, dots: Sequence[Dot]) -> None:
    name, symbol = one_line(picture.name), one_line(picture.symbol)
    sheet.text((EDGE, 82), fitting(symbol or name or "a token", 50, 620), size=50, bold=True)
    under = f"{picture.mint[:6]}…{picture.mint[-4:]}"
    sheet.text((EDGE, 124), under, size=28, color=FAINT)
    if name and symbol:
        sheet.text((EDGE + 236, 124), fitting(name, 28, 390), size=28, color=FAINT)
    sheet.label((RIGHT, 40), picture.mode, color=mode_color(picture.mode))
    if not dots:
        return
    sheet.text((RIGHT, 142), f"{figure(_price(dots[-1]))} SOL", size=42, anchor="end", bold=True)
    first, last = _price(dots[0]), _price(dots[-1])
    change = (last / first - 1) * 100
    if len(dots) > 1:
        color = GREEN if change > 0 else RED if change < 0 else FAINT
        shown = f"{'+' if change > 0 else ''}{change:,.1f} %" if abs(change) < 1e6 else f"{change:+.1e} %"
        is_old = picture.end_ms - dots[-1].at_ms > picture.gap_ms
        when = f"until {_minute(picture, dots[-1])}" if is_old else f"since {_minute(picture, dots[0])}"
        sheet.text((RIGHT, 192), f"{shown} {when}", size=30, color=color, anchor="end")
    sheet.text((EDGE, 192), "SOL for a million tokens", size=28, color=FAINT)


def _minute(picture: PricePicture, dot: Dot) -> str:
    """Month, day and minute."""
    return minute_of(dot.at_ms, picture.zone)[5:]


def _known(sheet: Sheet, runs: Sequence[Sequence[Dot]], times: Scale, gap_ms: int) -> None:
    """What is known is dark, what is not is pale and says so where there is room."""
    edge = LEFT
    for run in runs:
        start = times.place(run[0].at_ms - gap_ms / 2)
        _unknown(sheet, edge, start)
        edge = times.place(run[-1].at_ms + gap_ms / 2)
        sheet.box((start, TOP), edge - start, BOTTOM - TOP, color="#121a28")
    if runs:
        _unknown(sheet, edge, RIGHT)


def _unknown(sheet: Sheet, start: float, end: float) -> None:
    if end - start >= GAP_NAMED:
        sheet.text(((start + end) / 2, BOTTOM - 24), "not recorded", size=26, color=FAINT, anchor="middle")


def _grid(sheet: Sheet, picture: PricePicture, times: Scale, prices: Scale, *, is_priced: bool) -> None:
    for value in ticks(prices, 5) if is_priced else ():
        y = prices.place(value)
        sheet.line((LEFT, y), (RIGHT, y), color=GRID)
        sheet.text((LEFT - 14, y + 10), figure(value), size=28, color=FAINT, anchor="end")
    span_ms = picture.end_ms - picture.start_ms
    for at_ms in moments(picture.start_ms, picture.end_ms, 6):
        x = times.place(at_ms)
        sheet.line((x, TOP), (x, BOTTOM), color=GRID, dashes="2 8")
        sheet.text((x, BOTTOM + 40), moment_label(at_ms, picture.zone, span_ms), size=28, color=FAINT, anchor="middle")
    sheet.line((LEFT, BOTTOM), (RIGHT, BOTTOM), color=FAINT)


def _mark(sheet: Sheet, mark: Mark, place: Place) -> None:
    """A buy points up from below its price, a sale down from above it; their colours differ too."""
    x, y = place
    way = 1 if mark.is_buy else -1
    tail = y + way * 30
    sheet.shape([(x, y + way * 4), (x - 17, tail), (x + 17, tail)], color=GREEN if mark.is_buy else RED, outline=BRIGHT)


def _foot(sheet: Sheet, picture: PricePicture, marks: Sequence[Mark], *, is_empty: bool) -> None:
    if is_empty:
        sheet.text(((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), "no price was recorded", size=34, anchor="middle")
    buys = sum(mark.is_buy for mark in marks)
    own = f"your trades: ▲ {counted(buys, 'buy')}, ▼ {counted(len(marks) - buys, 'sale')}"
    own = own if marks else "no trades of yours in this time"
    sheet.text((EDGE, HEIGHT - 62), f"{own} ({picture.mode})", size=28)
    until = minute_of(picture.end_ms, picture.zone)
    told = f"As this bot saw it; it promises nothing. Until {until} {picture.zone}."
    sheet.text((EDGE, HEIGHT - 24), fitting(told, 24, WIDTH - 2 * EDGE), size=24, color=FAINT)
