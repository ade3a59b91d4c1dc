"""The pool in integers: the official SDK's results, and what must hold for every trade in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.trading import venue
from bot.trading.curve import AwaitsPoolError, Fees, Quote, QuoteError
from bot.trading.intent import Side
from bot.trading.pool import (
    Pool,
    PoolFees,
    PoolFeeTier,
    fees_at,
    impact_bps,
    quote_buy,
    quote_buy_tokens,
    quote_sell,
)
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.trading.trading_samples import FRESH

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "vectors.json").read_text("utf-8"))["pumpswap"]
SUPPLY_RAW = 10**15
MIGRATED = Pool(206_900 * 10**9, 84_990_359_056, 0, SUPPLY_RAW, PoolFees(2, 93, 30), "creator", 1)

rates = st.builds(
    PoolFees, lp_bps=st.integers(0, 100), protocol_bps=st.integers(0, 200), creator_bps=st.integers(0, 300)
)
pools = st.builds(
    Pool,
    token_raw=st.integers(1, SUPPLY_RAW),
    quote_lamports=st.integers(1, 10_000 * LAMPORTS_PER_SOL),
    virtual_quote_lamports=st.integers(0, 100 * LAMPORTS_PER_SOL),
    supply_raw=st.just(SUPPLY_RAW),
    fees=rates,
    creator=st.just("creator"),
    slot=st.just(1),
)
lamports = st.integers(1, 1_000 * LAMPORTS_PER_SOL)


def after(pool: Pool, side: Side, quote: Quote) -> Pool:
    """The reserves after a trade: the fee for liquidity stays in the pool, the others leave it."""
    sign = 1 if side is Side.BUY else -1
    return replace(
        pool,
        token_raw=pool.token_raw - sign * quote.token_raw,
        quote_lamports=pool.quote_lamports + sign * quote.quote_lamports + quote.lp_fee_lamports,
    )


def test_the_official_results_are_met_to_the_lamport() -> None:
    assert len(VECTORS) == 120
    for row in VECTORS:
        pool = Pool(row["br"], row["qr"], row["vq"], SUPPLY_RAW, PoolFees(*row["f"]), "creator", 0)
        cost_lamports, bought_raw, proceeds_lamports = map(int, row["out"])
        assert quote_buy_tokens(pool, row["base"]).paid_lamports == cost_lamports
        assert quote_buy(pool, row["quote"]).token_raw == bought_raw
        assert quote_sell(pool, row["base"]).received_lamports == proceeds_lamports


def test_the_price_does_not_jump_when_a_curve_migrates() -> None:
    assert MIGRATED.market_cap_lamports == 410_779_889_105
    assert impact_bps(MIGRATED, quote_buy(MIGRATED, LAMPORTS_PER_SOL)) < 130


def test_fees_follow_the_market_cap() -> None:
    tiers = [PoolFeeTier(0, PoolFees(2, 93, 30)), PoolFeeTier(420 * LAMPORTS_PER_SOL, PoolFees(20, 5, 95))]
    assert fees_at(tiers, 0) == fees_at(tiers, 420 * LAMPORTS_PER_SOL - 1) == PoolFees(2, 93, 30)
    assert fees_at(tiers, 420 * LAMPORTS_PER_SOL) == PoolFees(20, 5, 95)
    assert fees_at(tiers[1:], 5) == PoolFees(20, 5, 95)
    with pytest.raises(ValueError, match="no tier"):
        fees_at([], 5)


def test_trades_that_the_program_refuses_are_refused() -> None:
    for pool, token_raw in ((MIGRATED, 0), (MIGRATED, -1), (MIGRATED, MIGRATED.token_raw), (_emptied(), 1)):
        with pytest.raises(QuoteError):
            quote_buy_tokens(pool, token_raw)
    for pool, token_raw in ((MIGRATED, 0), (MIGRATED, -1), (_emptied(), 1)):
        with pytest.raises(QuoteError):
            quote_sell(pool, token_raw)
    for pool, spend in ((MIGRATED, 0), (MIGRATED, -5), (MIGRATED, 3), (_emptied(), LAMPORTS_PER_SOL)):
        with pytest.raises(QuoteError):
            quote_buy(pool, spend)
    only_virtual = replace(MIGRATED, quote_lamports=1, virtual_quote_lamports=84 * LAMPORTS_PER_SOL)
    with pytest.raises(QuoteError, match="that much SOL"):
        quote_sell(only_virtual, 10**12)
    assert impact_bps(_emptied(), quote_sell(MIGRATED, 10**12)) == BPS


def test_one_question_serves_curve_and_pool_and_says_when_neither_trades() -> None:
    curve_fees = Fees()
    assert venue.quote_sell(MIGRATED, 10**12, curve_fees) == quote_sell(MIGRATED, 10**12)
    assert venue.quote_buy(FRESH, LAMPORTS_PER_SOL, curve_fees).lp_fee_lamports == 0
    between = replace(FRESH, complete=True)
    assert venue.awaits_pool(between)
    assert not venue.awaits_pool(MIGRATED)
    with pytest.raises(AwaitsPoolError, match="waits for its pool"):
        venue.quote_sell(between, 10**12, curve_fees)
    with pytest.raises(AwaitsPoolError):
        venue.quote_buy(between, 10**12, curve_fees)


def _emptied() -> Pool:
    return replace(MIGRATED, token_raw=0, quote_lamports=0)


@given(pool=pools, spend=lamports)
def test_buying_takes_less_than_the_pool_holds_and_costs_no_more_than_given(pool: Pool, spend: int) -> None:
    try:
        quote = quote_buy(pool, spend)
    except QuoteError:
        assume(condition=False)
    assert 0 < quote.token_raw < pool.token_raw
    assert quote.paid_lamports <= spend
    assert _product(after(pool, Side.BUY, quote)) >= _product(pool)


@given(pool=pools, token_raw=st.integers(1, SUPPLY_RAW))
def test_selling_takes_no_more_than_the_vault_holds(pool: Pool, token_raw: int) -> None:
    try:
        quote = quote_sell(pool, token_raw)
    except QuoteError:
        assume(condition=False)
    moved = after(pool, Side.SELL, quote)
    assert moved.quote_lamports >= 0
    assert quote.received_lamports <= pool.quote_lamports
    assert _product(moved) >= _product(pool)


@given(pool=pools, spend=lamports)
def test_a_round_trip_never_gains(pool: Pool, spend: int) -> None:
    try:
        bought = quote_buy(pool, spend)
        sold = quote_sell(after(pool, Side.BUY, bought), bought.token_raw)
    except QuoteError:
        assume(condition=False)
    assert sold.received_lamports <= bought.paid_lamports


@given(pool=pools, token_raw=st.integers(1, SUPPLY_RAW))
def test_exactly_so_many_tokens_cost_no_less_than_they_bring_back(pool: Pool, token_raw: int) -> None:
    try:
        bought = quote_buy_tokens(pool, token_raw)
        sold = quote_sell(after(pool, Side.BUY, bought), token_raw)
    except QuoteError:
        assume(condition=False)
    assert sold.received_lamports <= bought.paid_lamports


def _product(pool: Pool) -> int:
    return pool.token_raw * pool.priced_lamports
