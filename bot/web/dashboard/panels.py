"""The panels about the bot itself: state and causes, today, health, endpoints, levels and the tree. From record to HTML."""

from __future__ import annotations

from bot.top.ink import UNICODE, Sheet
from bot.top.panels import BALANCE_OLD_S, GLOBAL, STALE_S, result, state_since, when, whom, win_rate
from bot.top.record import Capital, Moment, Process, Service, Today, View
from bot.top.words import UNKNOWN, brief_age, byte_size, clip, count, counted, percent, sol
from bot.web.dashboard.markup import Markup, Part, joined, section, table, tag
from bot.web.dashboard.snapshot import Node

WORDS_MAX = 300  # characters of a reason, cell or sentence
CAUSES_MAX = 30
LEVELS_MAX = 20
LEVELS = {1: "level 1, healthy", 2: "level 2, degraded", 3: "level 3, critical"}
CALM, BUSY, BAD = "calm", "busy", "bad"
MOODS = {"OPEN": CALM, "PAUSED": BUSY, "STARTING": BUSY, "STOPPING": BUSY, "FLATTENING": BAD, "HALTED": BAD}
HEALTH = {"up": CALM, "off": "faint", "waiting": "faint"}


def sheet_at(now_ms: int) -> Sheet:
    """Where ages and times of day are counted from."""
    return Sheet(WORDS_MAX, now_ms, UNICODE)


def words(text: str | None) -> str:
    """A foreign text in bounds."""
    return UNKNOWN if not text else clip(text, WORDS_MAX, UNICODE.more)


def amount(lamports: int | None) -> Markup:
    """A gain or a loss in SOL with its sign; the colour says nothing that the sign does not."""
    if lamports is None:
        return tag("span", UNKNOWN, class_="faint")
    mood = "gain" if lamports > 0 else "loss" if lamports < 0 else None
    return tag("span", sol(lamports, signed=True), class_=mood)


def badge(text: str, mood: str) -> Markup:
    """A word in a box."""
    return tag("span", text, class_=f"badge {mood}")


def head(view: View, now_ms: int, trouble: str | None) -> Markup:
    """State and level, how long they last, and every cause; `trouble` is why nobody answers, and then this is how it was."""
    sheet, state = sheet_at(now_ms), view.state or UNKNOWN
    since = state_since(view)
    level = LEVELS.get(view.level or 0, f"level {UNKNOWN if view.level is None else view.level}")
    lasting = f", for {sheet.since(since)}" if since is not None else ""
    up = UNKNOWN if view.uptime_s is None else sheet.since(Moment(now_ms - round(view.uptime_s * 1000)))
    lines: list[Part] = []
    if trouble is not None:
        lines.append(
            tag("p", badge("NO ANSWER", BAD), f" {words(trouble)}; below is what was known last", role="alert")
        )
    lines.append(
        tag(
            "p",
            badge(words(state), MOODS.get(state, BUSY)),
            tag("strong", f" {level}"),
            f"{lasting}; {words(view.mode)} on {words(view.cluster)}, up {up}",
            class_="state",
        )
    )
    if view.waits is not None:
        return section("state", "State", *lines, tag("p", words(view.waits)))
    if view.actors is not None and view.actors.sentence:
        lines.append(tag("p", words(view.actors.sentence)))
    if view.halt is not None:
        halt = (
            f" for {sheet.since(view.halt.since)}, until bot rearm: {words(view.halt.why)} (by {words(view.halt.by)})"
        )
        lines.append(tag("p", badge("HALT", BAD), f" by {words(view.halt.cause)}{halt}"))
    if view.flatten is not None:
        told = view.flatten
        parts = [f"{_number(told.sold)} of {_number(told.total)} sold"]
        parts += [
            f"{number} {name}"
            for name, number in (
                ("selling", told.selling),
                ("waiting", told.waiting),
                ("held", told.held),
                ("cannot be sold", told.unsellable),
            )
            if number
        ]
        whose = "everybody" if told.scope == GLOBAL else words(told.user or told.scope)
        lines.append(tag("p", tag("strong", f"Flatten of {whose}: "), ", ".join(parts)))
    lines.append(_causes(view, sheet))
    return section("state", "State", *lines)


