"""What is asked of aggregators, when, and for how long it is shown: against the local chain's stand-ins, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from actors.hearsay_keeper import HearsayKeeper
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.clock import virtual_clock
from bot.execution.hearsay_book import REST_S, TOLD_FOR_MS, WANTED_MAX, HearsayBook, Said
from bot.heard_record import hearsay_record
from bot.localnet import elsewhere
from bot.localnet.inprocess import InProcessChain
from bot.market.dexscreener import FRESH_MS, DexScreener
from bot.market.web import Pace
from bot.ports import Hearsay
from tests.market.teller_doubles import InProcessFetch, in_process_tellers

MINT = str(elsewhere.MINT)


@dataclass(frozen=True, slots=True)
class Scene:
    """A chain, its DexScreener alone, and the book that the actor keeps."""

    chain: InProcessChain
    fetch: InProcessFetch
    book: HearsayBook[Hearsay]

    async def look(self, mint: str = MINT) -> Said[Hearsay]:
        [said] = await self.book.look(mint, 1)
        return said


@asynccontextmanager
async def _keeping(book: HearsayBook[Hearsay]) -> AsyncIterator[None]:
    """The actor, which may not fail once."""
    child = ChildSpec("hearsay_keeper", HearsayKeeper((book,)).run)
    async with open_supervisor(SupervisorSpec("records", "one_for_one", (child,), intensity=0, period_s=30)):
        yield


@asynccontextmanager
async def _scene() -> AsyncIterator[Scene]:
    chain = InProcessChain(seed=3)
    fetch = InProcessFetch(chain, "dexscreener")
    book = HearsayBook(virtual_clock(trio.current_time, epoch_ms=0, seed=1), [DexScreener(fetch, Pace(0.2))])
    async with _keeping(book):
        yield Scene(chain, fetch, book)


async def test_a_word_is_asked_once_while_it_is_fresh_and_told_with_its_age(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        first = await scene.look()
        assert first.age_ms is not None
        assert first.hearsay is not None
        assert first.hearsay.markets == (("pumpswap", 1),)
        await trio.sleep(10)
        again = await scene.look()
        assert (again.age_ms, again.hearsay) == (first.age_ms + 10_000, first.hearsay)
        assert len(scene.fetch.asked) == 1
        await trio.sleep(FRESH_MS / 1000)
        assert (await scene.look()).age_ms == 0
        assert len(scene.fetch.asked) == 2


async def test_an_unknown_token_is_known_to_be_unknown(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        said = await scene.look("1" * 32)
        assert (said.age_ms, said.hearsay) == (0, None)


async def test_many_tokens_go_into_one_question_and_a_flood_of_them_is_cut_off(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        scene.chain.set_fault("rpc-slow", for_s=2, delay_ms=500, endpoint="dexscreener")
        async with trio.open_nursery() as nursery:
            for number in range(31):
                nursery.start_soon(scene.look, f"{number + 1:032}")
        assert [path.count(",") + 1 for path in scene.fetch.asked][-1] + len(scene.fetch.asked[0].split(",")) == 31
        assert len(scene.fetch.asked) == 2
        for number in range(WANTED_MAX + 100):
            scene.book.want(f"{number + 1_000:032}")
        assert len(scene.book.lines[0].wanted) == WANTED_MAX


async def test_nobody_waits_for_a_slow_one_and_its_late_word_serves_the_next_look(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        scene.chain.set_fault("rpc-slow", for_s=60, delay_ms=3_000, endpoint="dexscreener")
        began_s = trio.current_time()
        assert (await scene.look()).age_ms is None
        assert trio.current_time() - began_s == pytest.approx(1)
        await trio.sleep(4)
        assert (await scene.look()).hearsay is not None


async def test_one_that_is_away_is_left_alone_and_its_old_word_ends(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        await scene.look()
        scene.chain.set_fault("dexscreener-down", for_s=10_000)
        await trio.sleep(FRESH_MS / 1000 + 1)
        assert (await scene.look()).hearsay is not None, "the old word stands for a while"
        assert scene.book.lines[0].trouble == "dexscreener: dexscreener is down"
        asked, began_s = len(scene.fetch.asked), trio.current_time()
        await scene.look()
        assert trio.current_time() == began_s, "nobody waits for who is left alone"
        assert len(scene.fetch.asked) == asked
        await trio.sleep(TOLD_FOR_MS / 1000)
        assert await scene.look() == Said("DexScreener")
        scene.chain.cluster.all_faults.clear()
        await trio.sleep(REST_S + 0.1)
        assert (await scene.look()).age_ms == 0
        assert scene.book.lines[0].trouble is None


async def test_a_refusal_for_the_rate_is_honoured(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        scene.chain.cluster.dexscreener._answered_s.extend([trio.current_time()] * 300)
        await scene.look()
        assert len(scene.fetch.asked) == 1
        await trio.sleep(55)
        await scene.look()
        assert len(scene.fetch.asked) == 1, "it asked for a minute"
        await trio.sleep(6)
        assert (await scene.look()).hearsay is not None


@pytest.mark.parametrize("name", ["dexscreener", "birdeye"])
async def test_lies_end_nothing_and_are_never_a_figure_that_cannot_be(autojump_clock: MockClock, name: str) -> None:
    chain = InProcessChain(seed=3)
    book = HearsayBook(virtual_clock(trio.current_time, epoch_ms=0, seed=1), in_process_tellers(chain))
    async with _keeping(book):
        chain.set_fault(f"{name}-lies", for_s=80_000)
        for _ in range(8):
            for said in await book.look(MINT, 1):
                if said.hearsay is not None and said.hearsay.day.volume_usd is not None:
                    assert 0 <= said.hearsay.day.volume_usd < 10**13
            await trio.sleep(700)
        assert len(book.lines) == 3


async def test_status_tells_who_was_away_when_it_was_asked_last(autojump_clock: MockClock) -> None:
    async with _scene() as scene:
        assert hearsay_record([scene.book]) == {"health": "up", "since": None, "detail": "DexScreener"}
        scene.chain.set_fault("dexscreener-down", for_s=5)
        await scene.look()
        record = hearsay_record([scene.book])
        assert (record["health"], record["detail"].startswith("DexScreener, away when last asked: ")) == ("down", True)
        await trio.sleep(REST_S + 5)
        await scene.look()
        assert hearsay_record([scene.book])["health"] == "up"
    assert hearsay_record([HearsayBook(virtual_clock(trio.current_time, epoch_ms=0, seed=1), [])])["health"] == "off"
