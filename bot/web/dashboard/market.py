"""The panels about what is held and what moves: positions, momentum, latest events and the way of fills. To HTML."""

from __future__ import annotations

from collections.abc import Sequence

from bot.top.ink import UNICODE
from bot.top.market import ACTIONS, WATCHES, event_word, leaves_at
from bot.top.panels import STALE_S, when
from bot.top.record import Event, OpenPosition, Token, View
from bot.top.words import UNKNOWN, age, brief_age, change_bps, clip, count, percent, short_mint, sol
from bot.web.dashboard.markup import Markup, Part, joined, section, table, tag
from bot.web.dashboard.panels import amount, sheet_at, words
from bot.web.dashboard.snapshot import Story

NAME_CELLS = 16  # of a token's symbol, which anybody can choose
ROWS_MAX = 100
EVENTS_MAX = 20
BAR = 1_000  # units of the waterfall's width


def token(symbol: str | None, mint: str | None) -> Markup:
    """What a token calls itself and the ends of its mint, which alone is unique; the whole mint is the cell's title."""
    short = short_mint(mint) if mint else UNKNOWN
    name = clip(symbol, NAME_CELLS, UNICODE.more) if symbol else ""
    parts: list[Part] = [tag("bdi", name), " "] if name else []
    return tag("span", *parts, tag("code", clip(short, NAME_CELLS, UNICODE.more)), title=words(mint), class_="token")


def positions(view: View, now_ms: int) -> Markup:
    """Open positions, oldest first, with what a sale would bring now, and their sums by mode."""
    if not view.positions:
        told = UNKNOWN if view.positions is None else "nothing is held"
        return section("positions", "Open positions", tag("p", told, class_="faint"))
    rows = [_position(one, now_ms) for one in view.positions[:ROWS_MAX]]
    total = len(view.positions) if view.open_positions is None else view.open_positions
    heads = [
        ("token", ""),
        ("mode", ""),
        ("holder", "wide"),
        ("cost", "number wide"),
        ("value", "number"),
        ("result", "number"),
        ("change", "number"),
        ("held", "number wide"),
        ("price", "number"),
        ("watched by", "wide"),
        ("leaves at", "wide"),
    ]
    parts: list[Part] = [table(heads, rows)]
    if total > len(rows):
        parts.append(tag("p", f"and {count(total - len(rows))} more, see bot status and /positions"))
    if view.details_age_s is not None and view.details_age_s > STALE_S:
        old = f"The database does not answer: this is how it was {brief_age(view.details_age_s)} ago."
        parts.insert(0, tag("p", old, class_="loss"))
    parts += [tag("p", line) for line in _sums(view.positions)]
    return section("positions", "Open positions", *parts, more=f"{count(total)}, in SOL")


def _position(one: OpenPosition, now_ms: int) -> list[Part]:
    sheet, cost, value = sheet_at(now_ms), one.cost_lamports, one.value_lamports
    result = None if cost is None or value is None else value - cost
    change = None if cost is None or value is None else change_bps(cost, value)
    stale = one.price_age_s is not None and one.price_age_s > STALE_S
    watch, _ = WATCHES.get(one.monitor or "", (words(one.monitor), ""))
    return [
        token(one.symbol, one.mint),
        words(one.mode),
        words(one.user),
        UNKNOWN if cost is None else sol(cost),
        UNKNOWN if value is None else sol(value),
        amount(result),
        "-" if change is None else percent(change, signed=True),
        "?" if one.opened_at is None else sheet.since(one.opened_at),
        tag(
            "span",
            UNKNOWN if one.price_age_s is None else f"{brief_age(one.price_age_s)} old",
            class_="loss" if stale else None,
        ),
        tag("span", watch, class_="loss" if one.monitor == "none" else None),
        leaves_at(one),
    ]


def _sums(rows: Sequence[OpenPosition]) -> list[str]:
    sums: dict[str, tuple[int, int, int]] = {}
    for one in rows:
        if one.cost_lamports is not None and one.value_lamports is not None:
            number, cost, value = sums.get(one.mode or UNKNOWN, (0, 0, 0))
            sums[one.mode or UNKNOWN] = number + 1, cost + one.cost_lamports, value + one.value_lamports
    return [
        f"{words(mode)}: {count(number)} cost {sol(cost)}, would bring {sol(value)}, {sol(value - cost, signed=True)} SOL"
        for mode, (number, cost, value) in sums.items()
    ]


