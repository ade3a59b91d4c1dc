"""Small words that every text for a user is made of, and whole numbers out of a message's facts."""

from __future__ import annotations

from collections.abc import Mapping

# Below an order that was given, and what stands there once its news had to come as a message of its own.
FOLLOWS = "The result follows when the chain shows it."
MOVED = "What came of it has a message of its own."


def short(mint: str) -> str:
    """A key that a person can compare: its two ends."""
    return f"{mint[:6]}…{mint[-4:]}"


def mode_label(mode: str) -> str:
    return f"[{mode}]"


def int_of(facts: Mapping[str, object], key: str) -> int:
    value = facts[key]
    assert isinstance(value, int)
    return value
