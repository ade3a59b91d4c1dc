"""When two looks at a market tell the same, and when one of them would make another bound."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.curve import Curve, Fees
from bot.trading.pool import Pool, PoolFees
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.venue import alike, borne_out, quote_buy, same_reserves

CURVE = Curve(
    virtual_token_raw=900_000_000_000_000,
    virtual_quote_lamports=35_766_666_666,
    real_token_raw=620_100_000_000_000,
    real_quote_lamports=5_766_666_666,
    complete=False,
    creator="Creator",
    slot=7,
    told_by="rpc-1",
)
POOL = Pool(206_900 * 10**9, 85 * LAMPORTS_PER_SOL, 0, 10**15, PoolFees(2, 93, 30), "Creator", 7, "rpc-1")
TOLERANCE_BPS = 1_000


def traded(curve: Curve, lamports: int) -> Curve:
    """The curve after a buy, or a sale where it is below zero, without rounding of its own."""
    token_raw = curve.virtual_token_raw * lamports // (curve.virtual_quote_lamports + lamports)
    return replace(
        curve,
        virtual_token_raw=curve.virtual_token_raw - token_raw,
        virtual_quote_lamports=curve.virtual_quote_lamports + lamports,
        real_token_raw=curve.real_token_raw - token_raw,
        real_quote_lamports=curve.real_quote_lamports + lamports,
    )


def test_who_told_and_when_makes_no_other_reserves() -> None:
    assert same_reserves(CURVE, replace(CURVE, slot=9, told_by="rpc-2"))
    assert same_reserves(POOL, borne_out(POOL))
    assert borne_out(POOL).told_by == ""
    assert not same_reserves(CURVE, traded(CURVE, 1))
    assert not same_reserves(CURVE, POOL)


@given(st.integers(-5_000_000_000, 30 * LAMPORTS_PER_SOL), st.integers(1, LAMPORTS_PER_SOL))
def test_what_is_alike_brings_a_buyer_the_same_within_the_tolerance(moved_lamports: int, spend_lamports: int) -> None:
    other = traded(CURVE, moved_lamports)
    if not alike(CURVE, other, TOLERANCE_BPS):
        return
    brought = [quote_buy(curve, spend_lamports + 1_000, Fees()).token_raw for curve in (CURVE, other)]
    assert max(brought) * (BPS - TOLERANCE_BPS) <= min(brought) * BPS + BPS


def test_reserves_that_no_trade_leads_to_are_not_alike_whatever_their_price() -> None:
    shallow = replace(
        CURVE,
        virtual_token_raw=CURVE.virtual_token_raw // 100,
        virtual_quote_lamports=CURVE.virtual_quote_lamports // 100,
    )
    for told in (shallow, replace(CURVE, real_token_raw=1), replace(CURVE, complete=True)):
        assert not alike(CURVE, told, TOLERANCE_BPS)
    for pool in (
        replace(POOL, token_raw=POOL.token_raw // 100, quote_lamports=POOL.quote_lamports // 100),
        replace(POOL, fees=PoolFees(2, 5_000, 30)),
        replace(POOL, virtual_quote_lamports=1),
    ):
        assert not alike(POOL, pool, TOLERANCE_BPS)
    assert alike(POOL, replace(POOL, slot=8), TOLERANCE_BPS)
    assert not alike(POOL, CURVE, BPS)
