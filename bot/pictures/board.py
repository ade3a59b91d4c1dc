"""A ranking: who, how good by points, what it came to, and how many gains and losses that was."""

from __future__ import annotations

from bot.pictures.ink import (
    BLUE,
    EDGE,
    FAINT,
    GRID,
    HEIGHT,
    PANEL,
    WIDTH,
    YELLOW,
    Sheet,
    fitting,
    mode_color,
    result_color,
)
from bot.pictures.plain import BoardPicture, BoardRow
from bot.pictures.scales import sol
from bot.trading.tiers import POINTS_MAX

RIGHT, TOP, STEP = WIDTH - EDGE, 172.0, 58.0
ROWS_MAX = 10
NAME, BAR, BAR_WIDTH, RESULT, COUNT = 96.0, 410.0, 130.0, 765.0, RIGHT


def board_svg(picture: BoardPicture) -> str:
    """The drawing, with the first rows."""
    sheet = Sheet()
    sheet.text((EDGE, 84), fitting(picture.title, 48, 700), size=48, bold=True)
    sheet.label((RIGHT, 40), picture.mode, color=mode_color(picture.mode))
    sheet.text((EDGE, 134), fitting(picture.period, 28, RIGHT - EDGE), size=28, color=FAINT)
    if not picture.rows:
        sheet.text((WIDTH / 2, HEIGHT / 2), "nobody is ranked yet", size=34, anchor="middle")
    for place, row in enumerate(picture.rows[:ROWS_MAX]):
        _row(sheet, place, row)
    told = "Gains and losses together; it promises nothing."
    sheet.text((EDGE, HEIGHT - 24), told, size=24, color=FAINT)
    return sheet.svg()


def _row(sheet: Sheet, place: int, row: BoardRow) -> None:
    top = TOP + place * STEP
    base = top + 37
    if place % 2 == 0:
        sheet.box((EDGE - 12, top), RIGHT - EDGE + 24, STEP - 4, color=PANEL, radius=8)
    sheet.text((EDGE, base), f"{place + 1}", size=28, color=FAINT)
    sheet.text((NAME, base), fitting(row.name, 24, BAR - NAME - 8), size=24, bold=True)
    sheet.box((BAR, top + 17), BAR_WIDTH, 20, color=GRID, radius=10)
    if row.points is not None:
        width = BAR_WIDTH * min(max(row.points, 0), POINTS_MAX) / POINTS_MAX
        sheet.box((BAR, top + 17), width, 20, color=YELLOW if row.points >= 75 else BLUE, radius=10)
    shown = "not rated" if row.points is None else f"{row.points} {row.badge}".strip()
    sheet.text((BAR, top + 14), fitting(shown, 16, BAR_WIDTH), size=16, color=FAINT)
    result = f"{sol(row.realized_lamports, signed=True)} SOL"
    sheet.text(
        (RESULT, base),
        fitting(result, 24, RESULT - BAR - BAR_WIDTH - 12),
        size=24,
        color=result_color(row.realized_lamports),
        anchor="end",
    )
    count = f"{row.won} won, {row.lost} lost"
    sheet.text((COUNT, base), fitting(count, 24, COUNT - RESULT - 12), size=24, color=FAINT, anchor="end")
