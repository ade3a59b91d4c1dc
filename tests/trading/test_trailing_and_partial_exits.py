"""The trailing stop counts from the peak, and a take-profit of a part happens once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.exits import Exit, ExitReason, decide_exit
from bot.trading.intent import Side
from bot.trading.position import ExitPlan, Position, apply_fill, with_peak
from tests.trading.trading_samples import fill, opened

COST = 100_000
TRAIL = ExitPlan(None, None, None, trailing_stop_bps=1_000)
IN_PARTS = ExitPlan(2_000, 1_000, 900, take_profit_share_bps=3_333)


def held(plan: ExitPlan, *, peak: int = 0, took_profit: bool = False) -> Position:
    return replace(opened(fill(Side.BUY, 1_000, COST), plan), peak_lamports=peak, took_profit=took_profit)


@pytest.mark.parametrize(
    ("peak", "proceeds", "leaves"),
    [
        (0, 0, False),
        (200_000, 180_001, False),
        (200_000, 180_000, True),
        (200_000, 200_000, False),
        (200_000, 250_000, False),
        (101, 91, False),
        (101, 90, True),
        (100, -1, True),
    ],
)
def test_the_trailing_stop_leaves_at_its_distance_from_the_peak(peak: int, proceeds: int, leaves: bool) -> None:
    position = held(TRAIL, peak=peak)
    decided = decide_exit(position, proceeds, position.opened_at_ms)
    assert (decided is not None) == leaves
    assert decided is None or (decided.reason, decided.share_bps) == (ExitReason.TRAILING_STOP, 10_000)


@given(quotes=st.lists(st.integers(0, 10**12), min_size=1), trail=st.integers(1, 10_000))
def test_whoever_follows_every_quote_leaves_at_the_first_that_is_far_enough_below_the_best(
    quotes: list[int], trail: int
) -> None:
    position = held(replace(TRAIL, trailing_stop_bps=trail))
    for number, quote in enumerate(quotes):
        position = with_peak(position, quote)
        best = max(quotes[: number + 1])
        decided = decide_exit(position, quote, position.opened_at_ms)
        assert (decided is not None) == (best > 0 and (best - quote) * 10_000 >= trail * best)


def test_a_loss_is_the_stops_and_a_fall_is_the_trails_before_any_gain_is_taken() -> None:
    both = ExitPlan(2_000, 1_000, 900, trailing_stop_bps=1_000)
    for proceeds, reason in (
        (90_000, ExitReason.STOP_LOSS),
        (150_000, ExitReason.TRAILING_STOP),
        (190_000, ExitReason.TAKE_PROFIT),
    ):
        position = held(both, peak=200_000)
        decided = decide_exit(position, proceeds, position.opened_at_ms)
        assert decided is not None
        assert decided.reason is reason


def test_a_take_profit_of_a_part_happens_once_and_the_rest_stays_with_the_other_rules() -> None:
    position = held(IN_PARTS)
    assert decide_exit(position, 120_000, position.opened_at_ms) == Exit(ExitReason.TAKE_PROFIT, 3_333, 2_000)
    taken = held(IN_PARTS, took_profit=True)
    assert decide_exit(taken, 900_000, taken.opened_at_ms) is None
    assert decide_exit(taken, 90_000, taken.opened_at_ms) == Exit(ExitReason.STOP_LOSS, 10_000, -1_000)
    assert decide_exit(taken, 100_000, taken.opened_at_ms + 900_000) == Exit(ExitReason.TIME, 10_000, 0)


def test_a_take_profit_of_everything_is_tried_until_nothing_is_left() -> None:
    position = held(ExitPlan(2_000, None, None), took_profit=True)
    assert decide_exit(position, 120_000, position.opened_at_ms) == Exit(ExitReason.TAKE_PROFIT, 10_000, 2_000)


@given(peak=st.integers(0, 10**15), parts=st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_sales_never_leave_more_of_the_peak_than_of_the_tokens(peak: int, parts: list[int]) -> None:
    position = held(TRAIL, peak=peak)
    for part in parts:
        if position.token_raw == 0:
            break
        before = position
        position, _ = apply_fill(position, fill(Side.SELL, part, 1))
        assert position.peak_lamports * before.token_raw <= before.peak_lamports * position.token_raw
        assert position.peak_lamports >= 0


def test_a_further_buy_leaves_the_peak_as_it_is() -> None:
    more, _ = apply_fill(held(TRAIL, peak=150_000), fill(Side.BUY, 1_000, COST))
    assert more.peak_lamports == 150_000
