"""A curve as it stands for whoever holds tokens of it that his own money bought, where the market was recorded without him. Pure.

Others are taken to trade the same tokens as they did. What a virtual wallet paid then stands in the curve until it sells, as a
real one's would: a coin that everybody else has left still holds its last buyer's lamports.
"""

from __future__ import annotations

from dataclasses import replace

from bot.trading.curve import Curve
from bot.trading.venue import Venue


def with_own(venue: Venue, token_raw: int) -> Venue:
    """The venue with `token_raw` more tokens sold by it; one that cannot have sold so many, and no curve, stays as it is."""
    if not isinstance(venue, Curve) or not 0 < token_raw < venue.virtual_token_raw or venue.complete:
        return venue
    left = venue.virtual_token_raw - token_raw
    quote = -(-venue.virtual_quote_lamports * venue.virtual_token_raw // left)
    return replace(
        venue,
        virtual_token_raw=left,
        virtual_quote_lamports=quote,
        real_token_raw=max(venue.real_token_raw - token_raw, 0),
        real_quote_lamports=venue.real_quote_lamports + quote - venue.virtual_quote_lamports,
    )


def as_told(venue: Venue, token_raw: int) -> Venue:  # noqa: ARG001 - whoever's order was real is in what is told
    """The venue as it was told, for a market that has felt its holders' orders."""
    return venue
