"""What somebody made and lost, a bar for each span of time, with losses, count and fees beside the sum."""

from __future__ import annotations

from bot.pictures.ink import (
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    GRID,
    HEIGHT,
    PANEL,
    RED,
    WIDTH,
    Sheet,
    fitting,
    mode_color,
    result_color,
)
from bot.pictures.plain import ProfitPicture
from bot.pictures.scales import figure, result_scale, sol, ticks
from bot.trading.units import LAMPORTS_PER_SOL, counted

LEFT, RIGHT, TOP, BOTTOM = 150.0, WIDTH - EDGE, 300.0, HEIGHT - 130.0
BARS_MAX = 31
NAMES_SHOWN = 7


def profit_svg(picture: ProfitPicture) -> str:
    """The drawing; of more bars than fit the latest."""
    bars = picture.bars[-BARS_MAX:]
    sheet = Sheet()
    total = sum(bar.realized_lamports for bar in bars)
    gains = sum(bar.realized_lamports for bar in bars if bar.realized_lamports > 0)
    losses = total - gains
    sheet.text((EDGE, 76), f"Result, {picture.period}", size=34, color=FAINT)
    sheet.label((RIGHT, 40), picture.mode, color=mode_color(picture.mode))
    shown = f"{sol(total, signed=True)} SOL"
    sheet.text((EDGE, 156), fitting(shown, 68, RIGHT - EDGE), size=68, color=result_color(total), bold=True)
    spans = f"spans with a gain {sol(gains, signed=True)}, with a loss {sol(losses, signed=True)} SOL"
    sheet.text((EDGE, 208), fitting(spans, 30, RIGHT - EDGE), size=30)
    failed = f", {picture.failed} failed" if picture.failed else ""
    trades = f"{counted(picture.buys, 'buy')}, {counted(picture.sells, 'sale')}{failed}"
    count = f"{trades}; fees {sol(picture.fees_lamports)} SOL"
    sheet.text((EDGE, 254), fitting(count, 28, RIGHT - EDGE), size=28, color=FAINT)
    _bars(sheet, picture, bars_max=len(bars))
    told = f"It promises nothing. What is still held is not in it. Days of {picture.zone}."
    sheet.text((EDGE, HEIGHT - 28), fitting(told, 24, RIGHT - EDGE), size=24, color=FAINT)
    return sheet.svg()


def _bars(sheet: Sheet, picture: ProfitPicture, bars_max: int) -> None:
    bars = picture.bars[-BARS_MAX:]
    sheet.box((LEFT, TOP), RIGHT - LEFT, BOTTOM - TOP, color=PANEL)
    if not any(bar.trades or bar.realized_lamports for bar in bars):
        middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
        sheet.text(middle, "nothing was traded in this time", size=34, anchor="middle")
        return
    scale = result_scale([bar.realized_lamports for bar in bars], BOTTOM, TOP)
    for value in ticks(scale, 5):
        y = scale.place(value)
        sheet.line((LEFT, y), (RIGHT, y), color=GRID)
        sheet.text((LEFT - 12, y + 10), figure(value / LAMPORTS_PER_SOL), size=26, color=FAINT, anchor="end")
    zero, step = scale.place(0), (RIGHT - LEFT) / bars_max
    every = -(-len(bars) // NAMES_SHOWN)
    for number, bar in enumerate(bars):
        x, y = LEFT + number * step, scale.place(bar.realized_lamports)
        width, height = step * 0.7, max(abs(y - zero), 3.0 if bar.trades else 0.0)
        color = GREEN if bar.realized_lamports > 0 else RED if bar.realized_lamports < 0 else BLUE
        sheet.box((x + step * 0.15, min(y, zero)), width, height, color=color, radius=4)
        if (len(bars) - 1 - number) % every == 0:
            sheet.text((x + step / 2, BOTTOM + 38), fitting(bar.name, 26, 150), size=26, color=FAINT, anchor="middle")
    sheet.line((LEFT, zero), (RIGHT, zero), color=FAINT)