def momentum(view: View) -> Markup:
    """The tokens with the highest momentum, which describes the last minute and promises nothing."""
    if not view.momentum:
        told = UNKNOWN if view.momentum is None else "no token is tracked"
        return section("momentum", "Top momentum", tag("p", told, class_="faint"))
    heads = [
        ("", "number"),
        ("token", ""),
        ("score", "number"),
        ("action", ""),
        ("age", "number"),
        ("in curve", "number"),
        ("why", "text wide"),
    ]
    rows = [_token_row(rank, one) for rank, one in enumerate(view.momentum, 1)]
    return section("momentum", "Top momentum", table(heads, rows), more="of the last minute")


def _token_row(rank: int, one: Token) -> list[Part]:
    action, style = ACTIONS.get(one.action or "", (words(one.action), ""))
    mood = "gain" if "green" in style else "loss" if "red" in style else None
    return [
        str(rank),
        token(one.symbol, one.mint),
        "?" if one.score_bps is None else count(one.score_bps // 100),
        tag("span", action, class_=mood),
        "?" if one.age_s is None else age(one.age_s),
        UNKNOWN if one.curve_lamports is None else sol(one.curve_lamports),
        words(one.reason or "-"),
    ]


def recent(view: View, now_ms: int) -> Markup:
    """What was bought, sold and refused, newest first; a sale tells what it won or lost, a buy what it paid."""
    if not view.recent:
        told = UNKNOWN if view.recent is None else "nothing yet"
        return section("recent", "Latest", tag("p", told, class_="faint"))
    sheet = sheet_at(now_ms)
    rows: list[list[Part]] = [
        [
            when(one.at, sheet),
            words(event_word(one)),
            token(one.symbol, one.mint) if one.symbol or one.mint else "-",
            _event_amount(one),
            words(one.mode or "-"),
            words(one.user or "-"),
            words(one.reason or "-"),
        ]
        for one in view.recent[:EVENTS_MAX]
    ]
    heads = [
        ("at (UTC)", ""),
        ("what", ""),
        ("token", ""),
        ("SOL", "number"),
        ("mode", ""),
        ("user", "wide"),
        ("why", "text wide"),
    ]
    return section("recent", "Latest", table(heads, rows))


def _event_amount(one: Event) -> Part:
    if one.side == "sell" and one.realized_lamports is not None:
        return amount(one.realized_lamports)
    return "-" if not one.lamports else sol(one.lamports)


def waterfall(stories: Sequence[Story]) -> Markup:
    """The latest buys from the launch's first frame to the message, each step as long as it took."""
    if not stories:
        return section("waterfall", "Launch to fill", tag("p", "no buy yet", class_="faint"))
    legend = [tag("span", name, class_=f"step {name}") for name in LEGEND]
    drawn = [_story(one) for one in stories]
    return section("waterfall", "Launch to fill", tag("p", *_spaced(legend)), *drawn, more="the latest buys")


LEGEND = ("signal", "admitted", "signed", "sent", "landed", "settled", "told")


def _spaced(parts: Sequence[Markup]) -> list[Part]:
    return [part for one in parts for part in (one, " ")]


def _story(story: Story) -> Markup:
    total_ms = max((after for _, after in story.steps), default=0)
    filled = next((after for what, after in story.steps if what == "settled"), None)
    begun = story.steps[0][0] if story.steps else UNKNOWN
    rects: list[Markup] = []
    told: list[str] = []
    reached = 0
    for what, after_ms in story.steps:
        told.append(f"{what} +{after_ms} ms")
        if total_ms and after_ms > reached:
            x, width = reached * BAR // total_ms, max((after_ms - reached) * BAR // total_ms, 2)
            rects.append(tag("rect", x=str(x), y="0", width=str(width), height="12", class_=what))
            reached = after_ms
    bar = tag(
        "svg",
        *rects,
        viewBox=f"0 0 {BAR} 12",
        preserveAspectRatio="none",
        role="img",
        aria_label=", ".join(told),
    )
    took = "not settled yet" if filled is None else f"{filled / 1000:.3f} s from {begun} to fill"
    title = tag("p", tag("bdi", clip(story.token, NAME_CELLS, UNICODE.more)), f" for {words(story.user)}: {took}")
    return tag("div", title, bar, tag("p", ", ".join(told), class_="faint small"), class_="story")


def whole(parts: Sequence[Markup]) -> Markup:
    """All panels after each other."""
    return joined(list(parts))