def _causes(view: View, sheet: Sheet) -> Markup:
    if not view.causes:
        return tag("p", "Nothing pauses entries.", class_="faint")
    ordered = sorted(view.causes, key=lambda cause: (cause.scope != GLOBAL, cause.since or 0))
    rows: list[list[Part]] = [
        [
            tag("strong", words(cause.cause)),
            words(whom(cause)),
            sheet.since(cause.since),
            words(cause.why),
            words(cause.by),
        ]
        for cause in ordered[:CAUSES_MAX]
    ]
    told = table([("cause", ""), ("pauses", ""), ("for", "number"), ("why", "text"), ("by", "wide")], rows)
    hidden = len(ordered) - CAUSES_MAX
    return told if hidden <= 0 else joined([told, tag("p", f"and {hidden} more causes, see bot status")])


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else count(number)


def day(view: View) -> Markup:
    """The day's sums, one column for each mode, because amounts of different modes are never added up."""
    modes = view.today
    lines: list[tuple[str, list[Part]]] = [
        ("result", [amount(result(one)) for one in modes]),
        ("closed", [amount(one.realized_lamports) for one in modes]),
        ("open", [amount(one.unrealized_lamports) for one in modes]),
        ("fees", [UNKNOWN if one.fees_lamports is None else sol(one.fees_lamports) for one in modes]),
        ("bought, sold", [_trades(one) for one in modes]),
        ("failed", [_number(one.failed) for one in modes]),
        ("win rate", [win_rate(one, 24) for one in modes]),
        ("signals", [_number(one.signals) for one in modes]),
    ]
    heads = [("", ""), *((words(one.mode), "number") for one in modes)]
    rows: list[list[Part]] = [[label, *cells] for label, cells in lines]
    capital = [tag("p", _capital(one)) for one in view.capital]
    return section("today", "Today", table(heads, rows), *capital, more="in SOL")


def _trades(one: Today) -> str:
    return UNKNOWN if one.buys is None or one.sells is None else f"{count(one.buys)}, {count(one.sells)}"


def _capital(capital: Capital) -> str:
    deployed, available = (
        UNKNOWN if lamports is None else sol(lamports)
        for lamports in (capital.deployed_lamports, capital.available_lamports)
    )
    age_s = capital.available_age_s
    seen = f", seen {brief_age(age_s)} ago" if age_s is not None and age_s > BALANCE_OLD_S else ""
    return f"{words(capital.mode)}: {deployed} SOL deployed, {available} SOL available{seen}"


def health(view: View, now_ms: int) -> Markup:
    """Every service with how long it has been so, then monitors, prices, errors and what the process takes."""
    sheet = sheet_at(now_ms)
    rows: list[list[Part]] = [
        [
            words(one.name),
            _health(one.health),
            "-" if one.since is None else sheet.since(one.since),
            words(one.detail or "-"),
        ]
        for one in view.services
    ]
    told = table([("service", ""), ("health", ""), ("for", "number"), ("detail", "text")], rows)
    facts = [*_watch_facts(view, sheet), *_process_facts(view.process)]
    listed = [part for label, value in facts for part in (tag("dt", label), tag("dd", value))]
    return section("health", "System health", told, tag("dl", *listed))


def _health(word: str | None) -> Markup:
    return badge(words(word), HEALTH.get(word or "", BAD))


def _watch_facts(view: View, sheet: Sheet) -> list[tuple[str, Part]]:
    monitors = view.monitors
    look = "" if monitors.oldest_check_s is None else f", oldest look {brief_age(monitors.oldest_check_s)} ago"
    fallback = f", {count(monitors.fallback)} by the fallback" if monitors.fallback else ""
    live, expected = monitors.live, monitors.expected
    missing = live is not None and expected is not None and live + (monitors.fallback or 0) < expected
    watched = f"{_number(live)} of {_number(expected)}{fallback}{look}"
    old = view.prices_age_s is not None and view.prices_age_s > STALE_S
    prices = UNKNOWN if view.prices_age_s is None else f"{brief_age(view.prices_age_s)} old"
    actors = UNKNOWN
    if view.actors is not None:
        actors = f"{view.actors.running} of {view.actors.total} run, {counted(view.actors.restarts, 'restart')}"
    return [
        ("monitors", tag("span", watched, class_="loss" if missing else None)),
        ("prices", tag("span", prices, class_="loss" if old else None)),
        ("actors", actors),
        ("tracked", f"{_number(view.tokens_tracked)} tokens, {_number(view.launches_seen)} launches seen"),
        ("unproven orders", _number(view.unknown_orders)),
        ("last trade", UNKNOWN if view.last_trade_at is None else f"{sheet.since(view.last_trade_at)} ago"),
        ("errors today", _number(view.errors_today)),
        *(("unusual", tag("span", words(one.told or one.measure), class_="loss")) for one in view.unusual),
        ("users", f"{_number(view.users)}, {_number(view.snipers)} snipers on"),
    ]


