"""The score of a wallet: never outside its bounds, drawn to nothing by few rounds and by rest."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.wallet_ledger import WalletRecord, WalletResults
from bot.trading.wallet_score import FRESH_S, HALF_LIFE_S, MOST, STALE_S, freshness_bps, score_of

SOL = LAMPORTS_PER_SOL
NOW_S = 1_700_000_000


def good(rounds: int) -> WalletRecord:
    """Wins three in five, half of what it spends on a win, and loses a fifth on the others."""
    won = rounds * 3 // 5
    lost = rounds - won
    results = WalletResults(
        swaps=2 * rounds,
        rounds=rounds,
        won=won,
        won_lamports=won * SOL // 2,
        lost_lamports=lost * SOL // 5,
        held_s=300 * rounds,
        return_bps=won * 5_000 - lost * 2_000,
        return_bps_squared=won * 5_000**2 + lost * 2_000**2,
    )
    return WalletRecord("W", results, tokens=rounds, last_at_s=NOW_S)


RESULTS = st.builds(
    WalletResults,
    swaps=st.integers(0, 10**9),
    rounds=st.integers(0, 10**9),
    won=st.integers(0, 10**9),
    won_lamports=st.integers(0, 10**30),
    lost_lamports=st.integers(0, 10**30),
    held_s=st.integers(0, 10**15),
    return_bps=st.integers(-(10**14), 10**14),
    return_bps_squared=st.integers(0, 10**20),
)


def test_three_lucky_tokens_make_nobody_good_and_fifty_do() -> None:
    lucky = WalletResults(
        swaps=6, rounds=3, won=3, won_lamports=90 * SOL, held_s=900, return_bps=300_000, return_bps_squared=3 * 10**10
    )
    assert score_of(WalletRecord("W", lucky, tokens=3, last_at_s=NOW_S), NOW_S).points < 25
    assert [score_of(good(rounds), NOW_S).points for rounds in (0, 5, 50, 500)] == [0, 23, 73, 84]


def test_a_wallet_that_nobody_saw_trade_has_no_score() -> None:
    score = score_of(WalletRecord("W"), NOW_S)
    assert (score.points, score.fresh_bps, score.bps) == (0, 0, 0)


def test_losing_more_than_winning_leaves_little() -> None:
    results = replace(good(50).results, won=10, won_lamports=SOL, lost_lamports=8 * SOL, return_bps=-100_000)
    assert score_of(WalletRecord("W", results, tokens=50, last_at_s=NOW_S), NOW_S).points < 30


def test_who_sells_before_anybody_can_follow_has_no_points_for_pace() -> None:
    record = good(50)
    fast = replace(record, results=replace(record.results, held_s=50 * 9))
    assert next(part.points for part in score_of(fast, NOW_S).parts if part.name == "pace") == 0
    assert score_of(fast, NOW_S).points < score_of(record, NOW_S).points


def test_a_score_fades_by_half_every_fortnight_and_is_gone_after_ninety_days() -> None:
    rests = (0, FRESH_S, FRESH_S + HALF_LIFE_S, FRESH_S + 2 * HALF_LIFE_S, STALE_S)
    assert [freshness_bps(rest_s) for rest_s in rests] == [BPS, BPS, 5_000, 2_500, 0]
    assert score_of(good(50), NOW_S + FRESH_S + HALF_LIFE_S).points == 36
    assert freshness_bps(-5) == BPS


@given(st.integers(0, STALE_S * 2), st.integers(0, STALE_S))
def test_resting_longer_never_makes_fresher(rested_s: int, more_s: int) -> None:
    assert 0 <= freshness_bps(rested_s + more_s) <= freshness_bps(rested_s) <= BPS


@given(RESULTS, st.integers(0, 2 * NOW_S))
def test_no_results_however_absurd_leave_the_bounds(results: WalletResults, last_at_s: int) -> None:
    score = score_of(WalletRecord("W", results, tokens=1, last_at_s=last_at_s), NOW_S)
    assert type(score.points) is int
    assert 0 <= score.points <= MOST
    assert all(0 <= part.points <= part.most for part in score.parts)
    assert sum(part.most for part in score.parts) == MOST


@given(st.integers(1, 400))
def test_more_rounds_of_the_same_kind_never_score_less(fives: int) -> None:
    assert score_of(good(5 * fives), NOW_S).points <= score_of(good(5 * fives + 5), NOW_S).points
