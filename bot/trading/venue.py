"""Where a token trades: its bonding curve, the pool that the curve migrated to, or wherever an aggregator finds a way.

One way to ask each of them what a trade brings.
"""

from __future__ import annotations

from bot.trading import curve as on_curve
from bot.trading import pool as in_pool
from bot.trading import route as by_route
from bot.trading.curve import Curve, Fees, Quote
from bot.trading.pool import Pool
from bot.trading.route import Route

OwnVenue = Curve | Pool  # whose reserves are known
Venue = OwnVenue | Route

PUMPFUN = "pumpfun"  # bonding curves
PUMPSWAP = "pumpswap"  # the pools that completed curves migrate to
JUPITER = "jupiter"  # the aggregator's program, for tokens of neither
# The programs that this bot builds its own instructions for, and looks at for changes.
OWN_PROGRAMS = (PUMPFUN, PUMPSWAP)
PROGRAMS = (*OWN_PROGRAMS, JUPITER)


def program_of(venue: Venue) -> str:
    """Which program of the chain trades there; one of PROGRAMS."""
    if isinstance(venue, Route):
        return JUPITER
    return PUMPSWAP if isinstance(venue, Pool) else PUMPFUN


def wraps_sol(venue: Venue) -> bool:
    """Whether a trade there opens an account of wrapped SOL for its time."""
    return not isinstance(venue, Curve)


def awaits_pool(venue: Venue) -> bool:
    """Whether nothing can be traded because the curve is complete and its pool does not exist yet."""
    return isinstance(venue, Curve) and venue.complete


def quote_buy(venue: Venue, spend_lamports: int, curve_fees: Fees) -> Quote:
    """What `spend_lamports`, fees included, buys; `curve_fees` are those of curves; pools and offers know their own.

    Raises QuoteError, and AwaitsPoolError of it between a curve's end and its pool's beginning.
    """
    if isinstance(venue, Pool):
        return in_pool.quote_buy(venue, spend_lamports)
    if isinstance(venue, Route):
        return by_route.quote_buy(venue, spend_lamports)
    return on_curve.quote_buy(venue, spend_lamports, curve_fees)


def quote_sell(venue: Venue, token_raw: int, curve_fees: Fees) -> Quote:
    """What selling `token_raw` brings; raises like `quote_buy`."""
    if isinstance(venue, Pool):
        return in_pool.quote_sell(venue, token_raw)
    if isinstance(venue, Route):
        return by_route.quote_sell(venue, token_raw)
    return on_curve.quote_sell(venue, token_raw, curve_fees)


def impact_bps(venue: Venue, quote: Quote) -> int:
    """How much worse than the price before it a trade is, fees apart, because it moves the price itself."""
    if isinstance(venue, Pool):
        return in_pool.impact_bps(venue, quote)
    if isinstance(venue, Route):
        return venue.impact_bps
    return on_curve.impact_bps(venue, quote)
