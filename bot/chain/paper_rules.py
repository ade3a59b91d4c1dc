"""How paper orders land and what they fill: pure rules over the real venue's reserves. No clock, no I/O, no chance of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.chain.paper_order import PaperOrder
from bot.trading.curve import AwaitsPoolError, Curve, Fees, Quote, QuoteError
from bot.trading.failures import CURVE_COMPLETE, NOT_ENOUGH, NOT_ENOUGH_TO_SELL
from bot.trading.fill import TradeEvidence
from bot.trading.intent import Side
from bot.trading.risk_gate import LEAST_BALANCE_LAMPORTS, TOKEN_ACCOUNT_RENT_LAMPORTS
from bot.trading.units import BPS
from bot.trading.venue import Venue, quote_buy, quote_sell

SLOT_MS = 400
BUY_BELOW_LIMIT = 6042
SALE_BELOW_LIMIT = 6003
POOL_BELOW_LIMIT = 6004
REFUSED_AMOUNT = 6024


@dataclass(frozen=True, slots=True)
class LandingModel:
    """How bytes that were sent land: `latency_ms` until a leader has them, then some slots, or never.

    `landing_bps` of the attempts land at all, each in `slots_min` to `slots_max` slots. What becomes of an attempt hangs on
    `seed` and its name alone, so that the same bytes sent again fare the same.
    """

    latency_ms: int = 250
    landing_bps: int = 9_500
    slots_min: int = 1
    slots_max: int = 3
    seed: int = 1

    def due_ms(self, signature: str) -> int | None:
        """Milliseconds from the sending to the landing; None for an attempt that never lands."""
        drawn = hashlib.sha256(f"{self.seed}:{signature}".encode()).digest()
        if int.from_bytes(drawn[:8], "big") % BPS >= self.landing_bps:
            return None
        slots = self.slots_min + int.from_bytes(drawn[8:16], "big") % (self.slots_max - self.slots_min + 1)
        return self.latency_ms + slots * SLOT_MS


@dataclass(frozen=True, slots=True)
class Purse:
    """What a virtual wallet holds: lamports, and raw units by mint without zeros."""

    lamports: int
    token_raw: Mapping[str, int]

    def after(self, mint: str, outcome: Outcome) -> Purse:
        """The purse once this has happened to it."""
        held = {**self.token_raw, mint: self.token_raw.get(mint, 0) + outcome.token_delta_raw}
        return Purse(self.lamports + outcome.delta_lamports, {key: raw for key, raw in held.items() if raw})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a landed order did to its wallet; `program_error` is None for a success, which alone has a `trade`.

    `slot` is that of the reserves which it met.
    """

    delta_lamports: int
    token_delta_raw: int
    rent_lamports: int
    tip_lamports: int
    trade: TradeEvidence | None
    program_error: int | None
    slot: int


def carry_out(order: PaperOrder, purse: Purse, venue: Venue, fees: Fees) -> Outcome | None:
    """What the program would have done with the order at these reserves; None when the wallet cannot even pay the network.

    A token account is opened with the first tokens of a mint and closed with the last, so that its rent comes back; an
    account that is kept empty is not modelled, nor is the rent that the launchpad keeps of a wallet's very first buy.
    """
    if purse.lamports < order.network_fee_lamports:
        return None
    try:
        if order.side is Side.BUY:
            return _buy(order, purse, venue, quote_buy(venue, order.spend_lamports, fees))
        if order.token_raw > purse.token_raw.get(order.mint, 0):
            return _failed(order, venue, NOT_ENOUGH_TO_SELL)
        return _sale(order, purse, venue, quote_sell(venue, order.token_raw, fees))
    except AwaitsPoolError:
        return _failed(order, venue, CURVE_COMPLETE)
    except QuoteError:
        return _failed(order, venue, REFUSED_AMOUNT)


def _buy(order: PaperOrder, purse: Purse, venue: Venue, quote: Quote) -> Outcome:
    if quote.token_raw < order.limit_raw:
        return _failed(order, venue, BUY_BELOW_LIMIT if isinstance(venue, Curve) else POOL_BELOW_LIMIT)
    rent = 0 if purse.token_raw.get(order.mint) else TOKEN_ACCOUNT_RENT_LAMPORTS
    cost = quote.paid_lamports + order.network_fee_lamports + order.tip_lamports + rent
    if purse.lamports - cost < LEAST_BALANCE_LAMPORTS:
        return _failed(order, venue, NOT_ENOUGH)
    trade = _evidence(quote, is_buy=True)
    return Outcome(-cost, quote.token_raw, rent, order.tip_lamports, trade, None, venue.slot)


def _sale(order: PaperOrder, purse: Purse, venue: Venue, quote: Quote) -> Outcome:
    if quote.received_lamports < order.limit_raw:
        return _failed(order, venue, SALE_BELOW_LIMIT if isinstance(venue, Curve) else POOL_BELOW_LIMIT)
    is_last = order.token_raw == purse.token_raw[order.mint]
    rent = -TOKEN_ACCOUNT_RENT_LAMPORTS if is_last else 0
    gain = quote.received_lamports - order.network_fee_lamports - order.tip_lamports - rent
    if purse.lamports + gain < 0:
        return _failed(order, venue, NOT_ENOUGH)
    trade = _evidence(quote, is_buy=False)
    return Outcome(gain, -quote.token_raw, rent, order.tip_lamports, trade, None, venue.slot)


def _failed(order: PaperOrder, venue: Venue, program_error: int) -> Outcome:
    """The network keeps its fee; what fails pays no tip."""
    return Outcome(-order.network_fee_lamports, 0, 0, 0, None, program_error, venue.slot)


def _evidence(quote: Quote, *, is_buy: bool) -> TradeEvidence:
    return TradeEvidence(
        is_buy=is_buy,
        token_raw=quote.token_raw,
        quote_lamports=quote.quote_lamports,
        protocol_fee_lamports=quote.protocol_fee_lamports,
        creator_fee_lamports=quote.creator_fee_lamports,
        lp_fee_lamports=quote.lp_fee_lamports,
    )
