"""The launchpad's bonding curve in integers.

Formulas, rounding and constants: the program's official SDK 2.0.0 (`bondingCurve.ts`, `fees.ts`); they reproduce its
results and recorded mainnet trades to the lamport. Amounts are lamports and raw token units.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.trading.units import BPS, bps_ceil

TOKEN_SUPPLY_RAW = 1_000_000_000_000_000
INITIAL_VIRTUAL_TOKEN_RAW = 1_073_000_000_000_000
INITIAL_VIRTUAL_QUOTE_LAMPORTS = 30_000_000_000
INITIAL_REAL_TOKEN_RAW = 793_100_000_000_000


class QuoteError(ValueError):
    """A quote that the venue's program would refuse."""


class CurveError(QuoteError):
    """A quote that the curve would refuse: zero, or more than it holds."""


class AwaitsPoolError(QuoteError):
    """The curve is complete and its pool does not exist yet: until somebody migrates it, nothing can be traded."""

    def __init__(self) -> None:
        super().__init__("the coin has left its curve and waits for its pool; until it opens nobody can trade the coin")


@dataclass(frozen=True, slots=True)
class Fees:
    """Trading fees of a curve in basis points, each rounded up by the program."""

    protocol_bps: int = 95
    creator_bps: int = 30


@dataclass(frozen=True, slots=True)
class Curve:
    """Reserves of one bonding curve at one slot. `creator` is its base58 key; a zero creator earns no fee.

    `told_by` is the endpoint, or the service with a stream of its own, whose word alone this is; empty for what two told alike,
    and where there is nobody else to ask.
    """

    virtual_token_raw: int
    virtual_quote_lamports: int
    real_token_raw: int
    real_quote_lamports: int
    complete: bool
    creator: str
    slot: int
    told_by: str = field(default="", compare=False)

    @property
    def market_cap_lamports(self) -> int:
        """Price of the whole supply; 27.96 SOL at the start, 410.88 SOL at completion; 0 once the reserves have migrated."""
        if self.virtual_token_raw == 0:
            return 0
        return self.virtual_quote_lamports * TOKEN_SUPPLY_RAW // self.virtual_token_raw

    @property
    def liquidity_lamports(self) -> int:
        """The SOL that sellers can be paid from, which is what buyers have put in."""
        return self.real_quote_lamports

    @property
    def progress_bps(self) -> int:
        """Share of the curve's own tokens that have been sold."""
        return (INITIAL_REAL_TOKEN_RAW - self.real_token_raw) * BPS // INITIAL_REAL_TOKEN_RAW


@dataclass(frozen=True, slots=True)
class Quote:
    """What one trade moves: `quote_lamports` at the venue's price, fees on top (buy) or taken off (sell).

    The fee for those who provide liquidity is a pool's alone; a curve takes none.
    """

    token_raw: int
    quote_lamports: int
    protocol_fee_lamports: int
    creator_fee_lamports: int
    lp_fee_lamports: int = 0

    @property
    def fees_lamports(self) -> int:
        """All trading fees."""
        return self.protocol_fee_lamports + self.creator_fee_lamports + self.lp_fee_lamports

    @property
    def paid_lamports(self) -> int:
        """What a buyer pays in all."""
        return self.quote_lamports + self.fees_lamports

    @property
    def received_lamports(self) -> int:
        """What a seller receives in all."""
        return self.quote_lamports - self.fees_lamports


def impact_bps(curve: Curve, quote: Quote) -> int:
    """How much worse than the price before it a trade is, fees apart, because it moves the price itself.

    A curve without SOL has no price, and everything is lost there.
    """
    if curve.virtual_quote_lamports == 0:
        return BPS
    share_bps = quote.quote_lamports * curve.virtual_token_raw * BPS // (quote.token_raw * curve.virtual_quote_lamports)
    return abs(share_bps - BPS)


def _with_fees(token_raw: int, quote_lamports: int, fees: Fees) -> Quote:
    return Quote(
        token_raw,
        quote_lamports,
        bps_ceil(quote_lamports, fees.protocol_bps),
        bps_ceil(quote_lamports, fees.creator_bps),
    )


def quote_buy_tokens(curve: Curve, token_raw: int, fees: Fees) -> Quote:
    """The cost of exactly `token_raw`; raises QuoteError when the curve cannot sell that many."""
    if curve.complete:
        raise AwaitsPoolError
    if token_raw <= 0:
        raise CurveError("a buy of zero tokens")
    if token_raw > curve.real_token_raw or token_raw >= curve.virtual_token_raw:
        raise CurveError("the curve does not hold that many tokens")
    quote_lamports = token_raw * curve.virtual_quote_lamports // (curve.virtual_token_raw - token_raw) + 1
    return _with_fees(token_raw, quote_lamports, fees)


def quote_buy(curve: Curve, spend_lamports: int, fees: Fees) -> Quote:
    """What the program gives for `spend_lamports`, fees included; what is paid never exceeds it, by few lamports less."""
    if curve.complete:
        raise AwaitsPoolError
    if spend_lamports < 2:
        raise CurveError("too little to buy anything")
    into_curve = (spend_lamports - 1) * BPS // (BPS + fees.protocol_bps + fees.creator_bps)
    token_raw = into_curve * curve.virtual_token_raw // (curve.virtual_quote_lamports + into_curve)
    token_raw = min(token_raw, curve.real_token_raw)
    if token_raw == 0:
        raise CurveError("too little to buy anything")
    quote = quote_buy_tokens(curve, token_raw, fees)
    if quote.paid_lamports <= spend_lamports:
        return quote
    # Where the division leaves no rest the program's `+ 1` costs up to two lamports too many; one raw unit less does not.
    return quote_buy_tokens(curve, token_raw - 1, fees)


def quote_sell(curve: Curve, token_raw: int, fees: Fees) -> Quote:
    """The proceeds of selling `token_raw`, which are never more than the SOL that the curve holds.

    Tokens of a curve are worth what stands in it. More of them there are in a virtual wallet alone, whose SOL never went in:
    `bot/trading/own_impact.py` has the curve with it.
    """
    if curve.complete:
        raise AwaitsPoolError
    if token_raw <= 0:
        raise CurveError("a sale of zero tokens")
    in_formula = token_raw * curve.virtual_quote_lamports // (curve.virtual_token_raw + token_raw)
    quote = _with_fees(token_raw, min(in_formula, curve.real_quote_lamports), fees)
    # The fees of a lamport or two are more than that.
    return quote if quote.received_lamports >= 0 else _with_fees(token_raw, 0, fees)
