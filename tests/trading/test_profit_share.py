"""Profit share: never negative, nothing for a loss won back, and to the lamport however a sale is divided."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.profit_share import ShareState, shared
from bot.trading.units import BPS

RESULTS = st.lists(st.integers(-(10**12), 10**12), max_size=40)
RATES = st.integers(0, 3_000)


def played(results: Iterable[int], share_bps: int, state: ShareState | None = None) -> tuple[ShareState, list[int]]:
    state, shares = state or ShareState(), []
    for result in results:
        state, share = shared(state, result, share_bps)
        shares.append(share)
    return state, shares


@given(RESULTS, RATES)
def test_no_share_is_negative_and_all_of_them_are_the_rate_of_the_best_so_far(results: list[int], rate: int) -> None:
    state, shares = played(results, rate)
    sums = [sum(results[: end + 1]) for end in range(len(results))]
    best = max(0, *sums) if sums else 0
    assert all(share >= 0 for share in shares)
    assert (state.result_lamports, state.high_water_lamports) == (sum(results), best)
    assert sum(shares) == state.share_lamports == best * rate // BPS


@given(RESULTS, RATES, st.integers(1, 10**12))
def test_a_loss_that_is_won_back_has_no_share(results: list[int], rate: int, loss: int) -> None:
    state, _ = played(results, rate)
    fallen, [nothing] = played([-loss], rate, state)
    back, [recovered] = played([loss], rate, fallen)
    below = state.result_lamports < state.high_water_lamports
    assert nothing == 0
    assert recovered == 0
    assert back == state
    if not below:
        assert shared(back, BPS, rate)[1] in {rate, rate + 1}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), RATES)
def test_a_sale_in_parts_has_the_share_of_the_whole(parts: list[int], rate: int) -> None:
    whole, [share] = played([sum(parts)], rate)
    state, shares = played(parts, rate)
    assert (state, sum(shares)) == (whole, share)


@given(RESULTS, st.lists(RATES, min_size=40, max_size=40))
def test_another_rate_counts_from_its_moment_on_and_never_more_than_the_gain(
    results: list[int], rates: list[int]
) -> None:
    state, total = ShareState(), 0
    for result, rate in zip(results, rates, strict=False):
        before = state
        state, share = shared(before, result, rate)
        gain = state.high_water_lamports - before.high_water_lamports
        assert 0 <= share <= gain * rate // BPS + 1
        total += share
    assert total <= state.high_water_lamports
