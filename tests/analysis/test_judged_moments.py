"""A tracker that gets its trades late judges as one that gets them at once: what this process has to do changes no opinion."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.token_tracker import OWN_MOMENT_MS, TokenTracker
from bot.clock import virtual_clock
from bot.execution.analysis_book import AnalysisBook
from bot.execution.entry_model import ChosenModel, EntryModel
from bot.execution.opinion_book import OpinionBook
from bot.execution.price_book import PriceBook
from bot.execution.social_book import SocialBook
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Opinion
from bot.trading.token_check import MintFacts
from tests.analysis.launch_samples import BORN_MS, Market

OBSERVE_S = 6.0


async def judged(trades: Sequence[CurveTrade], launch: TokenLaunch, late_ms: int) -> Opinion:
    """The opinion of a tracker that starts, hears and ends `late_ms` behind every moment of the market."""
    clock = virtual_clock(trio.current_time, epoch_ms=BORN_MS + late_ms, seed=1)
    found: list[Opinion] = []

    async def read_mint(mint: str) -> MintFacts:
        await trio.lowlevel.checkpoint()
        return MintFacts()

    async def rehearse(mint: str) -> None:
        await trio.lowlevel.checkpoint()

    async def witness(mint: str) -> Curve | None:
        await trio.lowlevel.checkpoint()
        return None

    analyses = AnalysisBook()
    analyses.launched(launch)
    tracker = TokenTracker(
        launch,
        OBSERVE_S,
        clock,
        PriceBook(),
        OpinionBook(),
        analyses,
        read_mint,
        rehearse,
        witness,
        lambda _, opinion: found.append(opinion),
        SocialBook(clock),
        EntryModel(ChosenModel(), lambda _: None),
    )
    async with open_supervisor(SupervisorSpec("hunt", "one_for_one", (ChildSpec("tracker", tracker.run),))):
        for trade in trades:
            await trio.sleep((trade.seen_at_ms + late_ms - clock.now_ms()) / 1000)
            analyses.traded(trade)
            tracker.feed(trade)
        while not found:
            await trio.sleep(0.1)
    return found[0]


def crowd(sol: float) -> Market:
    market = Market()
    for number in range(12):
        market.buy(f"buyer {number}", sol, 500 + 337 * number)
    market.sell("buyer 0", 1.0, 4_350)
    market.sell("buyer 1", 0.8, 4_500)
    return market


async def test_a_strong_buy_is_of_the_moment_of_the_trade_that_made_it_however_late_that_is_heard(
    autojump_clock: MockClock,
) -> None:
    market = crowd(0.4)
    at_once = await judged(market.told, market.launch, 0)
    assert at_once.confidence_bps >= STRONG_CONFIDENCE_BPS
    assert at_once.at_ms in {trade.seen_at_ms for trade in market.told}
    assert await judged(market.told, market.launch, OWN_MOMENT_MS) == at_once


async def test_an_opinion_at_the_end_is_of_that_end_however_late_it_is_looked_at(autojump_clock: MockClock) -> None:
    market = crowd(0.02)
    at_once = await judged(market.told, market.launch, 0)
    assert at_once.at_ms == BORN_MS + round(OBSERVE_S * 1000)
    assert await judged(market.told, market.launch, OWN_MOMENT_MS) == at_once


async def test_what_waited_for_longer_is_judged_as_of_now(autojump_clock: MockClock) -> None:
    market = crowd(0.4)
    late_ms = 10 * OWN_MOMENT_MS
    opinion = await judged(market.told, market.launch, late_ms)
    assert opinion.at_ms - late_ms in {trade.seen_at_ms for trade in market.told}
