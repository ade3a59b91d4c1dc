"""Whose order a block engine is sent next: sales before buys, users in turn, bounded, and nothing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.chain.turns import MOST_OF_ONE_USER, MOST_WAITING, STALE_S, Parcel, Turns


def parcel(name: str, user: str, *, is_exit: bool = False, since_s: float = 0.0) -> Parcel:
    return Parcel(name.encode(), user, is_exit, since_s)


def order_of(turns: Turns) -> list[str]:
    found = []
    while (one := turns.take(0.0)) is not None:
        found.append(one.raw.decode())
    return found


def test_a_user_with_fifty_orders_does_not_starve_another() -> None:
    turns = Turns()
    for number in range(50):
        turns.put(parcel(f"a{number}", "a"))
    turns.put(parcel("b0", "b"))
    turns.put(parcel("c0", "c"))
    assert order_of(turns)[:5] == ["a0", "b0", "c0", "a1", "a2"]


def test_sales_come_before_buys_whoever_came_first() -> None:
    turns = Turns()
    turns.put(parcel("buy", "a"))
    turns.put(parcel("sale", "b", is_exit=True))
    assert order_of(turns) == ["sale", "buy"]


def test_the_same_bytes_wait_once() -> None:
    turns = Turns()
    assert turns.put(parcel("x", "a"))
    assert turns.put(parcel("x", "a"))
    assert order_of(turns) == ["x"]


def test_what_is_put_back_keeps_its_turn() -> None:
    turns = Turns()
    for name in ("x", "y"):
        turns.put(parcel(name, "a"))
    turns.put(parcel("z", "b"))
    first = turns.take(0.0)
    assert first is not None
    turns.put_back(first)
    assert order_of(turns) == ["x", "z", "y"]


def test_a_full_queue_takes_sales_and_nobody_more_than_his_share() -> None:
    turns = Turns()
    for number in range(MOST_WAITING):
        assert turns.put(parcel(f"x{number}", f"user {number // MOST_OF_ONE_USER}"))
    assert not turns.put(parcel("late buy", "z"))
    assert not turns.put(parcel("late buy", "user 0"))
    assert turns.put(parcel("sale", "z", is_exit=True))
    assert len(turns) == MOST_WAITING + 1


def test_what_waited_too_long_is_left_out() -> None:
    turns = Turns()
    turns.put(parcel("old", "a"))
    turns.put(parcel("new", "a", since_s=1.0))
    taken = turns.take(STALE_S)
    assert taken is not None
    assert taken.raw == b"new"
    assert len(turns) == 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_everything_leaves_once_and_no_user_twice_while_another_of_his_lane_waits(
    orders: list[tuple[str, bool]],
) -> None:
    turns = Turns()
    for number, (user, is_exit) in enumerate(orders):
        turns.put(parcel(f"{number}", user, is_exit=is_exit))
    left = [(user, is_exit) for user, is_exit in orders]
    last: tuple[str, bool] | None = None
    while (one := turns.take(0.0)) is not None:
        now = (one.user_id, one.is_exit)
        others = {user for user, is_exit in left if is_exit is one.is_exit} - {one.user_id}
        assert now != last or not others
        left.remove(now)
        last = now
    assert left == []
