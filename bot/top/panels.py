"""The panels about the bot itself: header, today, health, process and the history of levels. From record to lines."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import UTC, datetime

from rich.text import Text

from bot.top.ink import ALARM, FAINT, PLAIN, STRONG, Column, Part, Sheet, amount_style, table_row
from bot.top.record import (
    Capital,
    Cause,
    Flatten,
    Followed,
    Halt,
    LevelChange,
    Moment,
    Monitors,
    Process,
    Today,
    View,
)
from bot.top.services import LABEL, labelled, service_lines
from bot.top.words import UNKNOWN, brief_age, byte_size, count, counted, percent, sol

BADGES = {
    "OPEN": "bold black on green",
    "PAUSED": "bold black on yellow",
    "FLATTENING": "bold white on red",
    "HALTED": "bold white on red",
    "STARTING": "bold black on cyan",
    "STOPPING": "bold black on cyan",
}
LEVELS = {1: ("level 1, healthy", PLAIN), 2: ("level 2, degraded", STRONG), 3: ("level 3, critical", ALARM)}
GLOBAL = "global"
DAY_MS = 86_400_000
UNUSUAL_SHOWN = 3
YEAR_10000_MS = 253_402_300_800_000
OLD_S = 3.0  # the database's part, when it is older than this, is shown as what it is
BALANCE_OLD_S = 60.0
STALE_S = 10.0  # prices and values by a price that is older than this are marked

Panel = list[Text]


def clock_time(moment_ms: int) -> str:
    """The time of day of a moment in UTC; eight characters."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%H:%M:%S")


def when(moment: Moment | None, sheet: Sheet) -> str:
    """The time of day of a moment in UTC, or its day when that is another than the day of now; eight characters."""
    if moment is None or not 0 <= moment < YEAR_10000_MS:
        return "--:--:--"
    if moment // DAY_MS == sheet.now_ms // DAY_MS:
        return clock_time(moment)
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%d.%m.%y")


def header(view: View, sheet: Sheet, *, causes_max: int, silent_s: float) -> Panel:
    """State and level and how long they last, what is wrong, every cause, and the capital by mode."""
    lines = [_state_line(view, sheet)]
    if silent_s > 0:
        seen = clock_time(sheet.now_ms - round(silent_s * 1000))
        told = f" no answer for {brief_age(silent_s)}: this is how it was at {seen} UTC "
        lines.append(sheet.line((told, BADGES["HALTED"])))
    elif view.details_age_s is not None and view.details_age_s > OLD_S:
        told = (
            f" the database does not answer: positions and trades are as they were {brief_age(view.details_age_s)} ago "
        )
        lines.append(sheet.line((told, BADGES["HALTED"])))
    sentence = (view.actors and view.actors.sentence) or ""
    wrapped = textwrap.wrap(sentence, sheet.width, max_lines=3, placeholder=sheet.glyphs.more)
    lines += [sheet.line((part, PLAIN)) for part in wrapped]
    if view.halt is not None:
        lines.append(_halt(view.halt, sheet))
    if view.flatten is not None:
        lines.append(_flatten(view.flatten, sheet))
    lines += _causes(view.causes, sheet, causes_max)
    lines += [_capital(capital, sheet) for capital in view.capital]
    return lines


def _state_line(view: View, sheet: Sheet) -> Text:
    state = view.state or UNKNOWN
    level, style = LEVELS.get(view.level or 0, (f"level {UNKNOWN if view.level is None else view.level}", STRONG))
    since = state_since(view)
    left: list[Part] = [
        ("trading-bot  ", STRONG),
        (f" {state} ", BADGES.get(state, "reverse")),
        ("  ", PLAIN),
        (level, style),
        (f", for {sheet.since(since)}" if since else "", PLAIN),
    ]
    place = f"{view.mode or UNKNOWN} on {view.cluster or UNKNOWN}"
    up = UNKNOWN if view.uptime_s is None else sheet.since(Moment(sheet.now_ms - round(view.uptime_s * 1000)))
    return sheet.spread(left, [(place, STRONG), (f"  up {up}", PLAIN)])


def state_since(view: View) -> Moment | None:
    """When the state began: by the history of levels, else by the halt or the oldest cause that binds everybody."""
    if view.levels and view.levels[0].state == view.state:
        return view.levels[0].at
    if view.halt is not None:
        return view.halt.since
    return min(
        (cause.since for cause in view.causes if cause.scope == GLOBAL and cause.since is not None), default=None
    )


