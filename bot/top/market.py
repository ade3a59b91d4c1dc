"""The panels about what is held and what moves: positions, momentum and the latest events. From record to lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from bot.top.ink import (
    ALARM,
    FAINT,
    NOTHING,
    PLAIN,
    STRONG,
    Column,
    Part,
    Sheet,
    amount_style,
    table_heading,
    table_row,
)
from bot.top.panels import STALE_S, Panel, when
from bot.top.record import Event, OpenPosition, Token, View
from bot.top.words import UNKNOWN, age, brief_age, change_bps, clip, count, counted, percent, short_mint, sol

WIDE = 110  # cells from which a position shows its mint, its price's age and who watches it
WIDEST = 140  # cells from which it shows its exit plan too

ACTIONS = {
    "strong_buy": ("STRONG BUY", "bold green"),
    "buy": ("BUY", "green"),
    "neutral": ("neutral", PLAIN),
    "sell": ("SELL", "red"),
}

WATCHES = {"live": ("monitor", PLAIN), "fallback": ("fallback", STRONG), "none": ("nobody", ALARM)}

EVENT_WORDS = {
    "order_failed": "failed",
    "order_expired": "expired",
    "rolled_back": "taken back",
    "landed_after_all": "landed late",
    "adjustment": "adjusted",
}


def token_name(symbol: str | None, mint: str | None, *, both: bool) -> str:
    """What a token is called: its symbol, which anybody can choose, and where there is room the mint, which is unique."""
    short = short_mint(mint) if mint else None
    if both and symbol and short:
        return f"{symbol} {short}"
    return symbol or short or UNKNOWN


def positions(view: View, sheet: Sheet, height: int | None) -> Panel:
    """Open positions, oldest first, each with its mode, and their sums by mode.

    In `height` lines the rows that have no room are counted, with what they win or lose, never dropped in silence.
    """
    lines = [sheet.title("Open positions", _positions_extra(view))]
    if view.positions is None:
        words = (
            "each position's value is not known"
            if view.open_positions
            else "none"
            if view.open_positions == 0
            else UNKNOWN
        )
        return [*lines, sheet.line((words, PLAIN))]
    if not view.positions:
        return [*lines, sheet.line(("none", PLAIN))]
    columns = _position_columns(sheet.width)
    lines.append(table_heading(sheet, columns))
    sums = [_sum_line(one, sheet, columns) for one in _sums(view.positions)]
    room = len(view.positions) if height is None else max(height - len(lines) - len(sums), 1)
    shown = view.positions if len(view.positions) <= room else view.positions[: max(room - 1, 1)]
    lines += [_position_row(position, sheet, columns) for position in shown]
    if len(shown) < len(view.positions):
        lines.append(_hidden_line(view.positions[len(shown) :], sheet))
    return [*lines, *sums]


def _positions_extra(view: View) -> str:
    """How many, and what makes the list less than certain."""
    parts = [UNKNOWN if view.open_positions is None else count(view.open_positions)]
    rows = view.positions or ()
    valueless = sum(row.cost_lamports is None or row.value_lamports is None for row in rows)
    stale = sum(row.price_age_s is not None and row.price_age_s > STALE_S for row in rows)
    if view.open_positions is not None and view.positions is not None and len(rows) < view.open_positions:
        parts.append(f"{count(len(rows))} of them listed")
    if view.unknown_orders:
        parts.append(f"{counted(view.unknown_orders, 'order')} not proven")
    if valueless:
        parts.append(f"{counted(valueless, 'value')} not known")
    if stale:
        parts.append(f"{counted(stale, 'price')} older than {STALE_S:.0f} s")
    return ", ".join(parts)


def _position_columns(width: int) -> list[Column]:
    """What has room. A narrow screen leaves out who holds it and what it cost, but never mode, value and result."""
    wide = width >= WIDE
    columns = [Column("token", "token", 21 if wide else 10), Column("mode", "mode", 7)]
    if width >= 76:
        columns += [Column("user", "user", 12 if width >= WIDEST else 9), Column("cost", "cost SOL", 10, number=True)]
    columns += [
        Column("value", "value SOL", 10, number=True),
        Column("result", "result", 10, number=True),
        Column("change", "", 9, number=True),
    ]
    if width >= 60:
        columns.append(Column("held", "held", 7, number=True))
    if wide:
        columns += [Column("price age", "price age", 9, number=True), Column("watch", "watch", 8)]
    if width >= WIDEST:
        columns.append(Column("plan", "leaves at", 20))
    return columns


def _position_row(position: OpenPosition, sheet: Sheet, columns: Sequence[Column]) -> Text:
    cost, value, age_s = position.cost_lamports, position.value_lamports, position.price_age_s
    result = None if cost is None or value is None else value - cost
    change = None if cost is None or value is None else change_bps(cost, value)
    stale = age_s is not None and age_s > STALE_S
    watch = WATCHES.get(position.monitor or "", (position.monitor or UNKNOWN, ALARM))
    cells: dict[str, Part] = {
        "token": (token_name(position.symbol, position.mint, both=sheet.width >= WIDE), STRONG),
        "mode": (position.mode or UNKNOWN, PLAIN),
        "user": (position.user or UNKNOWN, PLAIN),
        "cost": (UNKNOWN if cost is None else sol(cost), PLAIN),
        "value": (UNKNOWN if value is None else sol(value), PLAIN),
        "result": (UNKNOWN if result is None else sol(result, signed=True), amount_style(result)),
        "change": ("" if change is None else percent(change, signed=True), amount_style(change)),
        "held": ("?" if position.opened_at is None else sheet.since(position.opened_at), PLAIN),
        "price age": (UNKNOWN if age_s is None else brief_age(age_s), ALARM if stale else PLAIN),
        "watch": watch,
        "plan": (leaves_at(position), PLAIN),
    }
    return table_row(sheet, columns, cells)


def leaves_at(position: OpenPosition) -> str:
    """The change at which the exit plan sells; a stop-loss is stored as the size of the loss."""
    loss = "" if position.stop_loss_bps is None else percent(-abs(position.stop_loss_bps))
    gain = "" if position.take_profit_bps is None else percent(position.take_profit_bps, signed=True)
    return " or ".join(part for part in (loss, gain) if part) or "by hand"


@dataclass(slots=True)
class _Sum:
    """The positions of one mode whose cost and value are known."""

    mode: str
    number: int = 0
    cost_lamports: int = 0
    value_lamports: int = 0


def _sums(rows: Sequence[OpenPosition]) -> list[_Sum]:
    sums: dict[str, _Sum] = {}
    for position in rows:
        if position.cost_lamports is None or position.value_lamports is None:
            continue
        mode = position.mode or UNKNOWN
        one = sums.setdefault(mode, _Sum(mode))
        one.number += 1
        one.cost_lamports += position.cost_lamports
        one.value_lamports += position.value_lamports
    return list(sums.values())


def _sum_line(one: _Sum, sheet: Sheet, columns: Sequence[Column]) -> Text:
    result = one.value_lamports - one.cost_lamports
    change = change_bps(one.cost_lamports, one.value_lamports)
    cells: dict[str, Part] = {
        "token": (f"sum of {one.number}", FAINT),
        "mode": (one.mode, STRONG),
        "cost": (sol(one.cost_lamports), PLAIN),
        "value": (sol(one.value_lamports), PLAIN),
        "result": (sol(result, signed=True), amount_style(result)),
        "change": ("" if change is None else percent(change, signed=True), amount_style(result)),
    }
    return table_row(sheet, columns, cells)


def _hidden_line(hidden: Sequence[OpenPosition], sheet: Sheet) -> Text:
    results = [
        row.value_lamports - row.cost_lamports
        for row in hidden
        if row.value_lamports is not None and row.cost_lamports is not None
    ]
    parts: list[Part] = [(f"{len(hidden)} more: {sum(result > 0 for result in results)} with a gain, ", FAINT)]
    parts.append((f"{sum(result < 0 for result in results)} with a loss", FAINT))
    for one in _sums(hidden):
        result = one.value_lamports - one.cost_lamports
        parts += [(f", {one.mode} ", FAINT), (f"{sol(result, signed=True)} SOL", amount_style(result))]
    return sheet.line(*parts)


def momentum(view: View, sheet: Sheet) -> Panel:
    """The tokens with the highest momentum, which describes the last minute and promises nothing."""
    tracked = "" if view.tokens_tracked is None else f"{count(view.tokens_tracked)} tracked"
    seen = "" if view.launches_seen is None else f"{count(view.launches_seen)} seen"
    lines = [sheet.title("Top momentum", ", ".join(part for part in (tracked, seen) if part))]
    if not view.momentum:
        return [*lines, sheet.line((UNKNOWN if view.momentum is None else "no token is tracked", PLAIN))]
    columns = [
        Column("rank", "", 2, number=True),
        Column("token", "token", 19 if sheet.width >= 56 else 10),
        Column("score", "score", 5, number=True),
        Column("action", "action", 10),
        Column("age", "age", 7, number=True),
    ]
    if sheet.width >= 58:
        columns.append(Column("curve", "in curve", 9, number=True))
    if sheet.width >= 70:
        columns.append(Column("why", "why", sheet.width - 59))
    lines.append(table_heading(sheet, columns))
    return lines + [_token_row(rank, token, sheet, columns) for rank, token in enumerate(view.momentum, 1)]


def _token_row(rank: int, token: Token, sheet: Sheet, columns: Sequence[Column]) -> Text:
    cells: dict[str, Part] = {
        "rank": (str(rank), FAINT),
        "token": (token_name(token.symbol, token.mint, both=sheet.width >= 56), STRONG),
        "score": ("?" if token.score_bps is None else count(token.score_bps // 100), PLAIN),
        "action": ACTIONS.get(token.action or "", (token.action or UNKNOWN, PLAIN)),
        "age": ("?" if token.age_s is None else age(token.age_s), PLAIN),
        "curve": (UNKNOWN if token.curve_lamports is None else sol(token.curve_lamports), PLAIN),
        "why": (token.reason or "", FAINT),
    }
    return table_row(sheet, columns, cells)


def recent(view: View, sheet: Sheet) -> Panel:
    """What was bought, sold and refused, newest first; a sale tells what it won or lost, a buy what it paid."""
    lines = [sheet.title("Latest", "in SOL")]
    if not view.recent:
        return [*lines, sheet.line((UNKNOWN if view.recent is None else "nothing yet", PLAIN))]
    return lines + [_event_line(event, sheet) for event in view.recent]


def _event_line(event: Event, sheet: Sheet) -> Text:
    amount, style = _event_amount(event)
    what = event_word(event)
    mode = event.mode or (UNKNOWN if amount else "")
    amount = f"{amount:>8} " if amount else ""
    room = sheet.width - len(f"00:00:00 {what:<7}  {amount}{mode}")
    size = min(max(room, 4), 10)
    name = clip(
        token_name(event.symbol, event.mint, both=False) if event.symbol or event.mint else "", size, sheet.glyphs.more
    )
    parts: list[Part] = [
        (f"{when(event.at, sheet)} ", FAINT),
        (f"{what:<7} ", PLAIN),
        (name + " " * (size - cell_len(name) + 1), STRONG),
        (amount, style),
        (mode, PLAIN),
    ]
    if room - size > 4:
        parts += [
            (f"  {event.user}" if event.user else "", PLAIN),
            (f"  {event.reason}" if event.reason else "", FAINT),
        ]
    return sheet.line(*parts)


def event_word(event: Event) -> str:
    if event.kind == "fill":
        return {"buy": "bought", "sell": "sold"}.get(event.side or "", "traded")
    return EVENT_WORDS.get(event.kind or "", (event.kind or UNKNOWN).replace("_", " "))


def _event_amount(event: Event) -> Part:
    if event.side == "sell" and event.realized_lamports is not None:
        return sol(event.realized_lamports, signed=True), amount_style(event.realized_lamports)
    return NOTHING if not event.lamports else (sol(event.lamports), PLAIN)
