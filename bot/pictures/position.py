"""One closed position as a card that can be shown to others: no address of a wallet, and the mode in large letters."""

from __future__ import annotations

from bot.clock import minute_of
from bot.pictures.ink import EDGE, FAINT, HEIGHT, PANEL, WIDTH, Sheet, fitting, mode_color, result_color
from bot.pictures.plain import PositionPicture
from bot.pictures.scales import sol
from bot.trading.one_line import one_line
from bot.trading.units import counted, span

RIGHT = WIDTH - EDGE
INSIDE = EDGE + 32
PLAY = "Play money. "


def position_svg(picture: PositionPicture) -> str:
    """The drawing."""
    sheet = Sheet()
    name, symbol = one_line(picture.name), one_line(picture.symbol)
    sheet.text((EDGE, 90), fitting(symbol or name or "a token", 56, 640), size=56, bold=True)
    under = f"{picture.mint[:6]}…{picture.mint[-4:]}"
    sheet.text((EDGE, 138), under, size=28, color=FAINT)
    if name and symbol:
        sheet.text((EDGE + 236, 138), fitting(name, 28, RIGHT - EDGE - 236), size=28, color=FAINT)
    sheet.label((RIGHT, 44), picture.mode, color=mode_color(picture.mode))
    color = result_color(picture.realized_lamports)
    sheet.box((EDGE, 178), RIGHT - EDGE, 250, color=PANEL, radius=24)
    result = f"{sol(picture.realized_lamports, signed=True)} SOL"
    sheet.text((INSIDE, 286), fitting(result, 92, RIGHT - INSIDE - 20), size=92, color=color, bold=True)
    sheet.text((INSIDE, 382), fitting(_share(picture), 44, RIGHT - INSIDE - 20), size=44, color=color)
    held_s = (picture.closed_at_ms - picture.opened_at_ms) / 1000
    lines = (
        ("cost, fees included", f"{sol(picture.cost_lamports)} SOL"),
        ("came back, less fees", f"{sol(picture.cost_lamports + picture.realized_lamports)} SOL"),
        ("held for", span(max(held_s, 0))),
        ("trades", f"{counted(picture.buys, 'buy')}, {counted(picture.sales, 'sale')}"),
        ("ended by", one_line(picture.reason)),
        ("closed", f"{minute_of(picture.closed_at_ms, picture.zone)} {picture.zone}"),
    )
    for number, (what, value) in enumerate(lines):
        y = 484 + number * 46
        sheet.text((INSIDE, y), what, size=30, color=FAINT)
        sheet.text((RIGHT - 32, y), fitting(value, 30, 640), size=30, anchor="end")
    told = f"{'' if picture.mode == 'live' else PLAY}One position of many; it promises nothing."
    sheet.text((EDGE, HEIGHT - 28), fitting(told, 24, RIGHT - EDGE), size=24, color=FAINT)
    return sheet.svg()


def _share(picture: PositionPicture) -> str:
    """The result as a share of the cost, in whole hundredths of a percent, cut and not rounded."""
    if picture.cost_lamports <= 0:
        return "of tokens that cost nothing"
    bps = abs(picture.realized_lamports) * 10_000 // picture.cost_lamports
    sign = "-" if picture.realized_lamports < 0 else "+" if picture.realized_lamports > 0 else ""
    return f"{sign}{bps // 100:,}.{bps % 100:02} % of its cost"
