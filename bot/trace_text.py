"""The records of `bot trace` and `bot diag` as lines for a terminal. Imports nothing, so that the command line stays quick."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def trace_text(answer: Record) -> str:
    """One line a step, with the time since the order's first; a block's time has whole seconds."""
    lines = []
    for order in answer["orders"]:
        lines.append(f"intent {order['intent']} of user {order['user']}: {order['state']}")
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
    lines.append(f"looked at {answer['looks_today']} launches today; the latest:")
    for look in answer["looks"]:
        confidence = f"confidence {look['confidence_bps'] / 100:.0f} %"
        lines.append(f"  {look['at']}  {look['mint']}  {look['status'].lower():<10} {confidence}: {look['reason']}")
    return "\n".join(lines)
