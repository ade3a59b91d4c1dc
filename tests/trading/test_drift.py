"""A burst of strange errors: enough of them, lately, at several coins; a fast market is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.drift import COINS_MIN, ORDINARY, WITHIN_MS, Outcome, burst, is_strange, unreadable

NOW_MS = 10 * WITHIN_MS
STRANGE = 6_099

outcomes = st.builds(
    Outcome,
    at_ms=st.integers(NOW_MS - 2 * WITHIN_MS, NOW_MS),
    mint=st.sampled_from(["one", "two", "three"]),
    code=st.none() | st.sampled_from([*sorted(ORDINARY), STRANGE, 6_062, 3_005]),
)


def of(*codes: int | None, mints: int = 3) -> list[Outcome]:
    return [Outcome(NOW_MS - 1, str(number % mints), code) for number, code in enumerate(codes)]


def test_strange_errors_at_three_coins_close_a_program_and_are_named() -> None:
    why = burst(of(STRANGE, 3_005, 6_002, None, None, STRANGE), NOW_MS)
    assert why is not None
    assert why.startswith("orders of 3 coins among the latest 6 orders")
    assert "(3005, 6099)" in why


@pytest.mark.parametrize("mints", [1, 2])
def test_a_coin_counts_once_however_often_its_orders_fail(mints: int) -> None:
    assert burst(of(*[STRANGE] * 8, mints=mints), NOW_MS) is None


def test_few_odd_coins_and_a_fast_market_close_nothing() -> None:
    assert burst(of(*[6_002] * 10), NOW_MS) is None
    assert burst(of(STRANGE, STRANGE), NOW_MS) is None


def test_what_is_old_or_followed_by_ten_that_went_well_is_forgotten() -> None:
    assert burst(of(STRANGE, STRANGE, STRANGE), NOW_MS + WITHIN_MS) is None
    assert burst(of(STRANGE, STRANGE, STRANGE, *[None] * 10), NOW_MS) is None


def test_an_account_that_was_not_named_is_strange_although_it_has_a_name() -> None:
    assert is_strange(6_062)
    assert not is_strange(None)


@given(st.lists(outcomes, max_size=30))
def test_no_burst_without_enough_strange_errors(found: list[Outcome]) -> None:
    if burst(found, NOW_MS) is not None:
        assert len({one.mint for one in found if is_strange(one.code)}) >= COINS_MIN


@pytest.mark.parametrize(
    ("readable", "seen", "closes"), [(0, 49, False), (0, 50, True), (9, 50, True), (10, 50, False)]
)
def test_a_program_whose_trades_cannot_be_read_any_more_is_noticed(readable: int, seen: int, closes: bool) -> None:
    assert (unreadable(readable, seen) is not None) is closes
