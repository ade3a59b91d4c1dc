"""Where a token trades: its bonding curve, or the pool that the curve migrated to. One way to ask either what a trade brings."""

from __future__ import annotations

from bot.trading import curve as on_curve
from bot.trading import pool as in_pool
from bot.trading.curve import Curve, Fees, Quote
from bot.trading.pool import Pool

Venue = Curve | Pool

PUMPFUN = "pumpfun"  # bonding curves
PUMPSWAP = "pumpswap"  # the pools that completed curves migrate to
PROGRAMS = (PUMPFUN, PUMPSWAP)


def program_of(venue: Venue) -> str:
    """Which program of the chain trades there; one of PROGRAMS."""
    return PUMPSWAP if isinstance(venue, Pool) else PUMPFUN


def awaits_pool(venue: Venue) -> bool:
    """Whether nothing can be traded because the curve is complete and its pool does not exist yet."""
    return isinstance(venue, Curve) and venue.complete


def quote_buy(venue: Venue, spend_lamports: int, curve_fees: Fees) -> Quote:
    """What `spend_lamports`, fees included, buys; `curve_fees` are those of curves, a pool knows its own.

    Raises QuoteError, and AwaitsPoolError of it between a curve's end and its pool's beginning.
    """
    if isinstance(venue, Pool):
        return in_pool.quote_buy(venue, spend_lamports)
    return on_curve.quote_buy(venue, spend_lamports, curve_fees)


def quote_sell(venue: Venue, token_raw: int, curve_fees: Fees) -> Quote:
    """What selling `token_raw` brings; raises like `quote_buy`."""
    if isinstance(venue, Pool):
        return in_pool.quote_sell(venue, token_raw)
    return on_curve.quote_sell(venue, token_raw, curve_fees)


def impact_bps(venue: Venue, quote: Quote) -> int:
    """How much worse than the price before it a trade is, fees apart, because it moves the price itself."""
    if isinstance(venue, Pool):
        return in_pool.impact_bps(venue, quote)
    return on_curve.impact_bps(venue, quote)
