"""What a strategy's results leave of the amount that its user set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.weight import FULL, LEAST_BPS, STEP_BPS, TRADES_MIN, Results, Weight, weighed_by_results

SOL = LAMPORTS_PER_SOL
LOSING = Results(won=20, lost=40, won_lamports=SOL, lost_lamports=-3 * SOL)


def after(looks: int, results: Results) -> Weight:
    weight = FULL
    for _ in range(looks):
        weight = weighed_by_results(results, weight)
    return weight


def test_few_results_and_gains_leave_all_of_it() -> None:
    few = Results(won=0, lost=TRADES_MIN - 1, lost_lamports=-SOL)
    assert after(50, few) == FULL
    assert after(50, Results(won=30, lost=30, won_lamports=3 * SOL, lost_lamports=-SOL)) == FULL


def test_losses_take_a_step_at_a_time_down_to_what_they_are_worth() -> None:
    # Half of what moved was lost; 60 results beside 40 that believe in nothing: 0.5 * 0.6 = 30 % less.
    assert after(1, LOSING).bps == BPS - STEP_BPS
    assert after(50, LOSING).bps == 7_000
    assert after(50, LOSING).why == "60 closed positions of your sniper came to -2 SOL, so it spends 70 %"


def test_nothing_but_losses_leaves_a_quarter_and_gains_bring_it_back() -> None:
    low = after(50, Results(won=0, lost=10_000, lost_lamports=-100 * SOL))
    assert low.bps == LEAST_BPS
    better = Results(won=10_000, lost=0, won_lamports=SOL)
    assert weighed_by_results(better, low).bps == LEAST_BPS + STEP_BPS
    weight = low
    for _ in range(50):
        weight = weighed_by_results(better, weight)
    assert weight == FULL


@given(
    counts=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    sums=st.tuples(st.integers(0, 10**30), st.integers(-(10**30), 0)),
    before=st.integers(-(10**9), 10**9),
)
def test_no_result_however_absurd_leaves_its_bounds(
    counts: tuple[int, int], sums: tuple[int, int], before: int
) -> None:
    held = min(max(before, LEAST_BPS), BPS)
    weight = weighed_by_results(Results(*counts, *sums), Weight(held))
    assert LEAST_BPS <= weight.bps <= BPS
    assert abs(weight.bps - held) <= STEP_BPS
