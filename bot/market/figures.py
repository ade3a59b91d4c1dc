"""Numbers that strangers tell, as whole ones within bounds; what is out of them cannot be."""

from __future__ import annotations

from decimal import Decimal

USD_MAX = 10**13
COUNT_MAX = 10**9
CHANGE_PERCENT_MAX = 10**7
PRICE_MAX = 10**9  # of a whole token, in SOL or dollars
PICO = 10**12
LAMPORTS_PER_MILLION = 10**15  # lamports for a million tokens at one SOL each


class ImpossibleError(ValueError):
    """A number that is no amount of anything."""


def whole(told: Decimal | int | None, most: int, scale: int = 1) -> int | None:
    """A number from 0 to `most`, times `scale` and rounded; None for none. Raises ImpossibleError."""
    if told is None:
        return None
    _must(told, 0, most)
    return round(Decimal(told) * scale)


def change_bps(percent: Decimal | None) -> int | None:
    """A change that is told in percent, in basis points; nothing falls by more than all of it. Raises ImpossibleError."""
    if percent is None:
        return None
    _must(percent, -100, CHANGE_PERCENT_MAX)
    return round(percent * 100)


def share_bps(share: Decimal | None) -> int | None:
    """A share of one in basis points. Raises ImpossibleError."""
    return whole(share, 1, 10_000)


def _must(told: Decimal | int, least: int, most: int) -> None:
    if not Decimal(told).is_finite() or not least <= told <= most:
        raise ImpossibleError("a figure that cannot be")


def total(parts: list[int | None]) -> int | None:
    """The sum of what is told; None where nothing is."""
    told = [part for part in parts if part is not None]
    return sum(told) if told else None
