"""Opportunities: how sure several followed wallets make, and what takes that away again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.opportunity import DUST_LAMPORTS, TRUST_BPS, AutoPlan, Vote, opportunity, why_passed
from bot.trading.units import BPS, LAMPORTS_PER_SOL

NOW_S = 1_790_000_000
PLAN = AutoPlan("u", is_on=True, epoch=1)


def vote(name: str, points: int = 70, ago_s: int = 0, slot: int = 0, *, is_sale: bool = False) -> Vote:
    return Vote(f"W-{name}", name, points, NOW_S - ago_s, slot or sum(name.encode()), LAMPORTS_PER_SOL, is_sale)


VOTES = st.lists(
    st.builds(
        Vote,
        wallet=st.sampled_from([f"W{number}" for number in range(9)]),
        name=st.just("somebody"),
        points=st.integers(-5, 105),
        at_s=st.integers(NOW_S - 700, NOW_S + 20),
        slot=st.integers(0, 6),
        lamports=st.one_of(st.integers(0, 10**9), st.integers(0, 2**63 - 1)),
        is_sale=st.booleans(),
    ),
    max_size=9,
    unique_by=lambda one: one.wallet,
)


def test_several_good_wallets_make_surer_than_one_and_say_why() -> None:
    one = opportunity([vote("ada")], PLAN, NOW_S)
    two = opportunity([vote("ada"), vote("bob", 70, 300)], PLAN, NOW_S)
    assert (one.wallets, one.confidence_bps) == (1, 4_900)
    assert (two.wallets, two.confidence_bps) == (2, 6_775)
    assert two.reasons[1] == "bob, score 70, bought for 1 SOL 300 s ago".replace("300 s", "5 min")
    assert opportunity([vote("ada", 0), vote("bob", 0)], PLAN, NOW_S).confidence_bps == 0


def test_a_buy_counts_half_at_the_end_of_its_window_and_not_after_it() -> None:
    assert opportunity([vote("ada", 100, 600)], PLAN, NOW_S).confidence_bps == TRUST_BPS // 2
    assert opportunity([vote("ada", 100, 601)], PLAN, NOW_S).wallets == 0
    assert opportunity([vote("ada", 100, -1)], PLAN, NOW_S).wallets == 0


def test_wallets_that_buy_in_one_slot_are_one_word() -> None:
    seen = opportunity([vote("ada", slot=5), vote("bob", 90, slot=5), vote("eve", 20, slot=5)], PLAN, NOW_S)
    assert (seen.wallets, seen.confidence_bps) == (1, 6_300)
    assert "ada bought in the same slot as another and does not count" in seen.reasons


def test_a_sale_since_takes_away_and_dust_says_nothing() -> None:
    both = [vote("ada"), vote("bob")]
    assert opportunity([*both, vote("eve", is_sale=True)], PLAN, NOW_S).confidence_bps < 4_000
    dust = replace(vote("eve", 100), lamports=DUST_LAMPORTS - 1)
    assert opportunity([*both, dust], PLAN, NOW_S) == opportunity(both, PLAN, NOW_S)


def test_why_an_opportunity_is_passed() -> None:
    seen = opportunity([vote("ada", 90), vote("bob", 90)], PLAN, NOW_S)
    assert why_passed(seen, PLAN, 0) == ""
    assert why_passed(seen, replace(PLAN, min_wallets=3), 0) == "2 wallets that count, you ask for 3"
    assert why_passed(seen, replace(PLAN, min_confidence_bps=9_000), 0) == "confidence 86 %, you ask for 90 %"
    assert why_passed(seen, PLAN, 10) == "10 entries in 24 hours, which is the most"


@given(VOTES, st.permutations(range(9)))
def test_any_votes_make_a_confidence_within_bounds_in_any_order(votes: list[Vote], order: list[int]) -> None:
    seen = opportunity(votes, PLAN, NOW_S)
    assert type(seen.confidence_bps) is int
    assert 0 <= seen.confidence_bps <= BPS
    assert seen.wallets <= len({one.slot for one in votes if not one.is_sale})
    shuffled = [votes[number] for number in order if number < len(votes)]
    assert opportunity(shuffled, PLAN, NOW_S).confidence_bps == seen.confidence_bps


@given(VOTES, st.integers(0, 100))
def test_another_buy_never_makes_less_sure_and_a_sale_never_surer(votes: list[Vote], points: int) -> None:
    before = opportunity(votes, PLAN, NOW_S).confidence_bps
    assert opportunity([*votes, vote("more", points, slot=99)], PLAN, NOW_S).confidence_bps >= before
    assert opportunity([*votes, vote("less", points, is_sale=True)], PLAN, NOW_S).confidence_bps <= before
