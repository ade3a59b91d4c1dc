"""What operators read of the running program: its latest warnings and errors, and its numbers.

A log holds texts that strangers chose, and a chat is kept by another company: nothing in them can be tapped, and what has the
shape of a key, a token or a credential of a URL is left out, although none should be there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.ports import ModeSums
from bot.telegram.foreign import foreign
from bot.telegram.gateway_cards import MAX_UNITS, units
from bot.telegram.words import mode_label
from bot.trading.units import counted, format_sol, span

Record = Mapping[str, Any]

ERRORS = ("error", "critical")
VALUE_MAX = 160  # letters of one field
LINE_MAX = 600
WITHHELD = "(left out)"
# Everything behind a host, what stands before one, a token of Telegram's form, and what is as long as a key or a signature.
_SECRETS = (
    (re.compile(r"(\w+://)[^\s/@]+@"), rf"\1{WITHHELD}@"),
    (re.compile(r"(\w+://[^\s/?#]+)[/?#][^\s\"'<>]+"), rf"\1/{WITHHELD}"),
    (re.compile(r"\d{5,}:[\w-]{20,}"), WITHHELD),
    (re.compile(r"[0-9A-Za-z+/_-]{60,}={0,2}"), WITHHELD),
    (re.compile(r"(?:\d{1,3}[,\s]+){31,}\d{1,3}"), WITHHELD),
)
_SAID_BY_EVERY_LINE = {"event", "level", "timestamp", "exc_info", "stack_info", "_record", "_from_structlog"}


def log_text(events: Sequence[Record], *, errors_only: bool) -> str:
    """The events, oldest first, as many of the latest as fit into one message; what repeats is told once with its count."""
    wanted = [event for event in events if not errors_only or event.get("level") in ERRORS]
    if not wanted:
        return f"No {'error' if errors_only else 'warning and no error'} has been logged since this process began."
    lines: list[str] = []
    room = MAX_UNITS - 200
    for line in reversed(_repeats_told_once(wanted)):
        if units(line) + 1 > room:
            break
        lines.append(line)
        room -= units(line) + 1
    kind = "errors" if errors_only else "warnings and errors"
    return "\n".join([f"The latest {kind} of this process, in UTC; the log has all of them.", *reversed(lines)])


def _repeats_told_once(events: Sequence[Record]) -> list[str]:
    """A line for each event, one for those that come again right behind each other: with the time of the last."""
    lines: list[str] = []
    before, times = "", 0
    for event in events:
        said = _said(event)
        times = times + 1 if said == before else 1
        if times > 1:
            lines.pop()
        again = f" ({times} times)" if times > 1 else ""
        lines.append(f"{str(event.get('timestamp', ''))[11:19]} {said}{again}"[:LINE_MAX])
        before = said
    return lines


def _said(event: Record) -> str:
    level = str(event.get("level", ""))
    name = foreign(_without_secrets(str(event.get("event", ""))), VALUE_MAX)
    fields = [
        f"{key}={foreign(_without_secrets(str(value)), VALUE_MAX)}"
        for key, value in event.items()
        if key not in _SAID_BY_EVERY_LINE
    ]
    if event.get("exc_info"):
        fields.append("its traceback is in the log")
    return " ".join([level.upper() if level in ERRORS else level, name, *fields])


def _without_secrets(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def metrics_text(status: Record, modes: Sequence[ModeSums] | None) -> str:
    """The program's numbers. `status` is the record of `bot status`; `modes` are None while the database is away."""
    followed = status["wallets_followed"]
    look = "" if followed["oldest_look_s"] is None else f", the longest unseen for {span(followed['oldest_look_s'])}"
    endpoints = status["services"]["rpc"]["endpoints"]
    return "\n".join(
        [
            f"{status['state']}, level {status['level']}, up for {span(status['uptime_s'])}."
            f" {counted(status['errors_today'], 'error')} logged today, /logs has the latest.",
            *_trades(modes),
            f"{counted(status['launches_seen'], 'launch').replace('launchs', 'launches')} seen since the start,"
            f" {counted(status['tokens_tracked'], 'token')} watched now; {_or_unknown(status['signals_today'])} looks of snipers"
            " today came to more than a skip.",
            f"{_or_unknown(followed['expected'])} wallets are followed, {followed['live']} watched now{look}.",
            *_copying(status.get("copying")),
            *[_endpoint(one) for one in endpoints],
        ]
    )


def _copying(copying: Record | None) -> list[str]:
    if copying is None or not copying["decided"]:
        return []
    took = "" if copying["p50_ms"] is None else f", in {copying['p50_ms']} ms and at p99 in {copying['p99_ms']} ms"
    return [
        f"{counted(copying['decided'], 'swap')} of leaders judged since the start: {counted(copying['ordered'], 'order')} of"
        f" followers{took}, {sum(copying['refused'].values())} refused, {copying['owed']} owed."
    ]


def _trades(modes: Sequence[ModeSums] | None) -> list[str]:
    if modes is None:
        return ["The database is away: trades and positions are not known now."]
    lines = [_of_mode(one) for one in modes if one.buys or one.sells or one.failed or one.open_positions]
    return (
        ["Trades of everybody since midnight UTC:", *lines] if lines else ["No trades since midnight UTC; rates: n/a."]
    )


def _of_mode(sums: ModeSums) -> str:
    filled = sums.buys + sums.sells
    orders = filled + sums.failed
    rate = f"{filled * 100 // orders} % of {counted(orders, 'order')} filled" if orders else "no orders, so no rate"
    unproven = f", {counted(sums.unproven, 'order')} not proven yet" if sums.unproven else ""
    return (
        f"{mode_label(sums.mode.value)} {counted(sums.buys, 'buy')}, {counted(sums.sells, 'sale')}, {sums.failed} failed: {rate}"
        f"{unproven}. {counted(sums.won + sums.lost, 'position')} closed, {sums.won} with a gain and {sums.lost} without;"
        f" {sums.open_positions} open. Net of all fees {format_sol(sums.realized_lamports, signed=True)} SOL,"
        f" fees {format_sol(sums.fees_lamports)} SOL."
    )


def _endpoint(endpoint: Record) -> str:
    latency = "no answer yet" if endpoint["latency_ms"] is None else f"{endpoint['latency_ms']} ms"
    return (
        f"{endpoint['name']}: {endpoint['state']}, {latency}, errors {endpoint['error_bps'] / 100:.1f} %,"
        f" asked {endpoint['asked_this_month']} times this month."
    )


def _or_unknown(number: int | None) -> str:
    return "an unknown number of" if number is None else str(number)
