"""A curve as it stands for whoever holds tokens of it that play money bought, which the market has never felt. Pure.

Others are taken to trade the same tokens as they did. What a virtual wallet paid then stands in the curve until it sells, as a
real one's would: a coin that everybody else has left still holds its last buyer's lamports. A pool is taken as it is told: who
empties it takes out what later buyers paid as well.
"""

from __future__ import annotations

from dataclasses import replace

from bot.trading.curve import Curve, Fees
from bot.trading.intent import Mode
from bot.trading.position import Position
from bot.trading.venue import Venue, quote_sell


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


def as_met(venue: Venue, mode: Mode, token_raw: int) -> Venue:
    """The venue as an order of a wallet of this mode meets it that holds `token_raw`; what live orders paid is told with it."""
    return venue if mode is Mode.LIVE else with_own(venue, token_raw)


def worth(position: Position, venue: Venue, fees: Fees) -> int:
    """What selling all of a position would bring, in lamports net of the venue's fees; raises QuoteError."""
    met = as_met(venue, position.mode, position.token_raw)
    return quote_sell(met, position.token_raw, fees).received_lamports
