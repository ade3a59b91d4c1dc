"""How a token's price has changed, exactly: a price is the two reserves that make it."""

from __future__ import annotations

from bot.trading.pool import Pool
from bot.trading.route import Route
from bot.trading.units import BPS
from bot.trading.venue import Venue

Price = tuple[int, int]  # lamports, for raw tokens


def price_of(venue: Venue) -> Price | None:
    """The reserves, or the sides of an offer, that make the price; None where there is none, because one of them is empty."""
    if isinstance(venue, Route):
        lamports, raw = venue.quote_lamports, venue.token_raw
    elif isinstance(venue, Pool):
        lamports, raw = venue.priced_lamports, venue.token_raw
    else:
        lamports, raw = venue.virtual_quote_lamports, venue.virtual_token_raw
    return (lamports, raw) if lamports > 0 and raw > 0 else None


def change_bps(before: Price | None, now: Price | None) -> int | None:
    """The change in basis points of the price before, rounded down; None where one of them is no price."""
    if before is None or now is None or min(*before, *now) <= 0:
        return None
    return now[0] * before[1] * BPS // (now[1] * before[0]) - BPS
