"""Many who look again and again: each at least once in a round, and never for long all in one moment."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.look_rounds import FEW, QUICKEST, look_after_s


@given(st.text(max_size=40), st.integers(0, 100_000))
def test_the_next_look_is_within_a_round(name: str, together: int) -> None:
    round_s = max(1.0, together / 2_000)
    assert QUICKEST * round_s <= look_after_s(name, together) <= round_s


def test_a_few_look_once_a_second() -> None:
    assert {look_after_s(name, FEW) for name in "abc"} == {1.0}


def test_ten_thousand_that_were_brought_together_are_apart_some_looks_later() -> None:
    pace_s = [look_after_s(f"position-{number}", 10_000) for number in range(10_000)]
    most = []
    for looks in range(5):
        moments = Counter(int(looks * one / 0.01) for one in pace_s)
        most.append(max(moments.values()))
    assert most[0] == 10_000
    assert most[1] < 120
    assert most[4] < 40
