"""What both stores do with tokens and prices alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.ports import PastPrice, Token
from bot.storage.rules import storable

DAY_MS = 86_400_000
DAYS_MAX = 3


def merged(known: Token | None, new: Token) -> Token:
    """What is known of a token after this is told of it too; every text can be stored."""
    can_be_stored = replace(
        new,
        name=storable(new.name),
        symbol=storable(new.symbol),
        uri=storable(new.uri),
        creator=storable(new.creator),
    )
    return can_be_stored if known is None else known.told(can_be_stored)


def one_of_each(tokens: Sequence[Token]) -> list[Token]:
    """Tokens of which none is there twice, because one statement writes a row once."""
    found: dict[str, Token] = {}
    for token in tokens:
        found[token.mint] = merged(found.get(token.mint), token)
    return list(found.values())


def check_price_days(points: Sequence[PastPrice]) -> None:
    """Raise ValueError for points that are days apart: each day takes a partition, and a wrong clock must not make many."""
    first_ms, last_ms = min(point.at_ms for point in points), max(point.at_ms for point in points)
    if last_ms // DAY_MS - first_ms // DAY_MS >= DAYS_MAX:
        raise ValueError(f"prices from {first_ms} to {last_ms} are more than {DAYS_MAX} days at once")
