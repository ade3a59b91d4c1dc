"""What operators hear of the program's hours, days and weeks: what is unlike the last days, and what each span came to."""

from __future__ import annotations

from collections.abc import Sequence

from bot.analysis.unusual import Unit, Unusual, Watched
from bot.clock import Span, SpanUnit
from bot.execution.alerts import Alert, Turn
from bot.execution.hours import outcomes_of
from bot.ports import ModeSums
from bot.trading.runbooks import REPORTS, UNUSUAL
from bot.trading.units import counted, format_sol


def unlike_before(name: str, watched: Watched, found: Unusual) -> Alert:
    """An hour is unlike the hours of the last seven days."""
    text = f"Unusual ({name}): {watched.words}: {beside_usual(watched.unit, found)}. Nothing is paused by it."
    return Alert(f"unusual {name}", text, UNUSUAL, Turn.BEGINS)


def like_before(name: str, watched: Watched) -> Alert:
    """It is as it was."""
    return Alert(f"unusual {name}", f"As usual again ({name}): {watched.words}.", UNUSUAL, Turn.ENDS)


def beside_usual(unit: Unit, found: Unusual) -> str:
    """A value and what is usual, in words."""
    return (
        f"{_value(unit, found.value)} in this hour, of {found.count}, where {_value(unit, found.usual)} is usual over"
        f" {found.hours} hours of the last 7 days"
    )


def _value(unit: Unit, value: float) -> str:
    if unit is Unit.SHARE:
        return f"{value * 100:.1f} %"
    return f"{format_sol(round(value))} SOL" if unit is Unit.LAMPORTS else f"{value / 1000:.1f} s"


def span_report(unit: SpanUnit, span: Span, modes: Sequence[ModeSums], users: int) -> Alert:
    """What a day or a week (UTC) came to for all users together, each mode by itself; nobody is woken by it."""
    told = [_mode(sums) for sums in modes if outcomes_of(sums) or sums.open_positions]
    what = ". ".join(told) if told else "Nothing was traded and nothing is held"
    text = f"The {unit.value} from {span.first_day} (UTC), {counted(users, 'user')}. {what}."
    return Alert(f"report {unit.value} {span.first_day}", text, REPORTS, is_news=True)


def _mode(sums: ModeSums) -> str:
    return (
        f"{sums.mode.value}: result {format_sol(sums.realized_lamports, signed=True)} SOL with fees of"
        f" {format_sol(sums.fees_lamports)} SOL; {counted(sums.buys, 'buy')}, {counted(sums.sells, 'sale')},"
        f" {counted(sums.failed, 'order')} without a trade; {sums.won} closed with a gain, {sums.lost} without;"
        f" {counted(sums.open_positions, 'position')} open now"
    )
