"""What else is measured of a token, held against the rules' opinion of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.facts import CreatorPast, Facts
from bot.analysis.opinion import VERSION, rule_opinion
from bot.analysis.regime import TokenMove, regime_of
from bot.analysis.sentiment import Sentiment
from bot.analysis.token_analysis import Analysis, TokenAnalysis
from bot.analysis.weighing import BEAR_BPS, CROWD_LOW_BPS, CROWD_WARNED_BPS, weighed
from bot.trading.community import Crowd, Flag
from bot.trading.holders import Holders
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Opinion
from bot.trading.token_check import MintFacts
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market

AT_MS = BORN_MS + 2_800
BEAR = regime_of([TokenMove(-0.3, LAMPORTS_PER_SOL, -LAMPORTS_PER_SOL)] * 10)


def crowd() -> Market:
    market = Market()
    market.buy(CREATOR, 0.5, 0)
    for number in range(11):
        market.buy(f"buyer-{number}", 0.4, 400 + 200 * number)
    market.sell("buyer-0", 1.0, 2_600)
    market.sell("buyer-1", 0.8, 2_700)
    return market


def measured(*facts: Facts) -> tuple[Opinion, Analysis]:
    """The rules' opinion of a crowd, which is a strong buy, and the analysis with these facts."""
    token = TokenAnalysis(crowd().launch)
    for trade in crowd().told:
        token.add(trade)
    for one in facts:
        token.learn(one)
    analysis = token.analysis(AT_MS)
    return rule_opinion(analysis.features), analysis


def confidence(*facts: Facts) -> int:
    return weighed(*measured(*facts)).confidence_bps


def test_a_clear_case_stays_a_strong_buy_and_says_what_it_is_made_of() -> None:
    rules, analysis = measured(Facts(mint=MintFacts()))
    opinion = weighed(rules, analysis)
    assert opinion.action is Action.BUY
    assert opinion.confidence_bps == rules.confidence_bps >= STRONG_CONFIDENCE_BPS
    assert opinion.version == VERSION
    parts = {part.name: part for part in opinion.components}
    assert {"momentum", "scam", "volume", "curve", "holders", "safety"} <= parts.keys()
    assert parts["safety"].bps == 10_000
    assert "11 holders" in parts["holders"].evidence


def test_buyers_whose_sol_came_from_one_source_make_it_no_buy_and_the_reason_comes_first() -> None:
    opinion = weighed(*measured(Facts(funders=dict.fromkeys([f"buyer-{number}" for number in range(9)], "source"))))
    assert opinion.action is Action.NEUTRAL
    assert opinion.reasons[0].startswith("scam score ")
    assert "9 of them for certain together" in opinion.reasons[0]


def test_what_a_mint_allows_and_earlier_tokens_became_is_left_to_the_user() -> None:
    assert confidence(Facts(mint=MintFacts(can_freeze=True))) == confidence()
    assert confidence(Facts(creator=CreatorPast(20, 20, 0, 0.3))) == confidence()


def test_a_falling_market_costs_a_buy_something() -> None:
    assert confidence(Facts(regime=BEAR)) == confidence() - BEAR_BPS


def test_what_users_think_takes_a_bounded_part_and_never_adds() -> None:
    loved = Crowd(known=True, hundredths=1_000, voices=9, weight=900)
    hated = replace(loved, hundredths=100)
    warned = replace(hated, flags_bps={Flag.SCAM: 9_000, Flag.RUG: 1_000})
    unheard = replace(warned, known=False)
    assert confidence(Facts(crowd=loved)) == confidence(Facts(crowd=unheard)) == confidence()
    assert confidence(Facts(crowd=hated)) == confidence() - CROWD_LOW_BPS
    assert confidence(Facts(crowd=warned)) == confidence() - CROWD_LOW_BPS - CROWD_WARNED_BPS
    opinion = weighed(*measured(Facts(crowd=warned)))
    assert opinion.reasons[0] == (
        "1.0 of 10 by 9 users of this bot, 90 % of their weight warn of a scam, 10 % of their weight warn of a rug"
    )
    assert {part.name: part.bps for part in opinion.components}["community"] == 1_000
    assert confidence(Facts(crowd=replace(warned, flags_bps={Flag.RUG: 3_332}))) == confidence() - CROWD_LOW_BPS
    rules, analysis = measured(Facts(crowd=warned))
    sells = weighed(replace(rules, action=Action.SELL, confidence_bps=500), analysis)
    assert (sells.action, sells.confidence_bps) == (Action.SELL, 500)


def test_what_the_rules_decline_stays_declined() -> None:
    rules, analysis = measured()
    opinion = weighed(replace(rules, action=Action.NEUTRAL, confidence_bps=5_999), analysis)
    assert (opinion.action, opinion.confidence_bps) == (Action.NEUTRAL, 5_999)


def test_what_people_write_is_a_part_and_weighs_nothing_here() -> None:
    rules, analysis = measured(Facts(sentiment=Sentiment(0, 80.0, posts=30, recent=20, voices=12.0)))
    opinion = weighed(rules, analysis)
    assert opinion.confidence_bps == confidence()
    (part,) = [part for part in opinion.components if part.name == "sentiment"]
    assert part.bps == 8_000


HUGE = st.integers(-(10**40), 10**40)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@given(
    facts=st.lists(
        st.builds(
            Facts,
            holders=st.none() | st.builds(Holders, HUGE, st.lists(HUGE, max_size=12).map(tuple), HUGE),
            funders=st.none()
            | st.dictionaries(st.sampled_from([f"buyer-{n}" for n in range(9)]), st.text(), max_size=9),
            creator=st.none() | st.builds(CreatorPast, HUGE, HUGE, HUGE, FLOATS),
            regime=st.none() | st.just(BEAR),
            sentiment=st.none() | st.builds(Sentiment, HUGE, FLOATS, HUGE, HUGE, FLOATS),
        ),
        max_size=4,
    )
)
def test_whatever_is_told_beside_the_trades_raises_no_confidence(facts: list[Facts]) -> None:
    rules, analysis = measured(*facts)
    opinion = weighed(rules, analysis)
    assert 0 <= opinion.confidence_bps <= rules.confidence_bps
    assert all(0 <= part.bps <= 10_000 for part in opinion.components)
