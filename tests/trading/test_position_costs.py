"""What a position cost is split over its sales and never lost, doubled or invented."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.fill import Fill
from bot.trading.intent import Side
from bot.trading.position import PositionState, apply_fill
from tests.trading.trading_samples import fill, fills, opened

SUPPLY_RAW = 10**15


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Fill], list[Fill]]:
    """Some buys, and sales of arbitrary parts until nothing is left."""
    buys = [
        draw(fills(Side.BUY, token_raw))
        for token_raw in draw(st.lists(st.integers(1, SUPPLY_RAW // 4), min_size=1, max_size=4))
    ]
    left = sum(buy.token_raw for buy in buys)
    sales = []
    for _ in range(draw(st.integers(0, 6))):
        if left > 1:
            part = draw(st.integers(1, left - 1))
            sales.append(draw(fills(Side.SELL, part)))
            left -= part
    return buys, [*sales, draw(fills(Side.SELL, left))]


@given(lives())
def test_the_costs_of_all_sales_sum_to_the_cost_of_all_buys(life: tuple[list[Fill], list[Fill]]) -> None:
    buys, sales = life
    position = opened(buys[0])
    for buy in buys[1:]:
        position, gained = apply_fill(position, buy)
        assert gained == 0
    paid = position.cost_lamports
    assert paid == sum(buy.cost_lamports for buy in buys)
    costs = []
    for number, sale in enumerate(sales, 1):
        assert position.state is PositionState.OPEN
        before = position
        position, gained = apply_fill(position, sale)
        costs.append(sale.proceeds_lamports - gained)
        assert costs[-1] == before.cost_lamports - position.cost_lamports >= 0
        assert (position.closed_at_ms is None) == (number < len(sales))
    assert sum(costs) == paid
    assert (position.state, position.token_raw, position.cost_lamports) == (PositionState.CLOSED, 0, 0)
    assert position.realized_lamports == sum(sale.proceeds_lamports for sale in sales) - paid


@given(lives())
def test_a_closed_position_has_realised_what_the_wallet_gained(life: tuple[list[Fill], list[Fill]]) -> None:
    buys, sales = life
    position = opened(buys[0])
    for one in [*buys[1:], *sales]:
        position, _ = apply_fill(position, one)
    moved = sum(one.wallet_delta_lamports + one.rent_lamports for one in [*buys, *sales])
    assert position.realized_lamports == moved


@given(held=st.integers(1, SUPPLY_RAW), cost=st.integers(1, 10**12), share=st.fractions(0, 1))
def test_a_partial_sale_takes_its_share_of_the_cost_rounded_down(held: int, cost: int, share: float) -> None:
    sold = min(max(1, int(held * share)), held)
    position, gained = apply_fill(opened(fill(Side.BUY, held, cost)), fill(Side.SELL, sold, 0))
    assert -gained == cost * sold // held
    assert position.cost_lamports == cost - cost * sold // held


def test_tokens_from_outside_cost_nothing_when_they_are_sold_too() -> None:
    position, gained = apply_fill(opened(fill(Side.BUY, 100, 1_000)), fill(Side.SELL, 150, 1_800))
    assert position.state is PositionState.CLOSED
    assert (position.token_raw, position.cost_lamports, gained) == (0, 0, 800)


def test_a_sale_settles_on_a_position_that_was_adjusted_to_nothing() -> None:
    adjusted = replace(opened(fill(Side.BUY, 100, 1_000)), token_raw=0, cost_lamports=0, basis_lamports=0)
    position, gained = apply_fill(adjusted, fill(Side.SELL, 100, 700))
    assert (position.state, position.token_raw, gained) == (PositionState.CLOSED, 0, 700)


def test_a_position_opens_with_its_buy_and_its_plan() -> None:
    first = fill(Side.BUY, 100, 1_000, network_fee_lamports=5_000, rent_lamports=2_074_080)
    position = opened(first)
    assert (position.token_raw, position.cost_lamports, position.realized_lamports) == (100, 6_000, 0)
    assert position.opened_at_ms == first.block_time_s * 1000
    assert position.closed_at_ms is None
