"""What a position sleeps through is nothing that it would wake for, wherever trades lead within what it was told to be quiet."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from bot.clock import Clock
from bot.execution.sleepers import Sleeper, Sleepers
from bot.execution.worth_a_look import REACHES, PositionInterest, is_worth_a_look, quiet_stretch
from bot.ports import PricePoint
from bot.trading.curve import Curve, Fees, QuoteError, quote_buy, quote_buy_tokens, quote_sell
from bot.trading.curve_line import CurveLine
from bot.trading.intent import Mode, Side
from bot.trading.own_impact import worth
from bot.trading.position import ExitPlan, Position
from tests.trading.test_worth_a_look import FEES, NOW_MS
from tests.trading.trading_samples import FRESH, after, curves, fill, opened

NO_FEES = Fees(0, 0)
BPS = st.none() | st.integers(1, 9_000)
PLANS = st.builds(
    ExitPlan,
    take_profit_bps=BPS,
    stop_loss_bps=BPS,
    max_hold_s=st.none() | st.integers(1, 10_000),
    trailing_stop_bps=st.none() | st.integers(1, 5_000),
    take_profit_levels=st.just(()) | st.just((1_000, 5_000, 5_000, 5_000)),
    rug_share_bps=st.none() | st.just(200),
)


@st.composite
def held(draw: st.DrawFn, shown: list[Curve]) -> Position:
    """A position that was bought near the first of these prices, or one whose plan asks for something about at one of them."""
    if draw(st.booleans()):
        token_raw = draw(st.integers(1, 2 * 10**15))
    else:
        token_raw = _bought_raw(shown[0], draw(st.integers(10_000, 5_000_000_000)))
    made = opened(fill(Side.BUY, token_raw, 1), draw(PLANS))
    made = replace(made, mode=draw(st.sampled_from(Mode)), opened_at_ms=NOW_MS)
    bought_for = max(_worth(made, shown[0]) * draw(st.integers(60, 140)) // 100, 1)
    peak = draw(st.just(0) | st.just(bought_for) | st.integers(bought_for, 2 * bought_for + 1))
    made = replace(made, basis_lamports=bought_for, cost_lamports=bought_for, peak_lamports=peak)
    what, at = draw(st.sampled_from(["anything", "peak", "fall"])), draw(st.sampled_from(shown))
    if what == "anything":
        return made
    # To the lamport: a new peak is the next price above the last one, and half of it is the fall that the plan waits for.
    turns_at = max(_worth(made, at) + draw(st.integers(-4, 4)), 1)
    alone = ExitPlan(None, None, made.plan.max_hold_s, trailing_stop_bps=5_000)
    return replace(made, plan=alone, peak_lamports=turns_at if what == "peak" else 2 * turns_at)


def _bought_raw(curve: Curve, spend_lamports: int) -> int:
    try:
        return quote_buy(curve, spend_lamports, NO_FEES).token_raw
    except QuoteError:
        return 1


def _worth(position: Position, curve: Curve) -> int:
    try:
        return worth(position, curve, FEES)
    except QuoteError:
        return 1


@st.composite
def walks(draw: st.DrawFn) -> list[Curve]:
    """A curve and where some trades lead from there, large ones and the smallest."""
    walk = [draw(curves())]
    for part, is_buy in draw(st.lists(st.tuples(st.floats(0, 0.9), st.booleans()), max_size=25)):
        now = walk[-1]
        try:
            if is_buy:
                token_raw = max(int(now.real_token_raw * part**4), 1)
                walk.append(after(now, Side.BUY, quote_buy_tokens(now, token_raw, NO_FEES)))
            else:
                token_raw = max(int(now.virtual_token_raw * part**4), 1)
                walk.append(after(now, Side.SELL, quote_sell(now, token_raw, NO_FEES)))
        except QuoteError:
            pass
    return walk


@settings(max_examples=300)
@given(st.data(), curves())
def test_nothing_within_a_stretch_is_worth_a_look_before_its_end(data: st.DataObject, curve: Curve) -> None:
    line = CurveLine.of(curve)
    assert line is not None
    lamports = curve.virtual_quote_lamports
    ends = [line.cheapest(curve, lamports - lamports // reach) for reach in REACHES]
    ends += [line.dearest(curve, lamports + lamports // reach) for reach in REACHES]
    position = data.draw(held([curve, *ends]))
    assume(not is_worth_a_look(position, PricePoint(curve, NOW_MS), FEES, NOW_MS))
    stretch = quiet_stretch(position, line, curve, FEES, NOW_MS)
    if stretch is None:
        return
    event("has a stretch")
    latest_ms = NOW_MS if stretch.until_ms is None else stretch.until_ms - 1
    between = st.integers(stretch.least_lamports, stretch.most_lamports)
    for at in (stretch.least_lamports, stretch.least_lamports + 1, stretch.most_lamports, data.draw(between)):
        for product in (line.product_least, line.product_most):
            token_raw = -(-product // at) if product == line.product_least else product // at
            shown = replace(
                curve,
                virtual_quote_lamports=at,
                virtual_token_raw=token_raw,
                real_quote_lamports=at - line.virtual_lamports,
                real_token_raw=token_raw - line.virtual_token_raw,
            )
            assert line.leads_to(shown)
            assert not is_worth_a_look(position, PricePoint(shown, NOW_MS), FEES, latest_ms)


STEPS = st.lists(
    st.sampled_from(["trade", "trade", "trade", "another line", "lie down again", "time", "leave"]), max_size=40
)


@settings(max_examples=200)
@given(st.data(), walks(), STEPS)
def test_a_price_wakes_whoever_would_wake_if_each_were_weighed_for_everybody(
    data: st.DataObject, walk: list[Curve], steps: list[str]
) -> None:
    at_ms = [NOW_MS]
    clock = Clock(now_ms=lambda: at_ms[0], new_id=str)
    people = [
        Sleeper(PositionInterest(position, FEES, clock))
        for position in data.draw(st.lists(held(walk), min_size=1, max_size=6))
    ]
    sleepers = Sleepers()
    for sleeper in people:
        sleepers.lie_down(sleeper)
    for number, step in enumerate(["trade", *steps]):
        one = people[number % len(people)]
        if step == "time":
            at_ms[0] += data.draw(st.integers(1, 4_000_000))
        elif step == "leave" and len(people) > 1:
            sleepers.get_up(one)
            people.remove(one)
        elif step == "lie down again":
            sleepers.get_up(one)
            people[people.index(one)] = again = Sleeper(one.interest)
            sleepers.lie_down(again)
        else:
            curve = walk[number % len(walk)] if step == "trade" else data.draw(curves())
            point = PricePoint(curve, at_ms[0])
            awake = {sleeper for sleeper in people if sleeper.woken.is_set()}
            sleepers.hear(point)
            wanted = {sleeper for sleeper in people if _would_wake(sleeper, point, at_ms[0])}
            assert {sleeper for sleeper in people if sleeper.woken.is_set()} == awake | wanted
            event(f"some sleep on: {len(wanted) < len(people)}")


def _would_wake(sleeper: Sleeper, point: PricePoint, now_ms: int) -> bool:
    assert isinstance(sleeper.interest, PositionInterest)
    return is_worth_a_look(sleeper.interest.position, point, FEES, now_ms)


def test_a_crowd_that_would_do_nothing_is_not_weighed_again_for_trades_that_move_little() -> None:
    clock = Clock(now_ms=lambda: NOW_MS, new_id=str)
    curve = after(FRESH, Side.BUY, quote_buy(FRESH, 30_000_000_000, FEES))
    bought = quote_buy(curve, 100_000_000, FEES)
    plan = ExitPlan(take_profit_bps=5_000, stop_loss_bps=2_000, max_hold_s=600)
    position = replace(opened(fill(Side.BUY, bought.token_raw, 100_000_000), plan), opened_at_ms=NOW_MS)
    weighed = list[PricePoint]()

    class Counted(PositionInterest):
        def matters(self, point: PricePoint) -> bool:
            weighed.append(point)
            return super().matters(point)

    sleepers = Sleepers()
    crowd = [Sleeper(Counted(position, FEES, clock)) for _ in range(100)]
    for sleeper in crowd:
        sleepers.lie_down(sleeper)
    for _ in range(200):
        curve = after(curve, Side.BUY, quote_buy(curve, 2_000_000, FEES))
        sleepers.hear(PricePoint(curve, NOW_MS))
    assert len(weighed) == 100
    while not crowd[0].woken.is_set():
        assert worth(position, curve, FEES) > position.basis_lamports * 8 // 10
        curve = after(curve, Side.SELL, quote_sell(curve, curve.virtual_token_raw // 1_000, FEES))
        sleepers.hear(PricePoint(curve, NOW_MS))
    assert all(sleeper.woken.is_set() for sleeper in crowd)
    assert worth(position, curve, FEES) <= position.basis_lamports * 8 // 10
    for sleeper in crowd:
        sleepers.get_up(sleeper)
    assert len(sleepers) == 0


def test_a_stretch_ends_before_what_play_money_bought_is_more_than_the_curve_has() -> None:
    curve = after(FRESH, Side.BUY, quote_buy(FRESH, 30_000_000_000, FEES))
    plan = ExitPlan(None, None, None, trailing_stop_bps=9_000)
    position = replace(opened(fill(Side.BUY, 400_000_000_000_000, 1), plan), mode=Mode.PAPER)
    position = replace(position, peak_lamports=2 * worth(position, curve, FEES))
    line = CurveLine.of(curve)
    assert line is not None
    stretch = quiet_stretch(position, line, curve, FEES, NOW_MS)
    assert stretch is not None
    assert line.dearest(curve, stretch.most_lamports).virtual_token_raw > position.token_raw
