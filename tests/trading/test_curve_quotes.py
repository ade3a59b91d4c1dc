"""The bonding curve in integers: the official SDK's results, and what must hold for every trade."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    Curve,
    Fees,
    QuoteError,
    impact_bps,
    quote_buy,
    quote_buy_tokens,
    quote_sell,
)
from bot.trading.intent import Side
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.trading.trading_samples import FRESH, after, curves, fees, lamports

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "vectors.json").read_text("utf-8"))["bonding_curve"]


def test_the_official_results_are_met_to_the_lamport() -> None:
    assert len(VECTORS) == 120
    for row in VECTORS:
        # The files hold no real SOL; every curve of theirs holds more than its sale takes out.
        curve = Curve(row["vt"], row["vq"], row["rt"], 10**15, complete=False, creator="creator", slot=0)
        bought_raw, cost_lamports, proceeds_lamports = map(int, row["out"])
        assert quote_buy(curve, row["sol"], Fees()).token_raw == bought_raw
        assert quote_buy_tokens(curve, row["tok"], Fees()).paid_lamports == cost_lamports
        assert quote_sell(curve, row["tok"], Fees()).received_lamports == proceeds_lamports


def test_the_whole_curve_costs_85_sol_and_ends_complete() -> None:
    quote = quote_buy_tokens(FRESH, INITIAL_REAL_TOKEN_RAW, Fees(0, 0))
    done = after(FRESH, Side.BUY, quote)
    assert quote.paid_lamports == 85_005_359_057
    assert done.complete
    assert (FRESH.progress_bps, done.progress_bps) == (0, BPS)
    assert (FRESH.market_cap_lamports, done.market_cap_lamports) == (27_958_993_476, 410_880_168_120)


def test_a_buy_larger_than_the_curve_takes_what_is_left() -> None:
    quote = quote_buy(FRESH, 1_000 * LAMPORTS_PER_SOL, Fees())
    assert quote.token_raw == INITIAL_REAL_TOKEN_RAW
    assert quote.paid_lamports < 87 * LAMPORTS_PER_SOL


def test_a_division_without_rest_costs_no_more_than_was_given() -> None:
    # 7 SOL into a fresh curve give exactly 203,000,000 tokens; the program's `+ 1` would pass the limit by two lamports.
    quote = quote_buy(FRESH, 7_087_500_001, Fees())
    assert quote.paid_lamports <= 7_087_500_001
    assert quote.token_raw == 202_999_999_999_999


@given(st.integers(10**6, 80 * LAMPORTS_PER_SOL))
def test_the_impact_of_a_buy_is_its_share_of_the_virtual_sol(spend_lamports: int) -> None:
    quote = quote_buy(FRESH, spend_lamports, Fees())
    share_bps = quote.quote_lamports * BPS // FRESH.virtual_quote_lamports
    assert abs(impact_bps(FRESH, quote) - share_bps) <= 1


def test_a_curve_without_sol_has_no_price() -> None:
    emptied = replace(FRESH, virtual_token_raw=0, virtual_quote_lamports=0, real_token_raw=0)
    assert impact_bps(emptied, quote_sell(emptied, 5, Fees())) == BPS


@pytest.mark.parametrize("amount", [0, -1, 1])
def test_nothing_cannot_be_bought(amount: int) -> None:
    with pytest.raises(QuoteError):
        quote_buy(FRESH, amount, Fees())


def test_trades_that_the_program_refuses_are_refused() -> None:
    complete = replace(FRESH, complete=True)
    emptied = replace(FRESH, virtual_token_raw=0, virtual_quote_lamports=0, real_token_raw=0)
    strange = replace(FRESH, virtual_token_raw=5, real_token_raw=5)
    for curve, token_raw in ((complete, 1), (FRESH, 0), (FRESH, -1), (FRESH, INITIAL_REAL_TOKEN_RAW + 1), (strange, 5)):
        with pytest.raises(QuoteError):
            quote_buy_tokens(curve, token_raw, Fees())
    for curve, token_raw in ((complete, 1), (FRESH, 0), (FRESH, -1)):
        with pytest.raises(QuoteError):
            quote_sell(curve, token_raw, Fees())
    for curve in (complete, emptied):
        with pytest.raises(QuoteError):
            quote_buy(curve, LAMPORTS_PER_SOL, Fees())
    assert emptied.market_cap_lamports == 0


@given(curve=curves(), spend=lamports, rates=fees)
def test_buying_never_lowers_the_price_and_never_costs_more_than_given(curve: Curve, spend: int, rates: Fees) -> None:
    try:
        quote = quote_buy(curve, spend, rates)
    except QuoteError:
        assume(condition=False)
    moved = after(curve, Side.BUY, quote)
    assert quote.paid_lamports <= spend
    assert quote.token_raw == curve.real_token_raw or spend - quote.paid_lamports <= 4
    assert (
        moved.virtual_quote_lamports * curve.virtual_token_raw > curve.virtual_quote_lamports * moved.virtual_token_raw
    )
    assert moved.market_cap_lamports >= curve.market_cap_lamports


@given(curve=curves(), token_raw=st.integers(1, INITIAL_REAL_TOKEN_RAW), rates=fees)
def test_selling_never_raises_the_price_nor_takes_more_than_is_there(curve: Curve, token_raw: int, rates: Fees) -> None:
    try:
        quote = quote_sell(curve, token_raw, rates)
    except QuoteError:
        assume(condition=False)
    moved = after(curve, Side.SELL, quote)
    assert 0 <= quote.quote_lamports <= curve.real_quote_lamports
    assert quote.received_lamports <= quote.quote_lamports
    assert moved.market_cap_lamports <= curve.market_cap_lamports


@given(curve=curves(), spend=lamports, rates=fees)
def test_a_round_trip_never_gains(curve: Curve, spend: int, rates: Fees) -> None:
    try:
        bought = quote_buy(curve, spend, rates)
    except QuoteError:
        assume(condition=False)
    there = replace(after(curve, Side.BUY, bought), complete=False)
    assert quote_sell(there, bought.token_raw, rates).received_lamports < bought.paid_lamports


@given(
    curve=curves(),
    rates=fees,
    trades=st.lists(st.tuples(st.booleans(), st.integers(1, 10 * LAMPORTS_PER_SOL), st.integers(1, BPS)), max_size=12),
)
def test_no_sequence_of_own_trades_gains(curve: Curve, rates: Fees, trades: list[tuple[bool, int, int]]) -> None:
    held_raw, balance_lamports = 0, 0
    product = curve.virtual_token_raw * curve.virtual_quote_lamports
    for is_buy, spend, share_bps in [*trades, (False, 0, BPS)]:
        try:
            side = Side.BUY if is_buy else Side.SELL
            quote = quote_buy(curve, spend, rates) if is_buy else quote_sell(curve, held_raw * share_bps // BPS, rates)
        except QuoteError:
            continue
        balance_lamports += -quote.paid_lamports if is_buy else quote.received_lamports
        held_raw += quote.token_raw if is_buy else -quote.token_raw
        curve = replace(after(curve, side, quote), complete=False)
        assert curve.virtual_token_raw * curve.virtual_quote_lamports >= product
        product = curve.virtual_token_raw * curve.virtual_quote_lamports
    assert held_raw == 0
    assert balance_lamports <= 0
