"""Points: each cause once, so many a day, and whoever asks again gets nothing more."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.rewards import DAY_MS, MOST_A_DAY, Award, RewardedAction, due_awards, rated, started, traded

MINTS = [f"Mint{number}" for number in range(15)]
DEEDS = st.lists(
    st.one_of(
        st.builds(traded, st.sampled_from(MINTS), st.integers(0, 3 * DAY_MS)),
        st.builds(rated, st.sampled_from(MINTS), st.integers(0, 3 * DAY_MS)),
        st.builds(started, st.just("u"), st.integers(0, 3 * DAY_MS)),
    ),
    max_size=60,
)


@given(DEEDS, DEEDS)
def test_no_limit_is_passed_however_often_and_in_whatever_parts_it_is_asked(
    first: list[Award], second: list[Award]
) -> None:
    given_first = due_awards(first, [])
    given_both = given_first + due_awards([*second, *first], given_first)
    assert due_awards([*first, *second], given_both) == []
    assert max(Counter((one.action, one.cause) for one in given_both).values(), default=0) <= 1
    for (action, _), count in Counter((one.action, one.day) for one in given_both).items():
        assert count <= MOST_A_DAY[action]


def test_a_token_bought_twice_on_a_day_earns_once_and_the_next_day_again() -> None:
    deeds = [traded("Mint", 5), traded("Mint", 6), traded("Mint", DAY_MS + 1)]
    assert due_awards(deeds, []) == [deeds[0], deeds[2]]
    assert sum(one.points for one in due_awards(deeds, [])) == 20


def test_the_eleventh_token_of_a_day_earns_nothing() -> None:
    deeds = [traded(mint, at_ms) for at_ms, mint in enumerate(MINTS)]
    assert due_awards(deeds, []) == deeds[: MOST_A_DAY[RewardedAction.TRADE]]


def test_a_beginning_is_rewarded_once_whenever_it_is_asked_for() -> None:
    assert due_awards([started("u", 9)], [started("u", 5)]) == []
