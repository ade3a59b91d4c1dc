"""Followed wallets by their score: a bar for each, and beside it what its rounds came to, losses as plainly as gains."""

from __future__ import annotations

from bot.pictures.ink import (
    BLUE,
    EDGE,
    FAINT,
    HEIGHT,
    PANEL,
    WIDTH,
    YELLOW,
    Sheet,
    fitting,
    result_color,
)
from bot.pictures.plain import RankingPicture
from bot.pictures.scales import sol
from bot.trading.units import counted

TOP, BOTTOM, RIGHT = 150.0, HEIGHT - 80.0, WIDTH - EDGE
ROWS_MAX = 8
NAME_WIDTH, BAR_LEFT, BAR_WIDTH, RESULT_LEFT = 300.0, EDGE + 320.0, 330.0, EDGE + 680.0
SCORE_MOST = 100


def ranking_svg(picture: RankingPicture) -> str:
    """The drawing; of more wallets than fit the best."""
    sheet = Sheet()
    sheet.text((EDGE, 76), fitting(picture.title, 34, RIGHT - EDGE - 320), size=34, color=FAINT)
    sheet.label((RIGHT, 40), picture.mode, color=BLUE)
    rows = picture.rows[:ROWS_MAX]
    if not rows:
        sheet.text((WIDTH / 2, (TOP + BOTTOM) / 2), "none has traded yet", size=34, anchor="middle")
    height = (BOTTOM - TOP) / ROWS_MAX
    for number, row in enumerate(rows):
        y = TOP + number * height
        middle = y + height / 2 + 10
        points = min(max(row.points, 0), SCORE_MOST)
        sheet.text((EDGE, middle), fitting(f"{number + 1}. {row.name}", 28, NAME_WIDTH), size=28)
        sheet.box((BAR_LEFT, y + 14), BAR_WIDTH, height - 28, color=PANEL, radius=8)
        sheet.box((BAR_LEFT, y + 14), BAR_WIDTH * points / SCORE_MOST, height - 28, color=YELLOW, radius=8)
        sheet.text((BAR_LEFT + BAR_WIDTH - 14, middle), str(row.points), size=30, anchor="end", bold=True)
        result = f"{sol(row.realized_lamports, signed=True)} SOL"
        color = result_color(row.realized_lamports)
        sheet.text((RESULT_LEFT, middle - 14), fitting(result, 28, RIGHT - RESULT_LEFT), size=28, color=color)
        rounds = f"{row.won} of {counted(row.rounds, 'round')} won"
        sheet.text((RESULT_LEFT, middle + 18), fitting(rounds, 22, RIGHT - RESULT_LEFT), size=22, color=FAINT)
    told = "It says what was, as far as this bot saw it, and promises nothing. Results with 1.25 % a side."
    sheet.text((EDGE, HEIGHT - 28), fitting(told, 24, RIGHT - EDGE), size=24, color=FAINT)
    return sheet.svg()
