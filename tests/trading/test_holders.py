"""Shares of holders: of the supply, rounded up, ten at most; a token without a supply is all theirs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.holders import COUNTED, Holders
from bot.trading.units import BPS


def test_ten_are_added_up_and_rounded_up() -> None:
    holders = Holders(10_001, (100,) * 12, 1)
    assert holders.top_bps == 1_000
    assert holders.creator_bps == 1
    assert Holders(10_000, (), 0).top_bps == 0
    assert "10 % of it" in Holders(10_000, (1_000,), 250).line
    assert "2.5 %" in Holders(10_000, (1_000,), 250).line
    elsewhere = Holders(10_000, (1_000,), 0).line_elsewhere
    assert "10 % of it; the markets where it trades are among them" in elsewhere
    assert "apart" not in elsewhere


def test_no_supply_is_no_safe_supply() -> None:
    assert Holders(0, (), 0).top_bps == BPS


@given(st.lists(st.integers(1, 10**12), max_size=20), st.integers(0, 10**15))
def test_a_share_is_never_below_the_truth(held: list[int], rest: int) -> None:
    supply = sum(held) + rest
    largest = tuple(sorted(held, reverse=True))
    if supply:
        assert sum(largest[:COUNTED]) * BPS <= Holders(supply, largest, 0).top_bps * supply
        assert Holders(supply, largest, 0).top_bps <= BPS
