"""The pool that a completed curve migrates to, in integers: a constant product with three fees.

Formulas and rounding: the official pool SDK 1.20.0, whose results they meet to the lamport. Fee tiers: the fee program's
account of the pool program. Amounts are lamports and raw token units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.trading.curve import Quote, QuoteError
from bot.trading.units import BPS, bps_ceil, ceil_div


class PoolError(QuoteError):
    """A quote that the pool would refuse: zero, or more than it holds."""


@dataclass(frozen=True, slots=True)
class PoolFees:
    """Trading fees of a pool in basis points, each rounded up by the program; the first stays in the pool."""

    lp_bps: int
    protocol_bps: int
    creator_bps: int

    @property
    def sum_bps(self) -> int:
        """All three together."""
        return self.lp_bps + self.protocol_bps + self.creator_bps


@dataclass(frozen=True, slots=True)
class PoolFeeTier:
    """Fees of every coin whose market cap in lamports is at least the threshold."""

    market_cap_lamports: int
    fees: PoolFees


@dataclass(frozen=True, slots=True)
class Pool:
    """Reserves of one pool at one slot, and the fees that its program takes there.

    `quote_lamports` is what the vault holds; the price also counts `virtual_quote_lamports`, which nobody can take out
    and which may be negative. `creator` is the base58 key of whoever earns the creator fee. `told_by` is the endpoint whose
    word alone this is; empty where two endpoints told it alike.
    """

    token_raw: int
    quote_lamports: int
    virtual_quote_lamports: int
    supply_raw: int
    fees: PoolFees
    creator: str
    slot: int
    told_by: str = field(default="", compare=False)

    @property
    def priced_lamports(self) -> int:
        """The side of SOL that the price is made of."""
        return self.quote_lamports + self.virtual_quote_lamports

    @property
    def market_cap_lamports(self) -> int:
        """Price of the whole supply; 0 for an empty pool."""
        return market_cap_lamports(self.token_raw, self.priced_lamports, self.supply_raw)

    @property
    def liquidity_lamports(self) -> int:
        """The SOL that sellers can be paid from."""
        return self.quote_lamports


def market_cap_lamports(token_raw: int, priced_lamports: int, supply_raw: int) -> int:
    """Price of the whole supply, rounded down as the program does before it looks for a tier; 0 for an empty pool."""
    return max(priced_lamports, 0) * supply_raw // token_raw if token_raw > 0 else 0


def fees_at(tiers: Sequence[PoolFeeTier], cap_lamports: int) -> PoolFees:
    """The fees of the last tier, in order of thresholds, that a market cap reaches; below all of them the first one's."""
    if not tiers:
        raise ValueError("a pool's fee schedule has no tier")
    reached = [tier.fees for tier in tiers if tier.market_cap_lamports <= cap_lamports]
    return reached[-1] if reached else tiers[0].fees


def impact_bps(pool: Pool, quote: Quote) -> int:
    """How much worse than the price before it a trade is, fees apart, because it moves the price itself."""
    if pool.priced_lamports <= 0:
        return BPS
    share_bps = quote.quote_lamports * pool.token_raw * BPS // (quote.token_raw * pool.priced_lamports)
    return abs(share_bps - BPS)


def _with_fees(token_raw: int, quote_lamports: int, fees: PoolFees) -> Quote:
    return Quote(
        token_raw,
        quote_lamports,
        bps_ceil(quote_lamports, fees.protocol_bps),
        bps_ceil(quote_lamports, fees.creator_bps),
        bps_ceil(quote_lamports, fees.lp_bps),
    )


def _refuse_empty(pool: Pool) -> None:
    if pool.token_raw <= 0 or pool.priced_lamports <= 0:
        raise PoolError("the pool is empty")


def quote_buy_tokens(pool: Pool, token_raw: int) -> Quote:
    """The cost of exactly `token_raw`; raises QuoteError when the pool does not hold that many."""
    _refuse_empty(pool)
    if token_raw <= 0:
        raise PoolError("a buy of zero tokens")
    if token_raw >= pool.token_raw:
        raise PoolError("the pool does not hold that many tokens")
    return _with_fees(token_raw, ceil_div(pool.priced_lamports * token_raw, pool.token_raw - token_raw), pool.fees)


def quote_buy(pool: Pool, spend_lamports: int) -> Quote:
    """What the program gives for `spend_lamports`, fees included; what is paid never exceeds it. Raises QuoteError."""
    _refuse_empty(pool)
    into_pool = max(spend_lamports, 0) * BPS // (BPS + pool.fees.sum_bps)
    into_pool -= max(0, _with_fees(0, into_pool, pool.fees).paid_lamports - spend_lamports)
    if into_pool < 2:
        raise PoolError("too little to buy anything")
    token_raw = pool.token_raw * (into_pool - 1) // (pool.priced_lamports + into_pool - 1)
    if token_raw == 0:
        raise PoolError("too little to buy anything")
    return _with_fees(token_raw, into_pool, pool.fees)


def quote_sell(pool: Pool, token_raw: int) -> Quote:
    """The proceeds of selling `token_raw`; raises QuoteError when the vault's own SOL does not cover them."""
    _refuse_empty(pool)
    if token_raw <= 0:
        raise PoolError("a sale of zero tokens")
    quote = _with_fees(token_raw, pool.priced_lamports * token_raw // (pool.token_raw + token_raw), pool.fees)
    if quote.quote_lamports - quote.lp_fee_lamports > pool.quote_lamports:
        raise PoolError("the pool does not hold that much SOL")
    return quote
