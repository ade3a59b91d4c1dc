"""The records of `bot trace` and `bot diag` as lines for a terminal. Imports nothing, so that the command line stays quick."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def trace_text(answer: Record) -> str:
    """One line a step, with the time since the order's first; a block's time has whole seconds."""
    lines = []
    for order in answer["orders"]:
        lines.append(f"intent {order['intent']} of user {order['handle'] or order['user']}: {order['state']}")
        for step in order["steps"]:
            after_s = step["after_ms"] / 1000
            lines.append(f"  {after_s:+10.3f} s  {step['at']}  {step['what']:<9} {step['detail']}".rstrip())
    return "\n".join(lines)


def diag_text(answer: Record) -> str:
    """Each gate with its number, then the latest looks of the sniper with their reasons."""
    lines = [f"sniper of {answer['user']}, each gate with its number:"]
    for name, value in answer["gates"].items():
        shown = ", ".join(value) or "nothing" if isinstance(value, list) else value
        lines.append(f"  {name.replace('_', ' '):<22} {shown}")
    lines += _checks(answer)
    copying = answer["copying"]
    lines.append(f"copying is paused by {', '.join(copying['paused_by']) or 'nothing'} {copying['trouble']}".rstrip())
    lines += [f"  {one['leader']:<22} {one['state']}" for one in copying["leaders"]]
    lines.append(f"looked at {answer['looks_today']} launches today; the latest:")
    for look in answer["looks"]:
        lines.append(f"  {look['at']}  {look['mint']}  {look['status'].lower():<10} {_reason(look)}")
    return "\n".join(lines)


def _reason(look: Record) -> str:
    """Why, with the confidence before it where the reason does not say it by itself."""
    confidence, reason = f"confidence {look['confidence_bps'] / 100:.0f} %", str(look["reason"])
    return reason if reason.startswith(confidence) else f"{confidence}: {reason}"


def _checks(answer: Record) -> list[str]:
    """The gates of the money in their order, for a token that the user does not hold."""
    if answer["checks"] is None:
        return [f"  the gates of the money cannot be looked at: {answer['checks_unknown']}"]
    lines = ["  then, for a token that he does not hold, in this order:"]
    for check in answer["checks"]:
        number, limit = (_shown(check[name], check["unit"]) for name in ("number", "limit"))
        verdict = "passes" if check["refused"] is None else f"REFUSES: {check['refused']}"
        lines.append(f"  {check['gate']:<22} {number} at a limit of {limit}: {verdict}")
    return lines


def _shown(number: int | None, unit: str) -> str:
    if number is None:
        return "none"
    return f"{number / 1_000_000_000:.4f} SOL" if unit == "lamports" else str(number)
