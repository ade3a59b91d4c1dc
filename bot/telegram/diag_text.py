"""What stands between a user's sniper and a buy, in words for the chat; `bot/trace.py` makes the record."""

from __future__ import annotations

from typing import Any

from bot.telegram.words import short
from bot.trading.units import format_percent, format_sol

LOOKS_SHOWN = 8


def diag_text(record: dict[str, Any]) -> str:
    """Each gate with its number: first the sniper's own, then those of the money, then the latest looks."""
    gates = record["gates"]
    paused = ", ".join(gates["paused_by"]) or "nothing"
    strong = ", strong buys only" if gates["strong_buys_only"] else ""
    lines = [
        f"Your sniper is {gates['sniper']}; paused by {paused}."
        + ("" if gates["sniper"] == "on" else " /snipe_enable switches it on."),
        f"It wants a confidence from {format_percent(gates['least_confidence_bps'])}{strong}, spends"
        f" {format_sol(gates['lamports_a_token'])} SOL a token, and has bought {gates['bought_today']} of at most"
        f" {gates['most_a_day']} today.",
        *_checks(record),
        *copying_lines(record),
        f"Launches looked at today: {record['looks_today']}" + (", the latest:" if record["looks"] else "."),
    ]
    lines += [
        f"  {short(look['mint'])} {look['status'].lower()}, confidence {format_percent(look['confidence_bps'])}: {look['reason']}"
        for look in reversed(record["looks"][-LOOKS_SHOWN:])
    ]
    return "\n".join(lines)


def copying_lines(record: dict[str, Any]) -> list[str]:
    """Whom he copies, and what stands between the next buy of each and a copy; nothing for one who copies nobody."""
    copying = record["copying"]
    if not copying["leaders"]:
        return []
    paused = ", ".join(copying["paused_by"]) or "nothing"
    waits = f" Nothing is decided now: {copying['trouble']}." if copying["trouble"] else ""
    lines = [f"Copying is paused by {paused}.{waits} /copies says why a buy was not copied."]
    return [*lines, *(f"  {one['leader']} {one['state']}" for one in copying["leaders"])]


def _checks(record: dict[str, Any]) -> list[str]:
    if record["checks"] is None:
        return [f"Whether the money would let it through cannot be said now: {record['checks_unknown']}."]
    lines = ["For a token that you do not hold, in this order:"]
    for check in record["checks"]:
        number, limit = (_shown(check[name], check["unit"]) for name in ("number", "limit"))
        verdict = "passes" if check["refused"] is None else f"REFUSES: {check['refused']}"
        lines.append(f"  {check['gate'].replace('_', ' ')} {number} of {limit}: {verdict}")
    return lines


def _shown(number: int | None, unit: str) -> str:
    if number is None:
        return "no limit"
    return f"{format_sol(number)} SOL" if unit == "lamports" else str(number)
