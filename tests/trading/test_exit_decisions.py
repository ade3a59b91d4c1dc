"""When a position is left: the stop first, then the gain, the age last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.exits import Exit, ExitReason, decide_exit
from bot.trading.intent import Side
from bot.trading.position import ExitPlan, Position
from tests.trading.trading_samples import fill, opened

COST = 100_000
plans = st.builds(
    ExitPlan,
    take_profit_bps=st.none() | st.integers(1, 100_000),
    stop_loss_bps=st.none() | st.integers(1, 10_000),
    max_hold_s=st.none() | st.integers(1, 86_400),
)


def held(plan: ExitPlan, cost: int = COST) -> Position:
    return opened(fill(Side.BUY, 1_000, cost), plan)


@pytest.mark.parametrize(
    ("proceeds", "age_ms", "reason"),
    [
        (90_000, 0, ExitReason.STOP_LOSS),
        (90_001, 0, ExitReason.STOP_LOSS),  # a loss of 9.999 % is rounded towards the stop
        (90_010, 0, None),
        (0, 0, ExitReason.STOP_LOSS),
        (-5_000, 0, ExitReason.STOP_LOSS),
        (119_999, 0, None),
        (120_000, 0, ExitReason.TAKE_PROFIT),
        (100_000, 899_999, None),
        (100_000, 900_000, ExitReason.TIME),
        (90_000, 900_000, ExitReason.STOP_LOSS),
        (120_000, 900_000, ExitReason.TAKE_PROFIT),
    ],
)
def test_the_default_plan_leaves_at_its_thresholds(proceeds: int, age_ms: int, reason: ExitReason | None) -> None:
    position = held(ExitPlan(take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=900))
    decided = decide_exit(position, proceeds, position.opened_at_ms + age_ms)
    assert (decided.reason if decided else None) == reason
    assert decided is None or decided.share_bps == 10_000


@given(proceeds=st.integers(-(10**12), 10**15), age_ms=st.integers(0, 10**10))
def test_a_plan_that_is_switched_off_never_leaves(proceeds: int, age_ms: int) -> None:
    position = held(ExitPlan(None, None, None))
    assert decide_exit(position, proceeds, position.opened_at_ms + age_ms) is None


@given(plan=plans, proceeds=st.integers(-(10**9), 10**9), worse=st.integers(1, 10**9), now_ms=st.integers(0, 10**14))
def test_a_worse_quote_never_calls_off_a_stop(plan: ExitPlan, proceeds: int, worse: int, now_ms: int) -> None:
    first = decide_exit(held(plan), proceeds, now_ms)
    if first is not None and first.reason is ExitReason.STOP_LOSS:
        second = decide_exit(held(plan), proceeds - worse, now_ms)
        assert second is not None
        assert second.reason is ExitReason.STOP_LOSS


@given(plan=plans, proceeds=st.integers(-(10**9), 10**9), later=st.integers(0, 10**8))
def test_waiting_never_calls_off_an_exit(plan: ExitPlan, proceeds: int, later: int) -> None:
    position = held(plan)
    first = decide_exit(position, proceeds, position.opened_at_ms)
    second = decide_exit(position, proceeds, position.opened_at_ms + later)
    assert first is None or second == first


@given(plan=plans, proceeds=st.integers(0, 10**9), age_ms=st.integers(0, 10**8))
def test_every_exit_is_one_that_the_plan_asked_for(plan: ExitPlan, proceeds: int, age_ms: int) -> None:
    position = held(plan)
    decided = decide_exit(position, proceeds, position.opened_at_ms + age_ms)
    if decided is None:
        return
    gain = proceeds - COST
    if decided.reason is ExitReason.STOP_LOSS:
        assert plan.stop_loss_bps is not None
        assert gain < 0
    elif decided.reason is ExitReason.TAKE_PROFIT:
        assert plan.take_profit_bps is not None
        assert gain * 10_000 >= plan.take_profit_bps * COST
    else:
        assert plan.max_hold_s is not None
        assert age_ms >= plan.max_hold_s * 1000


def test_tokens_that_cost_nothing_have_no_stop_and_no_gain_but_an_age() -> None:
    position = held(ExitPlan(1, 1, 60), cost=0)
    assert decide_exit(position, 10**9, position.opened_at_ms) is None
    assert decide_exit(position, 10**9, position.opened_at_ms + 60_000) == Exit(ExitReason.TIME, 10_000, 0)


def test_rent_that_the_program_takes_once_stops_no_position() -> None:
    small = fill(Side.BUY, 1_000, 10_000_000, network_fee_lamports=55_000, other_lamports=1_844_400)
    position = opened(small, ExitPlan(take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=900))
    assert (position.cost_lamports, position.basis_lamports) == (11_899_400, 10_055_000)
    assert decide_exit(position, 9_800_000, position.opened_at_ms) is None
    stopped = decide_exit(position, 9_049_500, position.opened_at_ms)
    assert stopped is not None
    assert stopped.reason is ExitReason.STOP_LOSS
