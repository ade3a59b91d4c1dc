"""The pictures of a report, as SVG: what each set made, how far it fell, how opinions held, and why it left."""

from __future__ import annotations

from collections.abc import Sequence

from bot.backtest.baselines import BUY_ALL, RANDOM
from bot.backtest.results import by_reason, calibration, equity
from bot.backtest.trades import Played
from bot.pictures.ink import BLUE, EDGE, FAINT, GREEN, GRID, HEIGHT, PANEL, RED, WIDTH, YELLOW, Sheet, fitting
from bot.pictures.scales import Scale, figure, moment_label, moments, result_scale, sol, ticks
from bot.trading.units import LAMPORTS_PER_SOL, counted

LEFT, RIGHT, TOP, BOTTOM = 150.0, WIDTH - EDGE, 190.0, HEIGHT - 110.0
COLORS = (GREEN, BLUE, YELLOW, "#c792ea", "#ffa657", "#7ee0e6", "#f78fb3", "#b5e853")
LINES_MAX = len(COLORS)
POINTS_MAX = 400
REASONS_MAX = 8


def equity_svg(played: Sequence[Played], start_ms: int, end_ms: int) -> str:
    """What each had made by then, in SOL, of trades that had ended; doing nothing is the line at zero."""
    shown = _shown(played)
    sheet = _titled("Result of trades that have ended, in SOL")
    curves = [[(start_ms, 0), *equity(one.trades)] for one in shown]
    _lines(sheet, [(one.name, curve) for one, curve in zip(shown, curves, strict=True)], start_ms, end_ms)
    return sheet.svg()


def drawdown_svg(played: Sequence[Played], start_ms: int, end_ms: int) -> str:
    """How far below its own height each was."""
    shown = _shown(played)
    sheet = _titled("Below the highest result so far, in SOL")
    _lines(sheet, [(one.name, _falls([(start_ms, 0), *equity(one.trades)])) for one in shown], start_ms, end_ms)
    return sheet.svg()


def _shown(played: Sequence[Played]) -> list[Played]:
    """Whoever has traded: the baselines, and as many sets as there are colours left."""
    traded = [one for one in played if one.trades]
    baselines = [one for one in traded if one.name in (BUY_ALL, RANDOM)]
    return [one for one in traded if one not in baselines][: LINES_MAX - len(baselines)] + baselines