def _halt(halt: Halt, sheet: Sheet) -> Text:
    return sheet.line(
        (f"halt by {halt.cause or UNKNOWN}", ALARM),
        (f" for {sheet.since(halt.since)}, until bot rearm: {halt.why or UNKNOWN}", PLAIN),
        (f" (by {halt.by or UNKNOWN})", FAINT),
    )


def _flatten(flatten: Flatten, sheet: Sheet) -> Text:
    """How far the selling is; what cannot be sold stands out, because people may have to look at it."""
    whose = "everybody" if flatten.scope == GLOBAL else flatten.user or flatten.scope or UNKNOWN
    states = ("selling", flatten.selling), ("waiting", flatten.waiting), ("held", flatten.held)
    told = "".join(f", {_known(number, count)} {name}" for name, number in states if number != 0)
    sold = f"{_known(flatten.sold, count)} of {_known(flatten.total, count)} sold{told}"
    frozen = f" ({count(flatten.frozen)} in frozen wallets)" if flatten.frozen else ""
    stuck = f", {_known(flatten.unsellable, count)} cannot be sold{frozen}" if flatten.unsellable else ""
    return sheet.line((f"flatten of {whose}: ", STRONG), (sold, PLAIN), (stuck, ALARM))


def _causes(causes: tuple[Cause, ...], sheet: Sheet, causes_max: int) -> list[Text]:
    ordered = sorted(causes, key=lambda cause: (cause.scope != GLOBAL, cause.since or 0))
    hidden = len(ordered) - causes_max
    shown = ordered if hidden <= 0 else ordered[: causes_max - 1]
    lines = [
        sheet.line(
            (f"{cause.cause or UNKNOWN}", ALARM if cause.scope == GLOBAL else STRONG),
            (f" for {sheet.since(cause.since)}, {whom(cause)}", PLAIN),
            (f": {cause.why or UNKNOWN}", PLAIN),
            (f" (by {cause.by or UNKNOWN})", FAINT),
        )
        for cause in shown
    ]
    if hidden > 0:
        lines.append(sheet.line((f"and {len(ordered) - len(shown)} more causes, see bot status", STRONG)))
    return lines


def whom(cause: Cause) -> str:
    entries = "automated entries" if cause.binds == "automated" else "entries"
    return f"{entries} of {'everybody' if cause.scope == GLOBAL else cause.user or cause.scope or UNKNOWN}"


def _capital(capital: Capital, sheet: Sheet) -> Text:
    deployed, available = capital.deployed_lamports, capital.available_lamports
    if deployed is None and available is None:
        return sheet.line(("capital".ljust(LABEL), FAINT), (UNKNOWN, PLAIN))
    share = ""
    if deployed is not None and available is not None and deployed >= 0 and available >= 0 and deployed + available:
        share = f" ({percent(available * 10_000 // (deployed + available))})"
    age_s = capital.available_age_s
    if age_s is not None and age_s > BALANCE_OLD_S:
        share = f", seen {brief_age(age_s)} ago"
    return sheet.line(
        ("capital".ljust(LABEL), FAINT),
        (f"{capital.mode or UNKNOWN}  ", STRONG),
        (f"{_known(deployed, sol)} SOL deployed, {_known(available, sol)} SOL available{share}", PLAIN),
    )


def _known(number: int | None, words: Callable[[int], str]) -> str:
    return UNKNOWN if number is None else words(number)


