"""What is kept of the tokens that are traded now: bounded, ranked, and with what their creators did before."""

from __future__ import annotations

from dataclasses import replace

from trio.testing import MockClock

from bot.analysis.regime import RegimeKind
from bot.execution.analysis_book import QUIET_MS, TOKENS_MAX, AnalysisBook
from bot.trading.launch import CurveTrade, TokenLaunch
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market

Told = tuple[TokenLaunch, list[CurveTrade]]


def named(market: Market, mint: str, creator: str = CREATOR) -> Told:
    """What was drawn as the trades of a token with this name and creator."""
    launch = replace(market.launch, mint=mint, creator=creator, symbol=mint.upper())
    return launch, [
        replace(trade, mint=mint, trader=creator if trade.trader == CREATOR else trade.trader) for trade in market.told
    ]


def market_of(mint: str, buyers: int, creator: str = CREATOR) -> Told:
    market = Market()
    for number in range(buyers):
        market.buy(f"{mint}-{number}", 0.4, 1_000 * number)
    return named(market, mint, creator)


def tell(book: AnalysisBook, *markets: Told) -> None:
    for launch, trades in markets:
        book.launched(launch)
        for trade in trades:
            book.traded(trade)


async def test_tokens_are_ranked_by_momentum_and_all_learn_the_market(autojump_clock: MockClock) -> None:
    book = AnalysisBook()
    tell(book, *(market_of(f"mint-{buyers}", buyers) for buyers in range(2, 18)))
    assert book.ranking == []
    await book.refresh(BORN_MS + 18_000)
    assert [one.launch.mint for one in book.ranking[:2]] == ["mint-17", "mint-16"]
    assert book.regime.kind is RegimeKind.BULL
    assert (book.analysis("mint-2", BORN_MS + 18_000) or book.ranking[0].analysis).regime == book.regime
    assert [one.launch.symbol for one in book.top(1, BORN_MS + 18_000)] == ["MINT-17"]
    later = book.top(1, BORN_MS + 500_000)
    assert later[0].analysis.momentum.score == 0, "who asks later is told what is so then"


async def test_a_token_that_nobody_trades_is_let_go_and_memory_is_bounded(autojump_clock: MockClock) -> None:
    book = AnalysisBook()
    tell(book, market_of("kept", 3))
    for number in range(TOKENS_MAX - 1):
        tell(book, market_of(f"mint-{number}", 0))
    for trade in market_of("kept", 5)[1]:
        book.traded(trade)
    tell(book, market_of("one-more", 1))
    assert len(book) == TOKENS_MAX
    assert book.of("kept") is not None
    assert book.of("mint-0") is None
    await book.refresh(BORN_MS + QUIET_MS + 2_500)
    assert sorted(one.launch.mint for one in book.ranking) == ["kept"]
    assert len(book) == 1


async def test_who_left_one_token_at_once_is_known_when_he_makes_the_next(autojump_clock: MockClock) -> None:
    book, first = AnalysisBook(), Market()
    first.buy(CREATOR, 1.0, 0)
    first.sell(CREATOR, 1.0, 5_000)
    tell(book, named(first, "first", "rugger"))
    tell(book, market_of("second", 0, "rugger"), market_of("third", 0, "somebody"))
    second, third = book.analysis("second", BORN_MS), book.analysis("third", BORN_MS)
    assert second is not None and third is not None
    assert second.creator.past is not None and third.creator.past is not None
    assert (second.creator.past.launches, second.creator.past.quick_exits) == (1, 1)
    assert third.creator.past.launches == 0


def test_what_became_of_a_token_that_made_room_is_remembered() -> None:
    book = AnalysisBook()
    tell(book, market_of("first", 12, "maker"))
    for number in range(TOKENS_MAX):
        tell(book, market_of(f"mint-{number}", 0))
    assert book.of("first") is None
    tell(book, market_of("second", 0, "maker"))
    second = book.analysis("second", BORN_MS)
    assert second is not None and second.creator.past is not None
    assert second.creator.past.best_peak > 0.3


def test_a_launch_that_cannot_be_and_trades_of_no_known_token_are_left_out() -> None:
    book, (launch, trades) = AnalysisBook(), market_of("mint", 2)
    book.launched(replace(launch, curve=replace(launch.curve, virtual_token_raw=0)))
    for trade in trades:
        book.traded(trade)
    assert len(book) == 0
    assert book.analysis("mint", BORN_MS) is None


def test_a_launch_told_again_goes_on_where_it_was() -> None:
    book, market = AnalysisBook(), market_of("mint", 4)
    tell(book, market)
    book.launched(market[0])
    analysis = book.analysis("mint", BORN_MS + 5_000)
    assert analysis is not None
    assert analysis.volume.whole.buys == 4