def _falls(curve: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    height, found = 0, []
    for at_ms, total in curve:
        height = max(height, total)
        found.append((at_ms, total - height))
    return found


def calibration_svg(played: Played) -> str:
    """The share of trades with a gain by the confidence that they were bought with, and how many there were."""
    sheet = _titled(f"Share of trades with a gain, by confidence: {played.name}")
    bins = calibration(played.trades)
    if not bins:
        return _empty(sheet)
    scale = Scale(0.0, 1.0, BOTTOM, TOP)
    _grid(sheet, scale, lambda value: f"{value:.0%}")
    step = (RIGHT - LEFT) / len(bins)
    for number, one in enumerate(bins):
        share, x = one.won / one.trades, LEFT + number * step
        y = scale.place(share)
        sheet.box((x + step * 0.2, y), step * 0.6, BOTTOM - y, color=BLUE, radius=4)
        sheet.text((x + step / 2, y - 12), f"n {one.trades}", size=24, color=FAINT, anchor="middle")
        sheet.text((x + step / 2, BOTTOM + 38), f"{one.from_bps / 100:.0f} %", size=24, color=FAINT, anchor="middle")
    return sheet.svg()


def reasons_svg(played: Played) -> str:
    """What the trades that ended for each reason made together."""
    sheet = _titled(f"Exits by reason: {played.name}")
    lines = by_reason(played.trades)[:REASONS_MAX]
    if not lines:
        return _empty(sheet)
    most = max(abs(line.net_lamports) for line in lines) or 1
    middle, step = (LEFT + 200 + RIGHT) / 2, min((BOTTOM - TOP) / len(lines), 90.0)
    reach = (RIGHT - LEFT - 200) / 2 - 150
    for number, line in enumerate(lines):
        y = TOP + number * step
        width = reach * abs(line.net_lamports) / most
        color = GREEN if line.net_lamports > 0 else RED
        x = middle if line.net_lamports > 0 else middle - width
        sheet.text(
            (EDGE, y + step * 0.62), fitting(f"{line.reason}, {counted(line.trades, 'trade')}", 24, 330), size=24
        )
        sheet.box((x, y + step * 0.2), max(width, 2.0), step * 0.6, color=color, radius=4)
        place = (
            (middle + width + 12, y + step * 0.62) if line.net_lamports > 0 else (middle - width - 12, y + step * 0.62)
        )
        anchor = "start" if line.net_lamports > 0 else "end"
        sheet.text(place, sol(line.net_lamports, signed=True), size=24, color=FAINT, anchor=anchor)
    sheet.line((middle, TOP), (middle, TOP + len(lines) * step), color=FAINT)
    return sheet.svg()


def importance_svg(parts: Sequence[tuple[str, float]]) -> str:
    """How much each feature adds to what a model knows, the most first, as shares of all."""
    sheet = _titled("What the model looks at, by gain")
    shown = sorted(parts, key=lambda part: -part[1])[:12]
    total = sum(gain for _, gain in parts) or 1.0
    if not shown:
        return _empty(sheet)
    step = min((BOTTOM - TOP) / len(shown), 60.0)
    most = shown[0][1] or 1.0
    for number, (name, gain) in enumerate(shown):
        y = TOP + number * step
        sheet.text((EDGE, y + step * 0.65), fitting(name, 22, 330), size=22)
        sheet.box((LEFT + 240, y + step * 0.2), (RIGHT - LEFT - 340) * gain / most, step * 0.6, color=BLUE, radius=4)
        sheet.text((RIGHT, y + step * 0.65), f"{gain / total:.1%}", size=22, color=FAINT, anchor="end")
    return sheet.svg()


def _titled(title: str) -> Sheet:
    sheet = Sheet()
    sheet.text((EDGE, 70), fitting(title, 34, WIDTH - 2 * EDGE), size=34)
    sheet.box((LEFT, TOP), RIGHT - LEFT, BOTTOM - TOP, color=PANEL)
    return sheet


def _empty(sheet: Sheet) -> str:
    sheet.text(((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), "nothing was traded", size=34, anchor="middle")
    return sheet.svg()


def _grid(sheet: Sheet, scale: Scale, label: object) -> None:
    for value in ticks(scale, 6):
        y = scale.place(value)
        sheet.line((LEFT, y), (RIGHT, y), color=GRID)
        sheet.text((LEFT - 12, y + 9), label(value), size=24, color=FAINT, anchor="end")  # type: ignore[operator]


def _lines(sheet: Sheet, curves: Sequence[tuple[str, Sequence[tuple[int, int]]]], start_ms: int, end_ms: int) -> None:
    if not curves:
        sheet.text(((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), "nothing was traded", size=34, anchor="middle")
        return
    last_ms = max(end_ms, *(curve[-1][0] for _, curve in curves))
    scale = result_scale([total for _, curve in curves for _, total in curve], BOTTOM, TOP)
    along = Scale(start_ms, max(last_ms, start_ms + 1), LEFT, RIGHT)
    _grid(sheet, scale, lambda value: figure(value / LAMPORTS_PER_SOL))
    for at_ms in moments(start_ms, last_ms, 7):
        label = moment_label(at_ms, "UTC", last_ms - start_ms)
        sheet.text((along.place(at_ms), BOTTOM + 38), label, size=24, color=FAINT, anchor="middle")
    zero = scale.place(0)
    sheet.line((LEFT, zero), (RIGHT, zero), color=FAINT, dashes="8 8")
    x = float(EDGE)
    for (name, curve), color in zip(curves, COLORS, strict=False):
        thin = max(1, len(curve) // POINTS_MAX)
        kept = [*curve[::thin], curve[-1]]
        sheet.curve([(along.place(at_ms), scale.place(total)) for at_ms, total in kept], color=color, width=3)
        shown = fitting(name, 24, 190)
        sheet.text((x, 130), shown, size=24, color=color)
        x += min(24 * 0.66 * len(shown) + 30, 240)
