"""What people write of the local chain's coins, asked of the stand-ins in virtual time: silence, lies, floods, fallbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from trio.testing import MockClock

from actors.hearsay_keeper import HearsayKeeper
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.adapters import SocialSources
from bot.analysis.sentiment import leaning_bps
from bot.clock import virtual_clock
from bot.execution.hearsay_book import TOLD_FOR_MS
from bot.execution.social_book import SocialBook
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.localnet.launchpad import LAMPORTS_PER_SOL as SOL
from bot.market.ratings import FRESH_MS
from tests.market.social_doubles import in_process_social
from tests.whole.crowd import Crowd

PEOPLE = 40


@dataclass(frozen=True, slots=True)
class Scene:
    """A chain with one coin that forty people bought, and the book that the actor keeps."""

    chain: InProcessChain
    crowd: Crowd
    mint: str
    book: SocialBook


@asynccontextmanager
async def _scene(*, first: bool = True) -> AsyncIterator[Scene]:
    chain = InProcessChain(seed=1)
    crowd = Crowd(chain)
    mint = crowd.launch()
    chain.step()
    for number in range(PEOPLE):
        crowd.buy(mint, 2 + number, SOL // 2)
        chain.step()
    sources = in_process_social(chain)
    if not first:
        sources = SocialSources((), sources.instead)
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1_000 + 60_000, seed=1)
    book = SocialBook(clock, sources.first, sources.instead)
    child = ChildSpec("hearsay_keeper", HearsayKeeper(book.books).run)
    async with open_supervisor(SupervisorSpec("records", "one_for_one", (child,), intensity=0, period_s=30)):
        yield Scene(chain, crowd, mint, book)


async def test_buyers_of_a_rising_coin_write_well_of_it_in_all_three_places(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        assert not scene.book.sentiment(scene.mint).is_known
        mood = await scene.book.look(scene.mint, 5)
        assert {name for name, _ in mood.heard} == {"X", "Reddit", "Discord"}
        assert sum(number for _, number in mood.heard) == mood.posts > 5
        assert mood.score > 55


async def test_what_was_heard_long_ago_is_no_mood_any_more(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        await scene.book.look(scene.mint, 5)
        scene.chain.set_fault("social-down", for_s=10_000)
        scene.chain.set_fault("ratings-down", for_s=10_000)
        assert scene.book.sentiment(scene.mint).is_known
        await trio.sleep((TOLD_FOR_MS + FRESH_MS) / 1_000 + 1)
        assert not (await scene.book.look(scene.mint, 5)).is_known
        assert set(scene.book.silent()) >= {"X", "Reddit", "Discord"}


async def test_votes_are_asked_for_while_no_post_can_be_read_and_only_then(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        await scene.book.look(scene.mint, 5)
        assert all(not line.heard for line in scene.book.instead.lines)
    async with _scene() as scene:
        scene.chain.set_fault("social-down", for_s=60)
        mood = await scene.book.look(scene.mint, 5)
        assert mood.heard == (("CoinGecko", -1), ("LunarCrush", -1))
        await trio.sleep(70)
        assert {name for name, number in (await scene.book.look(scene.mint, 5)).heard if number > 0} >= {"X", "Reddit"}


async def test_where_nobody_who_tells_posts_is_configured_votes_are_all(autojump_clock: MockClock) -> None:
    async with _scene(first=False) as scene:
        assert (await scene.book.look(scene.mint, 5)).voices == 6


async def test_a_late_answer_holds_nobody_up_and_serves_the_next_look(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        scene.chain.set_fault("rpc-slow", for_s=60, delay_ms=3_000, endpoint="social")
        before_s = trio.current_time()
        assert not (await scene.book.look(scene.mint, 1)).is_known
        assert trio.current_time() - before_s <= 2
        await trio.sleep(10)
        assert scene.book.sentiment(scene.mint).is_known


async def test_a_flood_of_paid_praise_lifts_no_confidence(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        quiet = scene.crowd.launch()
        scene.chain.step()
        scene.chain.set_fault("social-flood", for_s=60)
        mood = await scene.book.look(quiet, 5)
        assert mood.posts >= 100
        assert mood.repeated > mood.posts / 2
        assert leaning_bps(mood) == 0


async def test_lies_about_times_and_texts_that_act_are_not_counted_or_say_nothing(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        honest = await scene.book.look(scene.mint, 5)
    async with _scene() as scene:
        scene.chain.set_fault("social-lies", for_s=60)
        scene.chain.set_fault("ratings-lies", for_s=60)
        mood = await scene.book.look(scene.mint, 5)
        assert mood.posts < honest.posts
        assert leaning_bps(mood) <= leaning_bps(honest)


async def test_a_rate_that_is_used_up_rests_as_long_as_it_was_told_to(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        scene.chain.set_fault("rate-limit", for_s=5, endpoint="social")
        await scene.book.look(scene.mint, 2)
        assert scene.book.silent()
        await trio.sleep(10)
        assert (await scene.book.look(scene.mint, 5)).posts
        assert not scene.book.silent()
