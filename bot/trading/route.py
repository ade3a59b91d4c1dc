"""A token that trades neither on a curve nor in a coin's own pool: what an aggregator offers for one trade of it.

An offer holds for its moment and its amount. What it is asked for in another amount is an estimate in proportion, which is
good enough to look at; an order is made from an offer for exactly its own amount. Amounts are lamports and raw token units.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.curve import Quote, QuoteError
from bot.trading.intent import Side
from bot.trading.units import BPS

NOBODY = "1" * 32  # the key of 32 zero bytes in base58


class RouteError(QuoteError):
    """An offer that says nothing about the trade that was asked for."""


@dataclass(frozen=True, slots=True)
class Route:
    """`token_raw` for `quote_lamports`, in this direction, all fees of all markets in between included.

    `impact_bps` is how much the trade moves the price, as the aggregator says it. `markets` names what it goes through.
    `id` tells offers apart, so that an order stands on one of them.
    """

    side: Side
    token_raw: int
    quote_lamports: int
    impact_bps: int
    slot: int
    markets: tuple[str, ...] = ()
    id: int = 0

    @property
    def creator(self) -> str:
        """Nobody earns a creator's fee that an offer names."""
        return NOBODY

    @property
    def market_cap_lamports(self) -> int:
        """Not told by an offer."""
        return 0

    @property
    def liquidity_lamports(self) -> int:
        """The SOL of one market of a constant product that this trade would move as far: an estimate."""
        return self.quote_lamports * (BPS - self.impact_bps) // max(self.impact_bps, 1)


def _refuse_empty(route: Route) -> None:
    if route.token_raw <= 0 or route.quote_lamports <= 0:
        raise RouteError("nobody offers anything for it now")


def quote_buy(route: Route, spend_lamports: int) -> Quote:
    """What `spend_lamports` brings in proportion; raises QuoteError for nothing."""
    _refuse_empty(route)
    token_raw = route.token_raw * spend_lamports // route.quote_lamports
    if token_raw <= 0:
        raise RouteError("too little to buy anything")
    return Quote(token_raw, spend_lamports, 0, 0)


def quote_sell(route: Route, token_raw: int) -> Quote:
    """What selling `token_raw` brings in proportion; raises QuoteError for nothing."""
    _refuse_empty(route)
    if token_raw <= 0:
        raise RouteError("a sale of zero tokens")
    return Quote(token_raw, route.quote_lamports * token_raw // route.token_raw, 0, 0)
