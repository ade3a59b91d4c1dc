"""Momentum, trend, scam score and the kind of market: what raises them, and what cannot."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bot.analysis.creators import CREATORS_MAX, CreatorBook, Fate
from bot.analysis.facts import CreatorPast, Facts
from bot.analysis.regime import TOKENS_LEAST, RegimeKind, TokenMove, regime_of
from bot.analysis.sentiment import Sentiment
from bot.analysis.token_analysis import Analysis, TokenAnalysis
from bot.trading.launch import TokenLaunch
from bot.trading.token_check import MintFacts
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market, launch

SOL = LAMPORTS_PER_SOL


def read(market: Market, after_ms: int, facts: Facts | None = None, of: TokenLaunch | None = None) -> Analysis:
    token = TokenAnalysis(of or market.launch)
    for trade in market.told:
        token.add(trade)
    token.learn(facts or Facts())
    return token.analysis(BORN_MS + after_ms)


def rising(buyers: int = 20, sol: float = 0.5) -> Market:
    market = Market()
    market.buy(CREATOR, 0.5, 0)
    for number in range(buyers):
        market.buy(f"buyer-{number}", sol, 500 + number * 900)
    return market


def test_momentum_is_the_sum_of_its_parts_and_fades_when_nobody_comes() -> None:
    market = rising()
    hot, cold = read(market, 18_000).momentum, read(market, 200_000).momentum
    assert hot.score == hot.inflow + hot.holders + hot.pressure + hot.price + hot.trend
    assert hot.score > 60
    assert cold.score == 0


def test_more_buyers_with_more_sol_have_more_momentum() -> None:
    scores = [read(rising(buyers), 18_000).momentum.score for buyers in (1, 5, 20)]
    assert scores == sorted(scores)
    assert scores[0] < scores[1] < scores[2]


def test_sales_take_the_momentum_away() -> None:
    market = rising()
    for number in range(16):
        market.sell(f"buyer-{number}", 1.0, 19_000 + number * 300)
    assert read(market, 24_000).momentum.score < read(rising(), 18_000).momentum.score / 2


def test_trades_that_come_ever_faster_are_a_trend_and_an_even_stream_is_none() -> None:
    even, faster = Market(), Market()
    for number in range(30):
        even.buy(f"buyer-{number}", 0.05, 2_000 * number)
        faster.buy(f"buyer-{number}", 0.05, 2_000 * number if number < 15 else 50_000 + 500 * (number - 15))
    assert read(even, 58_000).trend.score < 15
    assert read(faster, 58_000).trend.score > 40


def test_mentions_that_grow_are_a_trend_and_none_known_give_nothing() -> None:
    market = rising()
    nothing = read(market, 200_000, Facts(sentiment=Sentiment(0)))
    growing = read(market, 200_000, Facts(sentiment=Sentiment(0, 50.0, posts=360, recent=100)))
    steady = read(market, 200_000, Facts(sentiment=Sentiment(0, 50.0, posts=360, recent=10)))
    assert nothing.trend.score == steady.trend.score == 0
    assert growing.trend.score == pytest.approx(30 * (1 - 26 / 350), abs=0.1)
    assert math.isnan(nothing.trend.mentions)


@pytest.mark.parametrize(
    ("change", "flow", "kind"),
    [(0.3, 0.4, RegimeKind.BULL), (-0.3, -0.4, RegimeKind.BEAR), (0.01, 0.0, RegimeKind.QUIET)],
)
def test_a_market_has_the_direction_of_its_money(change: float, flow: float, kind: RegimeKind) -> None:
    moves = [TokenMove(change, 10 * SOL, round(10 * SOL * flow)) for _ in range(TOKENS_LEAST)]
    regime = regime_of(moves)
    assert regime.kind is kind
    assert regime.change == pytest.approx(change)


def test_a_market_that_goes_nowhere_by_leaps_is_volatile() -> None:
    moves = [TokenMove((-1) ** number * 0.8, 10 * SOL, 0) for number in range(20)]
    assert regime_of(moves).kind is RegimeKind.VOLATILE


def test_too_few_tokens_or_tokens_without_a_trade_say_nothing() -> None:
    moves = [TokenMove(0.3, 10 * SOL, 4 * SOL)] * (TOKENS_LEAST - 1)
    assert regime_of([*moves, TokenMove(0.0, 0, 0), TokenMove(math.nan, SOL, SOL)]).kind is RegimeKind.UNKNOWN


def test_a_creator_who_sells_and_a_mint_with_powers_raise_the_scam_score() -> None:
    market = rising()
    honest = read(market, 18_000)
    frozen = read(market, 18_000, Facts(mint=MintFacts(can_freeze=True)))
    market.sell(CREATOR, 1.0, 19_000)
    left = read(market, 19_500)
    assert honest.scam.score < 20
    assert left.scam.behaviour >= 80
    assert "creator has sold 100%" in left.scam.reasons[0]
    assert frozen.scam.score >= 95
    assert frozen.scam.behaviour == honest.scam.behaviour


def test_a_creator_who_left_his_tokens_before_is_held_against_this_one() -> None:
    market = rising()
    serial = read(market, 18_000, Facts(creator=CreatorPast(20, 19, 0, 0.5)))
    steady = read(market, 18_000, Facts(creator=CreatorPast(20, 0, 2, 14.0)))
    once = read(market, 18_000, Facts(creator=CreatorPast(1, 1, 0, 0.5)))
    usual = read(market, 18_000, Facts(creator=CreatorPast(20, 14, 0, 0.5)))
    assert serial.scam.score > 30
    assert serial.scam.behaviour == 0
    assert usual.scam == steady.scam == once.scam == read(market, 18_000).scam


@pytest.mark.parametrize("name", ["", "SOL\u202eANA", "\u0405olana coin", "x" * 65, "zero\u200bwidth"])
def test_a_name_that_hides_something_is_suspicious(name: str) -> None:
    market = rising()
    of = replace(launch(), name=name, symbol="" if not name else "SYM")
    assert read(market, 18_000, of=of).scam.score > read(market, 18_000).scam.score


@pytest.mark.parametrize("name", ["猫币", "Ёжик", "Père Noël", "👩‍🚀 astronaut", "$WIF 2.0"])
def test_a_name_in_any_script_is_an_honest_one(name: str) -> None:
    market = rising()
    of = replace(launch(), name=name, symbol="")
    assert read(market, 18_000, of=of).scam == read(market, 18_000).scam


def test_a_creator_who_stays_for_ten_minutes_did_not_leave_at_once() -> None:
    book = CreatorBook()
    book.launched(launch("eva"))
    market = rising()
    market.sell(CREATOR, 1.0, 700_000)
    book.seen("eva", read(market, 700_000), Fate())
    assert book.launched(launch("eva")).quick_exits == 0


def test_what_a_creator_did_is_counted_once_per_token_and_the_oldest_are_forgotten() -> None:
    book, fate = CreatorBook(), Fate()
    assert book.launched(launch("eva")) == CreatorPast(0, 0, 0, 0.0)
    market = rising()
    market.sell(CREATOR, 1.0, 19_000)
    for _ in range(3):
        book.seen("eva", read(market, 20_000), fate)
    book.seen("nobody", read(market, 20_000), Fate())
    past = book.launched(launch("eva"))
    assert (past.launches, past.quick_exits, past.graduated) == (1, 1, 0)
    assert past.best_peak > 0.3
    for number in range(CREATORS_MAX):
        book.launched(launch(f"creator-{number}"))
    assert book.launched(launch("eva")).launches == 0
