"""Where a token trades: its bonding curve, the pool that the curve migrated to, or wherever an aggregator finds a way.

One way to ask each of them what a trade brings.
"""

from __future__ import annotations

from dataclasses import replace

from bot.trading import curve as on_curve
from bot.trading import pool as in_pool
from bot.trading import route as by_route
from bot.trading.curve import Curve, Fees, Quote
from bot.trading.pool import Pool
from bot.trading.route import Route
from bot.trading.units import BPS

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


def told_by(venue: Venue) -> str:
    """The endpoint whose word alone a venue's reserves are; empty for what two told, or an aggregator."""
    return "" if isinstance(venue, Route) else venue.told_by


def borne_out(venue: OwnVenue) -> OwnVenue:
    """The same reserves, as what is no longer one endpoint's word alone."""
    return replace(venue, told_by="")


def same_reserves(one: Venue, other: Venue) -> bool:
    """Whether two looks show the same, at whatever slot."""
    if type(one) is not type(other):
        return False
    return replace(one, slot=0) == replace(other, slot=0)


def alike(one: Venue, other: Venue, tolerance_bps: int) -> bool:
    """Whether any trade brings about the same at both: everything that a quote is made of lies within the tolerance.

    A share of the smaller value is compared, so that the order of the two does not matter.
    """
    if isinstance(one, Curve) and isinstance(other, Curve):
        # What is virtual of the reserves never changes; the real ones bound what can be bought and sold.
        fixed = (one.complete, *_virtual_part(one)) == (other.complete, *_virtual_part(other))
        token_raw = (one.virtual_token_raw, other.virtual_token_raw)
        lamports = (one.virtual_quote_lamports, other.virtual_quote_lamports)
    elif isinstance(one, Pool) and isinstance(other, Pool):
        fees_bps = abs(one.fees.sum_bps - other.fees.sum_bps)
        fixed = one.virtual_quote_lamports == other.virtual_quote_lamports and fees_bps <= tolerance_bps
        token_raw = (one.token_raw, other.token_raw)
        lamports = (one.priced_lamports, other.priced_lamports)
    else:
        return False
    prices = (lamports[0] * token_raw[1], lamports[1] * token_raw[0])
    return fixed and all(_near(*pair, tolerance_bps) for pair in (token_raw, lamports, prices))


def _virtual_part(curve: Curve) -> tuple[int, int]:
    return (
        curve.virtual_token_raw - curve.real_token_raw,
        curve.virtual_quote_lamports - curve.real_quote_lamports,
    )


def _near(one: int, other: int, tolerance_bps: int) -> bool:
    return abs(one - other) * BPS <= min(one, other) * tolerance_bps


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
