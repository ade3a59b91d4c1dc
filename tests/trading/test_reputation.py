"""Reputation: bounded whatever the trades are, no reward for one stroke of luck, and nothing above bronze for a loser."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.reputation import (
    DAY_MS,
    LOSER_MOST,
    TOKENS_LEAST,
    ClosedTrade,
    TraderSums,
    reputation_of,
    sums_of,
)
from bot.trading.tiers import Tier
from bot.trading.units import LAMPORTS_PER_SOL

COST = LAMPORTS_PER_SOL // 10
TRADES = st.lists(
    st.builds(
        ClosedTrade,
        mint=st.sampled_from([f"Mint{number}" for number in range(30)]),
        cost_lamports=st.one_of(st.integers(0, 10), st.integers(0, 2**62)),
        result_lamports=st.integers(-(2**62), 2**62),
        closed_at_ms=st.integers(0, 20 * DAY_MS),
    ),
    max_size=60,
)


def trades_with(*returns_bps: int) -> list[ClosedTrade]:
    """One for each return, each in a token of its own, four on each day."""
    return [
        ClosedTrade(f"Mint{number}", COST, COST * one // 10_000, number * DAY_MS // 4)
        for number, one in enumerate(returns_bps)
    ]


def points_of(*returns_bps: int) -> int:
    points = reputation_of(trades_with(*returns_bps)).points
    assert points is not None
    return points


@given(TRADES)
def test_points_are_the_sum_of_their_parts_and_never_leave_the_scale(trades: list[ClosedTrade]) -> None:
    reputation = reputation_of(trades)
    if reputation.points is None:
        assert (reputation.parts, reputation.tier) == ((), None)
        assert "tokens" in reputation.lacks
        return
    assert 0 <= reputation.points <= 100
    assert reputation.points == sum(part.points for part in reputation.parts)
    assert all(0 <= part.points <= part.most for part in reputation.parts if part.name != "loss")
    counted = [one for one in trades if one.cost_lamports >= LAMPORTS_PER_SOL // 1_000]
    if sum(one.result_lamports for one in counted) <= 0:
        assert reputation.points <= LOSER_MOST


@given(TRADES)
def test_sums_hold_every_lamport(trades: list[ClosedTrade]) -> None:
    sums = sums_of(trades)
    assert sums.trades == len(trades)
    assert sums.result_lamports == sum(one.result_lamports for one in trades)
    assert sums.lost_lamports <= 0 <= sums.won_lamports


def test_too_few_tokens_or_days_are_no_record() -> None:
    few = trades_with(*[1_000] * (TOKENS_LEAST - 1))
    assert reputation_of(few).points is None
    assert reputation_of([]).lacks.startswith("0 of 10 tokens and 0 of 3 days")
    one_day = [replace(one, closed_at_ms=0) for one in trades_with(*[1_000] * 40)]
    assert reputation_of(one_day).points is None
    one_token = [replace(one, mint="Mint") for one in trades_with(*[1_000] * 40)]
    assert reputation_of(one_token).points is None
    dust = [replace(one, cost_lamports=1) for one in trades_with(*[1_000] * 40)]
    assert reputation_of(dust).points is None


def test_one_hundredfold_among_losses_is_luck_and_a_small_steady_gain_is_not() -> None:
    lucky = points_of(*[-3_000] * 19, 1_000_000)
    steady = points_of(*[500, 1_500] * 10)
    assert lucky < 40 < steady


def test_a_hundredfold_counts_as_no_more_than_a_doubling() -> None:
    assert points_of(*[500] * 18, 10_000, 10_000) == points_of(*[500] * 18, 10_000, 9_000_000)


def test_dividing_one_lucky_trade_makes_it_no_habit() -> None:
    whole = trades_with(*[-1_000] * 12, 10_000)
    parts = [replace(whole[-1], cost_lamports=COST // 20, result_lamports=COST // 20) for _ in range(20)]
    points = reputation_of(whole).points
    divided = reputation_of([*whole[:-1], *parts]).points
    assert points is not None
    assert divided is not None
    assert divided <= points


def test_more_of_the_same_is_known_better_and_a_deep_low_costs_points() -> None:
    assert points_of(*[500, 1_500] * 30) > points_of(*[500, 1_500] * 6)
    calm, deep = [4_000, -2_000] * 20, [4_000] * 20 + [-2_000] * 20
    assert points_of(*deep) < points_of(*calm)


def test_whoever_lost_money_in_all_is_bronze() -> None:
    many_small_gains = [3_000] * 40
    one_big_loss = ClosedTrade("Big", 100 * COST, -100 * COST, 0)
    reputation = reputation_of([*trades_with(*many_small_gains), one_big_loss])
    assert reputation.tier is Tier.BRONZE


def test_a_flawless_record_is_diamond_only_after_many_tokens() -> None:
    assert reputation_of(trades_with(*[5_000] * 300)).tier is Tier.DIAMOND
    assert reputation_of(trades_with(*[5_000] * 12)).tier is not Tier.DIAMOND


def test_a_position_without_a_gain_is_lost() -> None:
    assert sums_of(trades_with(0, 1_000)) == TraderSums(1, 1, COST // 10, 0, 2 * COST)
