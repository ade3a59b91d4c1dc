"""The analysis of one token: moved on trade by trade it says what all trades together say, and it stays small."""

from __future__ import annotations

import gc
import math
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.candles import KEPT, MINUTE_MS, QUARTER_MS, SECOND_MS
from bot.analysis.facts import CreatorPast, Facts
from bot.analysis.sentiment import Sentiment
from bot.analysis.token_analysis import ImpossibleLaunchError, TokenAnalysis
from bot.trading.curve import TOKEN_SUPPLY_RAW, Curve, QuoteError
from bot.trading.holders import Holders
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.metadata import TokenMetadata
from bot.trading.token_check import MintFacts
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis import recomputed
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market, launch

SOL = LAMPORTS_PER_SOL
NAMES = (CREATOR, "anna", "ben", "carl", "dora", "emil")


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Some trades of a few people, seconds to many minutes apart; the price moves as the curve moves it."""
    market, at_ms = Market(), 0
    for _ in range(draw(st.integers(0, 60))):
        at_ms += draw(st.sampled_from((0, 50, 700, 3_000, 16_000, 90_000)))
        name = draw(st.sampled_from(NAMES))
        if market.bags.get(name, 0) > 1_000 and draw(st.booleans()):
            market.sell(name, draw(st.sampled_from((0.1, 0.5, 1.0))), at_ms)
        elif market.curve.real_token_raw > TOKEN_SUPPLY_RAW // 4:
            try:
                market.buy(name, draw(st.floats(0.001, 3.0)), at_ms)
            except QuoteError:
                continue
    return market


def analysed(market: Market) -> TokenAnalysis:
    token = TokenAnalysis(market.launch)
    assert all(token.add(trade) for trade in market.told)
    return token


@given(market=markets(), later_ms=st.sampled_from((0, 400, 9_000, 59_000, 300_000)))
def test_trade_by_trade_it_says_what_all_trades_together_say(market: Market, later_ms: int) -> None:
    token = analysed(market)
    at_ms = token.latest_ms + later_ms
    now, told = token.analysis(at_ms), recomputed.in_order(market.launch, market.told)
    for found, period_ms, periods in (
        (now.volume.s10, SECOND_MS, 10),
        (now.volume.m1, SECOND_MS, 60),
        (now.volume.m5, QUARTER_MS, 20),
        (now.volume.h1, MINUTE_MS, 60),
        (now.volume.whole, 10**15, 1),
    ):
        shown = (found.buys, found.sells, found.bought_lamports, found.sold_lamports)
        assert shown == recomputed.flow(told, at_ms, period_ms, periods)
    held = recomputed.bags(told)
    assert now.holders.holders == sum(raw > 0 for raw in held.values())
    assert now.holders.top10_share == pytest.approx(sum(held.values()) / TOKEN_SUPPLY_RAW)
    before = recomputed.bags([one for one in told if one.at_ms // 1000 <= (at_ms - 60_000) // 1000])
    assert now.holders.growth_per_min == now.holders.holders - sum(raw > 0 for raw in before.values())
    assert now.creator.bag.held_share == pytest.approx(held.get(CREATOR, 0) / TOKEN_SUPPLY_RAW)
    start = market.launch.curve.virtual_quote_lamports * 1_000_000 / market.launch.curve.virtual_token_raw
    assert now.curve.peak == pytest.approx(max([start, *(one.price for one in told)]) / start - 1)
    assert now.curve.change_m1 == pytest.approx(recomputed.change(told, at_ms, SECOND_MS, 60))
    assert now.curve.change_m5 == pytest.approx(recomputed.change(told, at_ms, QUARTER_MS, 20))
    if not told:
        assert math.isnan(now.candles.s1.trend)
        return
    signs, bars = now.candles.s1, recomputed.candles(told, SECOND_MS, at_ms)
    assert signs.candles == len(bars)
    expected = recomputed.indicators(bars)
    shown_signs = (signs.trend, signs.rsi, signs.range_share)
    # A strength of what has all but faded is a quotient of rounding errors.
    if len(bars) < 300:
        assert shown_signs == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)
    else:
        assert shown_signs[::2] == pytest.approx(expected[::2], rel=1e-6, abs=1e-9)


def size_of(thing: object) -> int:
    """How many objects hang on a thing, the classes and functions of the program apart."""
    seen: set[int] = set()
    waiting: list[object] = [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | Enum) or callable(one):
            continue
        seen.add(id(one))
        waiting += gc.get_referents(one)
    return len(seen)


def crowd(number: int) -> CurveTrade:
    """One of endlessly many trades, each by somebody new, a second apart."""
    start = launch().curve
    return CurveTrade(
        mint="mint",
        trader=f"trader-{number}",
        is_buy=number % 3 > 0,
        token_raw=1_000 + number,
        quote_lamports=SOL // 100,
        curve=replace(start, virtual_token_raw=start.virtual_token_raw - number - 1, slot=200 + number),
        signature=f"signature-{number}",
        slot=200 + number,
        seen_at_ms=BORN_MS + number * 1_000,
    )


def test_a_token_that_is_traded_for_hours_by_ever_new_people_grows_no_further() -> None:
    token = TokenAnalysis(launch())
    sizes = []
    for number in range(9_000):
        assert token.add(crowd(number))
        if number % 3_000 == 2_999:
            token.analysis(token.latest_ms)
            sizes.append(size_of(token))
    assert sizes[0] <= sizes[2] * 1.02
    assert sizes[2] <= sizes[1] * 1.02
    assert len(token.candles(SECOND_MS)) == KEPT
    assert token.analysis(token.latest_ms).holders.traders >= 512


def test_a_trade_that_is_told_late_counts_now_and_turns_neither_curve_nor_clock_back() -> None:
    market = Market()
    early = market.buy("anna", 1.0, 400)
    for number in range(6):
        market.buy(f"buyer-{number}", 1.0, 100_000 + number * 1_000)
    token = TokenAnalysis(market.launch)
    for trade in (*market.told[1:], early):
        assert token.add(trade)
    now = token.analysis(token.latest_ms)
    assert token.latest_ms == BORN_MS + 105_000
    assert now.volume.m1.buys == 7
    assert now.curve.curve_lamports == market.curve.real_quote_lamports
    assert now.candles.s1.candles == 6


def test_those_who_acted_together_are_forgotten_with_their_bags() -> None:
    token, start = TokenAnalysis(launch()), launch().curve
    for number in range(4_000):
        curve = replace(start, virtual_token_raw=start.virtual_token_raw - number - 1, slot=200 + number)
        # Two wallets buy in one transaction, and both sell all in later ones.
        pair, step = divmod(number, 4)
        trade = CurveTrade(
            mint="mint",
            trader=f"trader-{2 * pair + step % 2}",
            is_buy=step < 2,
            token_raw=1_000,
            quote_lamports=SOL // 100,
            curve=curve,
            signature=f"pair-{pair}" if step < 2 else f"sale-{number}",
            slot=200 + number,
            seen_at_ms=BORN_MS + number * 100,
        )
        assert token.add(trade)
    now = token.analysis(token.latest_ms)
    assert now.holders.traders == 2_000
    assert now.holders.bundled == now.holders.insiders == 512


def test_reading_changes_nothing() -> None:
    market = Market()
    market.buy("anna", 1.0, 400)
    token = analysed(market)
    first = token.analysis(BORN_MS + 700_000)
    token.analysis(BORN_MS + 9_000_000)
    assert repr(token.analysis(BORN_MS + 700_000)) == repr(first)


def test_a_trade_told_again_or_of_another_token_or_that_cannot_be_changes_nothing() -> None:
    market = Market()
    trade = market.buy("anna", 1.0, 400)
    token = analysed(market)
    before = repr(token.analysis(BORN_MS + 500))
    for wrong in (
        trade,
        replace(trade, mint="another"),
        replace(trade, signature="x", token_raw=0),
        replace(trade, signature="x", token_raw=10**30),
        replace(trade, signature="x", quote_lamports=-1),
        replace(trade, signature="x", quote_lamports=10**30),
        replace(trade, signature="x", seen_at_ms=10**30),
        replace(trade, signature="x", seen_at_ms=-(10**30)),
        replace(trade, signature="x", curve=replace(trade.curve, virtual_token_raw=0)),
        replace(trade, signature="x", curve=replace(trade.curve, virtual_quote_lamports=10**30)),
        replace(trade, signature="x", curve=replace(trade.curve, real_quote_lamports=-5)),
    ):
        assert not token.add(wrong)
    assert repr(token.analysis(BORN_MS + 500)) == before


@pytest.mark.parametrize("field", ["virtual_token_raw", "virtual_quote_lamports"])
def test_a_launch_without_a_price_is_refused_by_name(field: str) -> None:
    one = launch()
    with pytest.raises(ImpossibleLaunchError, match="mint"):
        TokenAnalysis(replace(one, curve=replace(one.curve, **{field: 0})))


def test_trades_without_traders_leave_what_is_counted_by_trader_unknown() -> None:
    market = Market()
    token = TokenAnalysis(market.launch)
    for number in range(5):
        token.add(replace(market.buy(f"t{number}", 0.5, 400 * number), trader=""))
    now = token.analysis(BORN_MS + 2_000)
    assert not now.knows_traders
    assert math.isnan(now.holders.holders)
    assert math.isnan(now.creator.bag.sold)
    assert now.volume.m1.buys == 5
    assert now.momentum.holders == 0
    assert [name for name, _ in now.patterns.found] == []


def test_what_is_learnt_stays_until_something_newer_is_told() -> None:
    token = TokenAnalysis(launch())
    token.learn(Facts(mint=MintFacts(can_freeze=True), holders=Holders(1_000, (600, 100), 50)))
    token.learn(Facts(creator=CreatorPast(10, 9, 0, 0.4)))
    now = token.analysis(BORN_MS + 1_000)
    assert now.safety.known
    assert "freeze" in now.safety.hazards[0]
    assert now.holders.chain_top10_share == pytest.approx(0.7)
    assert now.creator.past == CreatorPast(10, 9, 0, 0.4)
    assert now.scam.score > 95
    assert not TokenAnalysis(launch()).analysis(BORN_MS).safety.known


HUGE = st.integers(-(10**40), 10**40)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(max_size=80)


@st.composite
def absurd_curves(draw: st.DrawFn) -> Curve:
    return Curve(
        draw(HUGE), draw(HUGE), draw(HUGE), draw(HUGE), complete=draw(st.booleans()), creator="", slot=draw(HUGE)
    )


@st.composite
def half_true_trades(draw: st.DrawFn) -> CurveTrade:
    """A trade with some parts that are possible and others that are not."""
    start = launch().curve
    moved = replace(
        start,
        virtual_token_raw=draw(st.integers(1, TOKEN_SUPPLY_RAW)),
        virtual_quote_lamports=draw(st.integers(1, 10**13)),
        real_quote_lamports=draw(st.integers(0, 10**13)),
        slot=draw(HUGE),
    )
    return CurveTrade(
        mint="mint",
        trader=draw(TEXTS),
        is_buy=draw(st.booleans()),
        token_raw=draw(st.one_of(HUGE, st.integers(1, TOKEN_SUPPLY_RAW))),
        quote_lamports=draw(st.one_of(HUGE, st.integers(0, 10**12))),
        curve=draw(st.one_of(absurd_curves(), st.just(moved))),
        signature=draw(TEXTS),
        slot=draw(HUGE),
        seen_at_ms=draw(st.one_of(HUGE, st.integers(BORN_MS - 10**6, BORN_MS + 10**9))),
    )


absurd_facts = st.builds(
    Facts,
    mint=st.none() | st.builds(MintFacts, can_mint=st.booleans(), transfer_fee_bps=HUGE),
    holders=st.none() | st.builds(Holders, HUGE, st.lists(HUGE, max_size=12).map(tuple), HUGE),
    funders=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=5),
    creator=st.none() | st.builds(CreatorPast, HUGE, HUGE, HUGE, FLOATS),
    metadata=st.none() | st.builds(TokenMetadata, TEXTS, TEXTS, TEXTS),
    sentiment=st.none() | st.builds(Sentiment, HUGE, FLOATS, HUGE, HUGE, FLOATS),
)


def numbers(thing: Any) -> list[float]:
    if is_dataclass(thing):
        return [number for field in fields(thing) for number in numbers(getattr(thing, field.name))]
    return [thing] if isinstance(thing, int | float) else []


@given(
    trades=st.lists(half_true_trades(), max_size=12),
    facts=st.lists(absurd_facts, max_size=3),
    at_ms=st.one_of(HUGE, st.integers(BORN_MS, BORN_MS + 10**9)),
    name=TEXTS,
)
def test_whatever_is_told_nothing_raises_and_scores_stay_scores(
    trades: list[CurveTrade], facts: list[Facts], at_ms: int, name: str
) -> None:
    token = TokenAnalysis(replace(launch(), name=name))
    for trade in trades:
        token.add(trade)
    for one in facts:
        token.learn(one)
    now = token.analysis(at_ms)
    assert 0 <= now.momentum.score <= 100
    assert 0 <= now.scam.score <= 100
    assert 0 <= now.trend.score <= 100
    assert all(0 <= sign.strength <= 1 for _, sign in now.patterns.found)
    told = [now.volume, now.curve, now.candles, now.momentum, now.trend]
    assert all(math.isnan(number) or math.isfinite(number) for part in told[:4] for number in numbers(part))


@given(curve=absurd_curves())
def test_an_absurd_launch_is_refused_or_measured(curve: Curve) -> None:
    one: TokenLaunch = replace(launch(), curve=curve)
    try:
        token = TokenAnalysis(one)
    except ImpossibleLaunchError:
        return
    assert 0 <= token.analysis(BORN_MS).momentum.score <= 100
