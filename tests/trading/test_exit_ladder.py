"""The ladder of exits: each rung allows and pays no less than the one before, and never more than its caps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.exits import ExitReason
from bot.trading.ladder import (
    LAST_RUNG,
    MAX_ATTEMPTS,
    WIDEST_BOUND_BPS,
    FeeBounds,
    Tally,
    entry_fee,
    exit_fee,
    rung_of,
)
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS, kept_for_exits
from bot.trading.units import BPS

SLIPPAGE = st.integers(0, BPS)
TRIES = st.integers(0, 50)
MUST = st.sampled_from([reason for reason in ExitReason if reason is not ExitReason.TAKE_PROFIT])
BOUNDS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)).map(lambda pair: FeeBounds(*pair))
MARKET = st.integers(0, 10**12)


@given(SLIPPAGE, TRIES, MUST)
def test_each_rung_allows_no_less_than_the_one_before(first: int, tries: int, reason: ExitReason) -> None:
    rung, after = rung_of(tries, first, reason), rung_of(tries + 1, first, reason)
    assert first <= rung.slippage_bps <= after.slippage_bps <= BPS
    assert rung.doublings <= after.doublings


@given(SLIPPAGE, MUST)
def test_the_first_rung_is_the_users_and_the_last_sells_at_any_price(first: int, reason: ExitReason) -> None:
    assert rung_of(0, first, reason).slippage_bps == first
    assert rung_of(LAST_RUNG, first, reason).slippage_bps == BPS
    assert rung_of(LAST_RUNG - 1, first, reason).slippage_bps <= max(first, WIDEST_BOUND_BPS)


@given(SLIPPAGE, TRIES)
def test_a_take_profit_never_allows_more_than_its_user(first: int, tries: int) -> None:
    assert rung_of(tries, first, ExitReason.TAKE_PROFIT).slippage_bps == first


@given(MARKET, BOUNDS)
def test_an_entry_pays_what_the_market_pays_up_to_the_cap(market: int, bounds: FeeBounds) -> None:
    fee = entry_fee(market, bounds)
    assert 0 <= fee <= bounds.cap_lamports
    assert fee >= min(market, bounds.cap_lamports)


@given(st.lists(MARKET, max_size=30), BOUNDS, st.integers(0, 10**10))
def test_the_attempts_of_one_exit_never_cost_more_than_the_reserve(
    markets: list[int], bounds: FeeBounds, wallet_lamports: int
) -> None:
    tally = Tally()
    for tries, market in enumerate(markets):
        fee = exit_fee(
            market,
            rung_of(tries, 500, ExitReason.PANIC).doublings,
            bounds,
            tally,
            free_lamports=wallet_lamports - tally.fee_lamports,
        )
        assert (fee is not None) or tally.attempts > 0
        if fee is None:
            break
        assert 0 <= fee <= bounds.cap_lamports
        tally = Tally(tally.attempts + 1, tally.fee_lamports + fee + SIGNATURE_FEE_LAMPORTS)
    assert tally.fee_lamports <= EXIT_RESERVE_LAMPORTS
    assert tally.attempts <= MAX_ATTEMPTS


@given(MARKET, st.integers(0, 10), BOUNDS)
def test_a_wallet_that_can_pay_a_signature_only_still_sells(market: int, doublings: int, bounds: FeeBounds) -> None:
    assert exit_fee(market, doublings, bounds, Tally(), free_lamports=SIGNATURE_FEE_LAMPORTS) == 0


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 7), MARKET, st.booleans()), max_size=60), BOUNDS)
def test_exits_that_climb_at_once_on_their_reserves_take_nothing_from_each_other(
    positions: int, steps: list[tuple[int, int, bool]], bounds: FeeBounds
) -> None:
    """Each attempt may land with an error, which costs its fee and brings nothing, and each may still be on its way."""
    wallet_lamports, on_their_way = kept_for_exits(positions), 0
    tallies = [Tally() for _ in range(positions)]
    for order, market, lands in steps:
        tally = tallies[order % positions]
        doublings = rung_of(tally.attempts, 500, ExitReason.FLATTEN).doublings
        free_lamports = wallet_lamports - on_their_way
        fee = exit_fee(market, doublings, bounds, tally, free_lamports=free_lamports)
        assert fee == exit_fee(market, doublings, bounds, tally, free_lamports=10**12)
        if fee is None:
            continue
        cost = fee + SIGNATURE_FEE_LAMPORTS
        tallies[order % positions] = Tally(tally.attempts + 1, tally.fee_lamports + cost)
        on_their_way, wallet_lamports = (
            (on_their_way, wallet_lamports - cost) if lands else (on_their_way + cost, wallet_lamports)
        )