def today_panel(view: View, sheet: Sheet, *, brief: bool) -> Panel:
    """The day's sums, one column for each mode, because amounts of different modes are never added up."""
    width = min((sheet.width - LABEL) // max(len(view.today), 1) - 1, 12)
    columns = [Column(str(number), "", width, number=True) for number in range(len(view.today))]
    columns.insert(0, Column("label", "", LABEL - 1))

    def row(label: str, cell: Callable[[Today], Part]) -> Text:
        cells = {str(number): cell(one) for number, one in enumerate(view.today)}
        return table_row(sheet, columns, {"label": (label, FAINT), **cells})

    def amount(label: str, lamports: Callable[[Today], int | None]) -> Text:
        return row(label, lambda one: _amount(lamports(one)))

    def number(label: str, value: Callable[[Today], int | None]) -> Text:
        return row(label, lambda one: (_known(value(one), count), PLAIN))

    return [
        sheet.title("Today", "in SOL"),
        row("", lambda one: (one.mode or UNKNOWN, STRONG)),
        amount("result", result),
        amount("closed", lambda one: one.realized_lamports),
        amount("open", lambda one: one.unrealized_lamports),
        *([] if brief else [row("fees", lambda one: (_known(one.fees_lamports, sol), PLAIN))]),
        row("buy/sell", lambda one: (_trades(one), PLAIN)),
        number("failed", lambda one: one.failed),
        row("win rate", lambda one: (win_rate(one, width), PLAIN)),
        number("signals", lambda one: one.signals),
    ]


def result(one: Today) -> int | None:
    """What the day would be worth if everything were sold now; unknown as long as one part of it is."""
    if one.realized_lamports is None or one.unrealized_lamports is None:
        return None
    return one.realized_lamports + one.unrealized_lamports


def _trades(one: Today) -> str:
    return UNKNOWN if one.buys is None or one.sells is None else f"{count(one.buys)}/{count(one.sells)}"


def _amount(lamports: int | None) -> Part:
    return (UNKNOWN if lamports is None else sol(lamports, signed=True)), amount_style(lamports)


def win_rate(one: Today, width: int) -> str:
    if one.wins is None or one.losses is None or one.wins < 0 or one.losses < 0:
        return UNKNOWN
    closed = one.wins + one.losses
    if not closed:
        return "none sold"
    rate = f"{(one.wins * 200 + closed) // (2 * closed)} %"
    whole = f"{rate} of {count(closed)}"
    return whole if len(whole) <= width else rate


def health(view: View, sheet: Sheet, *, brief: bool) -> Panel:
    """Every service with how long it has been so, the actors and the monitors; the process too where it has no panel."""
    lines = [sheet.title("Health")]
    for service in view.services:
        lines += service_lines(service, sheet, brief=brief)
    lines.append(_actors(view, sheet))
    if view.actors is not None and not brief:
        lines += [labelled(sheet, "", (name, ALARM)) for name in view.actors.troubled[:4]]
    lines.append(labelled(sheet, "monitors", _monitors(view.monitors)))
    if not brief:
        if view.followed.expected or view.followed.live:
            lines.append(labelled(sheet, "followed", _followed(view.followed)))
        lines.append(labelled(sheet, "prices", _prices(view)))
        lines.append(labelled(sheet, "traded", (_traded(view, sheet), PLAIN)))
        lines.append(labelled(sheet, "errors", _errors(view, sheet)))
        lines += [labelled(sheet, "unusual", (one.measure or UNKNOWN, ALARM)) for one in view.unusual[:UNUSUAL_SHOWN]]
    elif view.process is not None:
        lines.append(labelled(sheet, "process", (_process_in_short(view.process), PLAIN)))
    return lines


def _prices(view: View) -> Part:
    """How old the oldest price is that a monitor or a tracker goes by."""
    if view.prices_age_s is None:
        return UNKNOWN, PLAIN
    return f"{brief_age(view.prices_age_s)} old", ALARM if view.prices_age_s > STALE_S else PLAIN


def _errors(view: View, sheet: Sheet) -> Part:
    since = f" since {when(view.errors_since, sheet)}" if view.errors_since is not None else " today"
    return _known(view.errors_today, lambda number: count(number) + since), STRONG if view.errors_today else PLAIN


def _followed(followed: Followed) -> Part:
    """Wallets that are followed, and how old the oldest look at one is."""
    look = "" if followed.oldest_look_s is None else f", oldest look {brief_age(followed.oldest_look_s)}"
    waiting = f", {count(followed.waiting)} waiting" if followed.waiting else ""
    missing = followed.live is not None and followed.expected is not None and followed.live < followed.expected
    told = f"{_known(followed.live, count)} of {_known(followed.expected, count)}{waiting}{look}"
    return told, ALARM if missing or waiting else PLAIN


def _traded(view: View, sheet: Sheet) -> str:
    """When the last trade was; none is known to be none as long as the database's other numbers are known."""
    if view.last_trade_at is None:
        return UNKNOWN if view.users is None else "not yet"
    return f"{sheet.since(view.last_trade_at)} ago"


def _actors(view: View, sheet: Sheet) -> Text:
    if view.actors is None:
        return labelled(sheet, "actors", (UNKNOWN, PLAIN))
    actors = view.actors
    running = f"{actors.running} of {actors.total} run, {counted(actors.restarts, 'restart')}"
    return labelled(sheet, "actors", (running, ALARM if actors.troubled else PLAIN))


def _monitors(monitors: Monitors) -> Part:
    """How many of the expected monitors watch their position, and how old the oldest look at one is."""
    if monitors.live is None:
        return UNKNOWN, PLAIN
    fallback = f", {count(monitors.fallback)} by fallback" if monitors.fallback else ""
    look = "" if monitors.oldest_check_s is None else f", oldest look {brief_age(monitors.oldest_check_s)}"
    if monitors.expected is None:
        return f"{count(monitors.live)} live{fallback}{look}", PLAIN
    missing = monitors.live + (monitors.fallback or 0) < monitors.expected
    return f"{count(monitors.live)} of {count(monitors.expected)}{fallback}{look}", ALARM if missing else PLAIN


def process(view: View, sheet: Sheet) -> Panel:
    """What the bot's process takes from the machine, and how busy its loop is."""
    snipers = "" if view.snipers is None else f", {counted(view.snipers, 'sniper')} on"
    rows = [("users", _known(view.users, count) + snipers)]
    if view.process is None:
        rows.append(("process", UNKNOWN))
    else:
        rows += _process_rows(view.process)
    return [
        sheet.title("Process", "machine's network"),
        *(labelled(sheet, label, (text, PLAIN)) for label, text in rows),
    ]


def _process_rows(told: Process) -> list[tuple[str, str]]:
    received = _known(told.received_bytes_per_s, lambda size: f"{byte_size(size)}/s in")
    sent = _known(told.sent_bytes_per_s, lambda size: f"{byte_size(size)}/s out")
    peak = "" if told.rss_peak_bytes is None else f", {byte_size(told.rss_peak_bytes)} at most"
    worst = "" if told.loop_lag_worst_ms is None else f", {count(told.loop_lag_worst_ms)} ms at worst"
    return [
        ("cpu", _known(told.cpu_bps, percent)),
        ("memory", _known(told.rss_bytes, byte_size) + peak),
        ("files", _of(told.open_files, told.open_files_max, count)),
        ("threads", _known(told.threads, count)),
        ("loop lag", _known(told.loop_lag_ms, lambda lag: f"{count(lag)} ms") + worst),
        ("database", _of(told.database_connections, told.database_connections_max, count, unit=" connections used")),
        ("network", received if received == sent else f"{received}, {sent}"),
    ]


def _of(number: int | None, most: int | None, words: Callable[[int], str], unit: str = "") -> str:
    """A number and, where it is known, the most that it may be."""
    if number is None:
        return UNKNOWN
    return words(number) + ("" if most is None else f" of {words(most)}") + unit


def _process_in_short(told: Process) -> str:
    lag = _known(told.loop_lag_ms, lambda value: f"{count(value)} ms")
    return f"{_known(told.cpu_bps, percent)} cpu, {_known(told.rss_bytes, byte_size)}, lag {lag}"


def levels(view: View, sheet: Sheet) -> Panel:
    """What the trading state became, newest first, and how long each state lasted."""
    lines = [sheet.title("Levels")]
    if not view.levels:
        return [*lines, sheet.line(("no change yet" if view.levels is not None else UNKNOWN, PLAIN))]
    ended: Moment | None = None
    for change in view.levels:
        lines.append(_level_change(change, ended, sheet))
        ended = change.at
    return lines


def _level_change(change: LevelChange, ended: Moment | None, sheet: Sheet) -> Text:
    until = sheet.now_ms if ended is None else ended
    lasted = UNKNOWN if change.at is None else sheet.since(Moment(sheet.now_ms - (until - change.at)))
    why = ": ".join(part for part in (change.cause, change.why) if part)
    style = PLAIN if change.level == 1 else ALARM if change.level == 3 else STRONG
    return sheet.line(
        (f"{when(change.at, sheet)} ", FAINT),
        (f"{change.state or UNKNOWN} {_known(change.level, str)}", style),
        (f" for {lasted}", PLAIN),
        (f"  {why}" if why else "", FAINT),
    )
