"""How much one snipe spends, and what is said where that is less than the user's amount."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.limits import UserSettings
from bot.trading.sizing import KELLY_CAP_BPS, Edge, kelly_bps, snipe_size
from bot.trading.units import BPS, LAMPORTS_PER_SOL

SOL = LAMPORTS_PER_SOL
TENTH = replace(UserSettings(), snipe_max_lamports=SOL // 10)
ANY = st.integers(min_value=-(10**30), max_value=10**30)


@pytest.mark.parametrize(
    ("edge", "stake_bps"),
    [
        # Even money at 60 %: Kelly stakes 20 %, a quarter of it is 5 %.
        (Edge(6_000, BPS, BPS), 500),
        # Twice the stake at 40 %: 0.4/1 - 0.6/2 = 10 %, a quarter is 2.5 %.
        (Edge(4_000, 2 * BPS, BPS), 250),
        # A fifth to gain and a tenth to lose at 60 %: 0.6/0.1 - 0.4/0.2 = 4, capped.
        (Edge(6_000, 2_000, 1_000), KELLY_CAP_BPS),
        (Edge(5_000, BPS, BPS), 0),
        (Edge(3_000, BPS, BPS), 0),
    ],
)
def test_kelly_by_hand(edge: Edge, stake_bps: int) -> None:
    assert kelly_bps(edge) == stake_bps


def test_rules_spend_the_users_amount() -> None:
    assert snipe_size(TENTH, 34 * SOL).lamports == SOL // 10
    assert snipe_size(TENTH, 34 * SOL).why_less == ()


def test_a_thin_edge_spends_a_part_and_says_why() -> None:
    size = snipe_size(TENTH, 34 * SOL, Edge(6_000, BPS, BPS))
    assert size.lamports == SOL // 20
    assert size.why_less == (
        "a net gain in 60 % of entries, of 100 % or a loss of 100 %, is worth 0.05 SOL by a quarter of Kelly",
    )


def test_every_bound_that_bound_is_named() -> None:
    settings = replace(TENTH, max_trade_lamports=SOL // 20)
    size = snipe_size(settings, SOL, Edge(6_000, BPS, BPS))
    assert size.lamports == SOL // 100
    assert [why.split(",")[0].split(" is ")[0] for why in size.why_less] == [
        "your limit per trade",
        "a net gain in 60 % of entries",
        "1 % of the curve's virtual SOL",
    ]


@given(numbers=st.tuples(ANY, ANY, ANY), amounts=st.tuples(ANY, ANY), virtual=ANY)
def test_no_edge_however_absurd_spends_more_than_the_user_allows(
    numbers: tuple[int, int, int], amounts: tuple[int, int], virtual: int
) -> None:
    settings = replace(UserSettings(), snipe_max_lamports=abs(amounts[0]), max_trade_lamports=abs(amounts[1]))
    size = snipe_size(settings, virtual, Edge(*numbers))
    assert 0 <= size.lamports <= max(min(abs(amounts[0]), abs(amounts[1]), virtual // 100), 0)
    assert 0 <= kelly_bps(Edge(*numbers)) <= KELLY_CAP_BPS


@given(st.integers(0, BPS), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, BPS))
def test_a_better_chance_never_stakes_less(gain_bps: int, won_bps: int, lost_bps: int, better_bps: int) -> None:
    low, high = sorted((gain_bps, better_bps))
    assert kelly_bps(Edge(low, won_bps, lost_bps)) <= kelly_bps(Edge(high, won_bps, lost_bps))
