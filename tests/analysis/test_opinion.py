"""The rules' opinion of a launch: what raises it, what lowers it, and what absurd numbers can never do."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.analysis.features import Features
from bot.analysis.opinion import (
    BUY_BPS,
    CONFIDENCE_MAX_BPS,
    TESTED_BPS,
    UNTESTED_BPS,
    VETO_BPS,
    rule_opinion,
)
from bot.trading.limits import UserSettings
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Signal, judge
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market

SOL = LAMPORTS_PER_SOL

CLEAR = Features(
    mint="mint",
    at_ms=BORN_MS + 3_000,
    age_s=3.0,
    buys=9,
    sells=1,
    distinct_buyers=8,
    bought_lamports=3 * SOL + 6 * SOL // 10,
    sold_lamports=6 * SOL // 10,
    recent_inflow_lamports=2 * SOL,
    recent_trades_per_s=3.0,
    creator_bought_share=0.03,
    creator_sold=False,
    largest_buyer_share=0.25,
    launch_slot_buys=1,
    price_change=0.21,
    curve_lamports=4 * SOL,
    virtual_quote_lamports=34 * SOL,
    curve_complete=False,
)

shares = st.floats(0, 1)
amounts = st.integers(0, 90 * SOL)


@st.composite
def possible(draw: st.DrawFn) -> Features:
    """Numbers that a launch could have."""
    buys = draw(st.integers(0, 400))
    return Features(
        mint="mint",
        at_ms=BORN_MS,
        age_s=draw(st.floats(0, 600)),
        buys=buys,
        sells=draw(st.integers(0, 400)),
        distinct_buyers=draw(st.integers(0, min(buys, 30))),
        bought_lamports=draw(amounts),
        sold_lamports=draw(amounts),
        recent_inflow_lamports=draw(st.integers(-5 * SOL, 5 * SOL)),
        recent_trades_per_s=draw(st.floats(0, 128)),
        creator_bought_share=draw(shares),
        creator_sold=draw(st.booleans()),
        largest_buyer_share=draw(shares),
        launch_slot_buys=draw(st.integers(0, min(buys, 10))),
        price_change=draw(st.floats(-1, 14)),
        curve_lamports=draw(amounts),
        virtual_quote_lamports=draw(st.integers(30 * SOL, 115 * SOL)),
        curve_complete=draw(st.booleans()),
    )


def confidence(features: Features) -> int:
    return rule_opinion(features).confidence_bps


def test_a_clear_case_in_its_first_seconds_is_a_strong_buy_for_a_user_with_default_settings() -> None:
    opinion = rule_opinion(CLEAR)
    assert opinion.action is Action.BUY
    assert opinion.confidence_bps >= STRONG_CONFIDENCE_BPS
    assert "8 distinct buyers" in opinion.reasons
    assert (opinion.version, opinion.mint, opinion.at_ms) == ("rules-3", "mint", BORN_MS + 3_000)
    assert isinstance(judge(opinion, UserSettings()), Signal)


def crowd() -> Market:
    market = Market()
    market.buy(CREATOR, 1.0, 0)
    for number in range(11):
        market.buy(f"buyer-{number}", 0.4, 400 + 200 * number)
    return market


def test_a_crowd_on_a_real_curve_is_no_buy_until_a_part_of_it_has_sold_and_others_stay() -> None:
    market = crowd()
    untested = rule_opinion(market.window.features(BORN_MS + 2_800))
    assert untested.action is Action.NEUTRAL
    assert untested.reasons[0] == "0 sales of 0.00 SOL have tried whether others stay"
    market.sell("buyer-0", 1.0, 2_600)
    market.sell("buyer-1", 0.8, 2_700)
    opinion = rule_opinion(market.window.features(BORN_MS + 2_800))
    assert opinion.action is Action.BUY
    assert opinion.confidence_bps >= STRONG_CONFIDENCE_BPS


def test_the_same_crowd_is_worth_little_once_the_creator_has_sold() -> None:
    market = crowd()
    market.sell("buyer-0", 1.0, 2_600)
    market.sell("buyer-1", 0.8, 2_700)
    market.sell(CREATOR, 1.0, 2_800)
    opinion = rule_opinion(market.window.features(BORN_MS + 2_800))
    assert opinion.action is Action.SELL
    assert opinion.confidence_bps <= VETO_BPS
    assert "the creator has sold" in opinion.reasons[0]


def test_a_launch_that_nobody_buys_is_declined() -> None:
    opinion = rule_opinion(Market().window.features(BORN_MS + 5_000))
    assert opinion.action is Action.NEUTRAL
    assert {"0 distinct buyers", "0.00 SOL net inflow"} <= set(opinion.reasons)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"distinct_buyers": 2}, "2 distinct buyers"),
        ({"bought_lamports": SOL // 2, "sold_lamports": SOL // 10}, "0.40 SOL net inflow"),
        ({"creator_bought_share": 0.3}, "creator bought 30.0 %"),
        ({"largest_buyer_share": 0.9}, "largest buyer paid 90 %"),
        ({"sold_lamports": 32 * SOL // 10}, "sales took out 89 %"),
        ({"sold_lamports": SOL // 50}, "have tried whether others stay"),
        ({"price_change": 2.5}, "price up 250%"),
    ],
)
def test_one_bad_trait_turns_a_clear_case_into_none_and_is_named_first(changed: dict[str, Any], reason: str) -> None:
    opinion = rule_opinion(replace(CLEAR, **changed))
    assert opinion.action is Action.NEUTRAL
    assert opinion.confidence_bps < BUY_BPS
    assert reason in opinion.reasons[0]


@pytest.mark.parametrize("changed", [{"launch_slot_buys": 7}, {"recent_inflow_lamports": 0}, {"price_change": 1.5}])
def test_one_doubtful_trait_takes_the_strength_away(changed: dict[str, Any]) -> None:
    assert confidence(replace(CLEAR, **changed)) < STRONG_CONFIDENCE_BPS


def test_sales_that_outweigh_buys_speak_for_selling() -> None:
    opinion = rule_opinion(replace(CLEAR, sold_lamports=CLEAR.bought_lamports))
    assert opinion.action is Action.SELL
    assert opinion.reasons == ("sold 3.60 SOL, bought 3.60 SOL",)


def test_inflow_that_the_curve_does_not_hold_counts_for_nothing() -> None:
    assert confidence(replace(CLEAR, curve_lamports=SOL)) == confidence(CLEAR) - 2_000


def test_a_complete_curve_is_not_bought() -> None:
    assert rule_opinion(replace(CLEAR, curve_complete=True)).action is Action.NEUTRAL


# Field -> whether more of it can only raise the confidence (or only lower it).
DIRECTIONS = {
    "distinct_buyers": True,
    "recent_inflow_lamports": True,
    "curve_lamports": True,
    "creator_sold": False,
    "curve_complete": False,
    "creator_bought_share": False,
    "largest_buyer_share": False,
    "launch_slot_buys": False,
    "price_change": False,
}


@pytest.mark.parametrize("name", DIRECTIONS)
@given(one=possible(), other=possible())
def test_more_of_one_thing_moves_the_confidence_one_way_only(name: str, one: Features, other: Features) -> None:
    if name in {"distinct_buyers", "launch_slot_buys"}:
        buys = max(one.buys, other.buys)
        one, other = replace(one, buys=buys), replace(other, buys=buys)
    low, high = sorted((getattr(one, name), getattr(other, name)))
    less, more = confidence(replace(one, **{name: low})), confidence(replace(one, **{name: high}))
    assert less <= more if DIRECTIONS[name] else less >= more


@given(one=possible(), parts=st.tuples(amounts, amounts), kept=st.integers(0, BPS))
def test_more_bought_with_the_same_part_of_it_sold_never_lowers_the_confidence(
    one: Features, parts: tuple[int, int], kept: int
) -> None:
    low, high = (bought // BPS * BPS for bought in sorted(parts))
    less = replace(one, bought_lamports=low, sold_lamports=low * kept // BPS)
    more = replace(one, bought_lamports=high, sold_lamports=high * kept // BPS)
    assume(low > 0)
    assert confidence(less) <= confidence(more)


@given(one=possible(), sold=st.tuples(amounts, amounts))
def test_sales_try_a_crowd_once_and_beyond_that_only_speak_against_it(one: Features, sold: tuple[int, int]) -> None:
    low, high = sorted(sold)
    less, more = confidence(replace(one, sold_lamports=low)), confidence(replace(one, sold_lamports=high))
    assert more <= less + UNTESTED_BPS
    if low * BPS >= TESTED_BPS * one.bought_lamports:
        assert more <= less


@given(features=possible())
def test_without_sales_nothing_is_a_buy(features: Features) -> None:
    assert rule_opinion(replace(features, sold_lamports=0)).action is not Action.BUY


@given(features=possible())
def test_an_opinion_has_a_bounded_confidence_and_a_reason(features: Features) -> None:
    opinion = rule_opinion(features)
    assert 0 <= opinion.confidence_bps <= CONFIDENCE_MAX_BPS
    assert opinion.reasons
    assert all(opinion.reasons)
    assert (opinion.action is Action.BUY) == (opinion.confidence_bps >= BUY_BPS)
    assert not (opinion.action is Action.BUY and (features.creator_sold or features.curve_complete))


ABSURD: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers() | st.sampled_from([-1, 2**64, 10**400, -(10**400), 10**5_000]),
    float: st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 1.0000001, 1e308]),
    bool: st.booleans(),
    str: st.text(),
}


@given(data=st.data())
def test_no_numbers_at_all_make_it_raise(data: st.DataObject) -> None:
    values = {one.name: data.draw(ABSURD[type(getattr(CLEAR, one.name))]) for one in fields(Features)}
    opinion = rule_opinion(Features(**values))
    assert 0 <= opinion.confidence_bps <= CONFIDENCE_MAX_BPS
    assert opinion.reasons


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distinct_buyers", 10),
        ("distinct_buyers", 10**400),
        ("distinct_buyers", -1),
        ("sells", -1),
        ("launch_slot_buys", -5),
        ("bought_lamports", 10**15),
        ("bought_lamports", -1),
        ("sold_lamports", -(10**12)),
        ("recent_inflow_lamports", 10**30),
        ("curve_lamports", -1),
        ("creator_bought_share", -0.5),
        ("creator_bought_share", math.nan),
        ("creator_bought_share", 1.5),
        ("largest_buyer_share", -0.1),
        ("largest_buyer_share", math.inf),
        ("price_change", math.nan),
        ("price_change", -1.5),
        ("price_change", -math.inf),
        ("age_s", -1.0),
        ("age_s", math.inf),
        ("recent_trades_per_s", math.nan),
    ],
)
def test_an_absurd_number_never_raises_the_confidence(name: str, value: Any) -> None:
    opinion = rule_opinion(replace(CLEAR, **{name: value}))
    assert opinion.confidence_bps == 0
    assert opinion.action is Action.NEUTRAL


@given(features=possible(), data=st.data())
def test_one_absurd_number_in_a_possible_launch_never_helps_it(features: Features, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["creator_bought_share", "largest_buyer_share", "price_change", "age_s"]))
    value: Any = data.draw(st.sampled_from([math.nan, math.inf, -math.inf, -1.5, -2.0]))
    absurd = replace(features, **{name: value})
    assume(absurd != features)
    assert confidence(absurd) <= confidence(features)
