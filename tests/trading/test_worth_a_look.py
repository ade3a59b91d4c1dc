"""A price is reckoned where it is told: no exit that a monitor would decide is slept through."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.worth_a_look import is_worth_a_look
from bot.ports import PricePoint
from bot.trading.curve import Curve, Fees, QuoteError
from bot.trading.exits import decide_exit
from bot.trading.intent import Mode, Side
from bot.trading.own_impact import worth
from bot.trading.position import ExitPlan, Position
from tests.trading.trading_samples import curves, fill, opened

FEES = Fees(100, 50)
NOW_MS = 1_790_000_000_000
BPS = st.none() | st.integers(1, 9_000)
PLANS = st.builds(
    ExitPlan,
    take_profit_bps=BPS,
    stop_loss_bps=BPS,
    max_hold_s=st.none() | st.integers(1, 10_000_000),
    trailing_stop_bps=BPS,
)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    first = fill(Side.BUY, draw(st.integers(1, 10**13)), draw(st.integers(1, 10**10)))
    made = replace(opened(first, draw(PLANS)), mode=draw(st.sampled_from(Mode)))
    return replace(made, peak_lamports=draw(st.integers(0, 10**11)))


@given(positions(), curves())
def test_what_a_monitor_would_do_something_about_is_worth_a_look(position: Position, curve: Curve) -> None:
    point = PricePoint(curve, NOW_MS)
    try:
        worth_lamports = worth(position, curve, FEES)
    except QuoteError:
        assert is_worth_a_look(position, point, FEES, NOW_MS)
        return
    rises = position.plan.trailing_stop_bps is not None and worth_lamports > position.peak_lamports
    leaves = decide_exit(position, worth_lamports, NOW_MS) is not None
    assert is_worth_a_look(position, point, FEES, NOW_MS) is (rises or leaves)