def _process_facts(told: Process | None) -> list[tuple[str, Part]]:
    if told is None:
        return [("process", UNKNOWN)]

    def known(number: int | None, unit: str = "") -> str:
        return UNKNOWN if number is None else f"{count(number)}{unit}"

    rss = UNKNOWN if told.rss_bytes is None else byte_size(told.rss_bytes)
    return [
        ("cpu", UNKNOWN if told.cpu_bps is None else percent(told.cpu_bps)),
        ("memory", rss),
        ("loop lag", f"{known(told.loop_lag_ms, ' ms')}, {known(told.loop_lag_worst_ms, ' ms')} at worst"),
        ("files", f"{known(told.open_files)} of {known(told.open_files_max)}"),
        ("database", f"{known(told.database_connections)} of {known(told.database_connections_max)} connections"),
    ]


def endpoints(view: View) -> Markup:
    """RPC endpoints and sources of launches, each with how it is."""
    rows: list[list[Part]] = []
    for service in view.services:
        rows += _endpoint_rows(service)
    if not rows:
        return section("endpoints", "Endpoints", tag("p", UNKNOWN, class_="faint"))
    heads = [
        ("service", ""),
        ("name", ""),
        ("state", ""),
        ("answer", "number"),
        ("slot", "number"),
        ("detail", "text wide"),
    ]
    return section("endpoints", "Endpoints", table(heads, rows))


def _endpoint_rows(service: Service) -> list[list[Part]]:
    rows: list[list[Part]] = []
    for one in service.endpoints:
        word = one.state or (UNKNOWN if one.healthy is None else "up" if one.healthy else "down")
        latency = "-" if one.latency_ms is None else f"{one.latency_ms} ms"
        slot = "-" if one.slot is None else str(one.slot)
        rows.append([words(service.name), words(one.name), _health(word), latency, slot, words(one.detail or "-")])
    for source in service.sources:
        heard = "not heard" if source.age_s is None else f"{brief_age(source.age_s)} ago"
        detail = words(source.detail or "-")
        rows.append([words(service.name), words(source.name), _health(source.state), heard, "-", detail])
    return rows


def levels(view: View, now_ms: int) -> Markup:
    """What the trading state became, newest first."""
    if not view.levels:
        return section(
            "levels", "Levels", tag("p", UNKNOWN if view.levels is None else "no change yet", class_="faint")
        )
    sheet = sheet_at(now_ms)
    rows: list[list[Part]] = [
        [
            when(one.at, sheet),
            badge(words(one.state), MOODS.get(one.state or "", BUSY)),
            _number(one.level),
            words(one.cause),
            words(one.why),
        ]
        for one in view.levels[:LEVELS_MAX]
    ]
    heads = [("at (UTC)", ""), ("state", ""), ("level", "number"), ("cause", ""), ("why", "text")]
    return section("levels", "Levels", table(heads, rows), more="newest first")


def tree(root: Node | None, view: View) -> Markup:
    """The supervision tree: supervisors open, workers below them, whoever does not run first."""
    if root is None:
        return section("tree", "Supervision tree", tag("p", UNKNOWN, class_="faint"))
    actors = view.actors
    more = "" if actors is None else f"{actors.running} of {actors.total} run"
    return section("tree", "Supervision tree", tag("ul", _node(root), class_="tree"), more=more)


def _node(node: Node) -> Markup:
    calm = node.state == "running"
    parts: list[Part] = [tag("code", words(node.name))]
    if not calm:
        parts.append(badge(words(node.state), BAD))
    if node.strategy:
        parts.append(tag("span", f" {words(node.strategy)}", class_="faint"))
    if node.restarts:
        parts.append(tag("span", f" {counted(node.restarts, 'restart')}", class_="faint"))
    if node.last_failure:
        parts.append(tag("span", f" {words(node.last_failure)}", class_="faint"))
    below = [_node(child) for child in node.children]
    if node.unlisted:
        below.append(tag("li", f"and {counted(node.unlisted, 'other')}", class_="faint"))
    if below:
        parts.append(tag("ul", *below))
    return tag("li", *parts)
