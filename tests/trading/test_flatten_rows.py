"""The rows of a flatten: which way they move, and when one counts as unsellable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.flatten import UNSELLABLE_AFTER, FlattenOrder, FlattenRow, FlattenState, sums_of

ROW = FlattenRow("global@5", "p", FlattenState.WAITING, 1, 1)
STEPS = st.lists(st.sampled_from(["sent", "refused", "no route", *FlattenState]))


def after(row: FlattenRow, step: str, now_ms: int) -> FlattenRow:
    if step == "sent":
        return row.sent(now_ms)
    if step in {"refused", "no route"}:
        return row.refused(step, now_ms, is_about_token=step == "refused")
    return row.moved(FlattenState(step), now_ms)


@given(STEPS)
def test_attempts_never_shrink_and_sold_is_final(steps: list[str]) -> None:
    row = ROW
    for now_ms, step in enumerate(steps, 2):
        moved = after(row, step, now_ms)
        assert moved.attempts >= row.attempts
        assert moved.changed_at_ms >= row.changed_at_ms
        assert row.state is not FlattenState.SOLD or moved == row
        row = moved


@given(st.integers(0, 50))
def test_a_missing_route_makes_nothing_unsellable(tries: int) -> None:
    row = ROW
    for now_ms in range(tries):
        row = row.refused("no route", now_ms, is_about_token=False)
    assert (row.state, row.attempts) == (FlattenState.WAITING, 0)


def test_a_token_that_refuses_every_order_is_unsellable_and_still_tried() -> None:
    row = ROW
    for now_ms in range(UNSELLABLE_AFTER):
        assert row.state is FlattenState.WAITING
        row = row.refused("the account is frozen", now_ms, is_about_token=True)
    assert row.state is FlattenState.UNSELLABLE
    assert row.last_error == "the account is frozen"
    assert row.sent(99).attempts == UNSELLABLE_AFTER + 1
    assert row.sent(99).state is FlattenState.UNSELLABLE
    assert row.moved(FlattenState.SOLD, 99).state is FlattenState.SOLD


def test_orders_that_land_and_do_not_sell_count_as_tries() -> None:
    row = ROW
    for now_ms in range(UNSELLABLE_AFTER):
        row = row.sent(now_ms)
        assert row.state is FlattenState.SELLING
    row = row.sent(9)
    assert row.state is FlattenState.UNSELLABLE
    assert row.last_error == "the order before it did not sell"


def test_a_flatten_is_over_when_nobody_waits_for_anything() -> None:
    states = [FlattenState.SOLD, FlattenState.UNSELLABLE, FlattenState.HELD]
    over = sums_of(ROW.moved(state, 2) for state in states)
    assert (over.total, over.sold, over.unsellable, over.held, over.is_over) == (3, 1, 1, 1, True)
    assert not sums_of([ROW]).is_over
    assert not sums_of([ROW.sent(2)]).is_over


def test_an_order_covers_everybody_or_one_user() -> None:
    assert FlattenOrder("global", "rpc", 5).covers("u", None)
    of_one = FlattenOrder("user:u", "panic", 5)
    assert (of_one.covers("u", "pumpswap"), of_one.covers("v", None), of_one.id) == (True, False, "user:u@5")


def test_an_order_of_one_program_covers_what_is_known_to_trade_there() -> None:
    order = FlattenOrder("program:pumpfun", "panic", 5)
    assert [order.covers("u", program) for program in ("pumpfun", "pumpswap", None)] == [True, False, False]
