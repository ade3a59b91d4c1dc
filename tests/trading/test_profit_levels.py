"""The take-profit in levels: each sells its share once, and all of them together no raw unit too many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.exits import Exit, ExitReason, decide_exit
from bot.trading.intent import Side
from bot.trading.position import ExitPlan, Position, PositionState, apply_fill
from bot.trading.profit_levels import LEVELS_MOST, Level, level_raw, levels_of, sells_the_rest
from bot.trading.settings_table import setting_named
from bot.trading.units import BPS, AmountError
from tests.trading.trading_samples import fill, opened

COST = 1_000_000
LADDER = (5_000, 2_500, 10_000, 2_500, 20_000, 5_000)
PLAN = ExitPlan(None, 1_000, None, take_profit_levels=LADDER)


def held(token_raw: int = 1_001, plan: ExitPlan = PLAN) -> Position:
    position = opened(fill(Side.BUY, token_raw, COST), plan)
    return replace(position, basis_lamports=COST)


def at(gain_bps: int, position: Position) -> Exit | None:
    """What is decided at a gain on the basis."""
    basis = position.basis_lamports
    return decide_exit(position, basis + -(-basis * gain_bps // BPS), position.opened_at_ms)


def test_each_level_sells_its_share_of_what_was_bought_at_its_gain_and_once() -> None:
    position, sold = held(), []
    for gain_bps in (4_999, 5_000, 9_999, 10_000, 19_999, 20_000):
        decided = at(gain_bps, position)
        if decided is None:
            continue
        token_raw = decided.token_raw or position.token_raw
        sold.append((gain_bps, token_raw))
        position, _ = apply_fill(position, fill(Side.SELL, token_raw, COST))
        position = replace(position, levels_taken=position.levels_taken + 1)
        assert position.state is PositionState.CLOSED or at(gain_bps, position) is None
    assert sold == [(5_000, 250), (10_000, 250), (20_000, 501)]
    assert position.state is PositionState.CLOSED


def test_a_price_that_is_past_several_levels_sells_one_after_the_other() -> None:
    position, parts = held(), []
    while position.state is PositionState.OPEN:
        decided = at(50_000, position)
        assert decided is not None
        assert decided.reason is ExitReason.TAKE_PROFIT
        parts.append(decided.token_raw or position.token_raw)
        position, _ = apply_fill(position, fill(Side.SELL, parts[-1], COST))
        position = replace(position, levels_taken=position.levels_taken + 1)
    assert parts == [250, 250, 501]


def test_what_the_levels_leave_stays_with_the_stops() -> None:
    position = replace(held(plan=replace(PLAN, take_profit_levels=LADDER[:4])), levels_taken=2)
    assert at(900_000, position) is None
    stop = at(-2_000, position)
    assert stop is not None
    assert stop.reason is ExitReason.STOP_LOSS


def test_the_single_take_profit_is_silent_beside_levels() -> None:
    assert at(4_000, held(plan=replace(PLAN, take_profit_bps=2_000))) is None


def test_a_level_sells_no_more_than_is_held_and_closes_what_it_empties() -> None:
    position = replace(held(), token_raw=100)
    assert at(5_000, position) == Exit(ExitReason.TAKE_PROFIT, BPS, 5_000)


LEVELS = st.lists(st.integers(1, BPS // LEVELS_MOST), min_size=1, max_size=LEVELS_MOST).map(
    lambda shares: [Level(5_000 * number, share) for number, share in enumerate(shares, 1)]
)


@given(levels=LEVELS, bought_raw=st.integers(0, 2**64 - 1))
def test_the_parts_sum_to_their_shares_and_to_everything_exactly(levels: list[Level], bought_raw: int) -> None:
    parts = [level_raw(levels, number, bought_raw) for number in range(len(levels))]
    shares = sum(level.share_bps for level in levels)
    assert sum(parts) == bought_raw * shares // BPS
    whole = [*levels, Level(10**6, BPS - shares)]
    assert sum(level_raw(whole, number, bought_raw) for number in range(len(whole))) == bought_raw
    assert sells_the_rest(whole, len(whole) - 1)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((5_000,), "a gain and a share"),
        ((5_000, 1) * 7, "up to 6 levels"),
        ((99, 1), "from 1 % to 100000 %"),
        ((5_000, 1, 5_000, 1), "a higher gain"),
        ((5_000, 0), "sells something"),
        ((5_000, 6_000, 6_000, 4_001), "no more than 100 %"),
    ],
)
def test_a_row_that_makes_no_ladder_is_refused(numbers: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        levels_of(numbers)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("50%:25% 100%:25%", (5_000, 2_500, 10_000, 2_500)),
        ("50 : 25   100:75", (5_000, 2_500, 10_000, 7_500)),
        ("12.5 %:0.01 %", (1_250, 1)),
        ("off", ()),
    ],
)
def test_levels_are_typed_as_gains_with_their_shares(typed: str, value: tuple[int, ...]) -> None:
    setting = setting_named("take_profit_levels")
    assert setting.parse(typed) == value
    assert setting.parse(setting.format(value)) == value


@pytest.mark.parametrize("typed", ["", "50%", "50:25:25", "50,5:25", "50%:x", "100%:25% 50%:25%", "50%:60% 60%:60%"])
def test_anything_else_is_no_row_of_levels(typed: str) -> None:
    with pytest.raises(AmountError):
        setting_named("take_profit_levels").parse(typed)
