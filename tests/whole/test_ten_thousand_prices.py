"""The watchdog of prices at its full size: what is pushed is not asked for, and the rest in small reads, none too old."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import cast

import trio
from trio.testing import MockClock

from actors.price_poller import BATCH, READS_AT_ONCE, PricePoller
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.execution.price_book import PriceBook
from bot.ports import Chain, PricePoint
from bot.trading.curve import Curve
from bot.trading.venue import Venue
from tests.whole.virtual import quick_policy

POSITIONS = 10_000
PUSHED = 4_000
LATENCY_S = 0.08


def curve(slot: int) -> Curve:
    return Curve(1_073_000_000_000_000, 30_000_000_000, 793_100_000_000_000, 0, False, "Creator", slot)


def push(book: PriceBook, mints: Sequence[str], now_ms: int) -> None:
    """What the stream does with trades."""
    for mint in mints:
        book.push(mint, PricePoint(curve(now_ms), now_ms))


@dataclass(slots=True)
class FarChain:
    """Reserves behind a long wire; now and then a read is lost. It notes how it was asked."""

    asked: dict[str, int] = field(default_factory=dict)
    largest: int = 0
    most_at_once: int = 0
    reads: int = 0
    _now: int = 0

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        self.reads += 1
        self._now += 1
        self.largest, self.most_at_once = max(self.largest, len(mints)), max(self.most_at_once, self._now)
        is_lost = self.reads % 50 == 0
        try:
            await trio.sleep(LATENCY_S)
        finally:
            self._now -= 1
        if is_lost:
            raise ChainUnavailable("lost on the way")
        for mint in mints:
            self.asked[mint] = self.asked.get(mint, 0) + 1
        return dict.fromkeys(mints, curve(self.reads))


async def test_ten_thousand_positions_have_fresh_prices(autojump_clock: MockClock) -> None:
    clock, book, chain = virtual_clock(trio.current_time, epoch_ms=10**12, seed=1), PriceBook(), FarChain()
    mints = [f"Mint{number}" for number in range(POSITIONS)]
    read: list[str] = []
    policy = quick_policy()
    poller = PricePoller(
        cast(Chain, chain), book, clock, policy, None, lambda mint, _: read.append(mint), lambda *_: None
    )
    spec = SupervisorSpec("links", "one_for_one", (ChildSpec("price_poller", poller.run),))
    with ExitStack() as watching:
        for mint in mints:
            watching.enter_context(book.watching(mint))
        push(book, mints[:PUSHED], clock.now_ms())
        async with open_supervisor(spec):
            oldest_ms = []
            for _ in range(15):
                await trio.sleep(1)
                push(book, mints[:PUSHED], clock.now_ms())
                seen_ms = book.oldest_seen_ms()
                assert seen_ms is not None
                oldest_ms.append(clock.now_ms() - seen_ms)
    assert max(oldest_ms[4:]) <= policy.price_max_age_ms, oldest_ms
    assert chain.largest <= BATCH
    assert chain.most_at_once <= READS_AT_ONCE
    assert not set(mints[:PUSHED]) & set(chain.asked), "a price that was pushed needs no read"
    assert set(chain.asked) == set(mints[PUSHED:])
    assert len(read) == sum(chain.asked.values())


async def test_what_was_traded_is_read_before_what_is_merely_old(autojump_clock: MockClock) -> None:
    book = PriceBook()
    with ExitStack() as watching:
        for mint in ("old", "older", "new", "traded"):
            watching.enter_context(book.watching(mint))
        for mint, seen_at_ms in (("old", 20), ("older", 10), ("traded", 99)):
            book.push(mint, PricePoint(curve(1), seen_at_ms))
        book.doubt("traded")
        book.follow("asked about")
        assert book.older_than(50) == ["traded", "new", "older", "old"]
        assert book.watched() == 4
        book.unfollow("asked about")


async def test_a_price_that_was_only_read_again_is_fresh_and_wakes_nobody(autojump_clock: MockClock) -> None:
    book, woken = PriceBook(), 0

    async def watch() -> None:
        nonlocal woken
        while True:
            await book.changed("mint")
            woken += 1

    with book.watching("mint"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.sleep(1)
            for venue, seen_at_ms in ((curve(7), 70), (curve(8), 80), (replace(curve(9), complete=True), 90)):
                book.push("mint", PricePoint(venue, seen_at_ms))
                await trio.sleep(1)
                assert book.oldest_seen_ms() == seen_at_ms
            nursery.cancel_scope.cancel()
    assert woken == 2, "the first and the other one"


async def test_nobody_decides_by_what_was_only_followed(autojump_clock: MockClock) -> None:
    """A price that is kept for people may be old; a monitor that begins would take it for that of this moment."""
    book = PriceBook()
    book.follow("mint")
    book.push("mint", PricePoint(curve(7), 70))
    assert book.latest("mint") is None
    assert book.newest() == [("mint", PricePoint(curve(7), 70))]
    with book.watching("mint"):
        assert book.latest("mint") is None
        assert book.older_than(0) == ["mint"], "so it is asked for at once"
        book.push("mint", PricePoint(curve(6), 80))
        with book.watching("mint"):
            assert book.latest("mint") == PricePoint(curve(6), 80)
    assert book.latest("mint") is None
    book.unfollow("mint")
    assert book.newest() == []


async def test_after_the_clock_went_back_every_price_is_read_again_at_once(autojump_clock: MockClock) -> None:
    real, back_ms = virtual_clock(trio.current_time, epoch_ms=10**12, seed=1), 0
    clock = replace(real, now_ms=lambda: real.now_ms() - back_ms)
    book, chain, policy = PriceBook(), FarChain(), quick_policy()
    poller = PricePoller(cast(Chain, chain), book, clock, policy, None, lambda *_: None, lambda *_: None)
    with book.watching("Held"):
        async with open_supervisor(SupervisorSpec("links", "one_for_one", (ChildSpec("poller", poller.run),))):
            await trio.sleep(5)
            back_ms, before = 3_600_000, chain.asked["Held"]
            await trio.sleep(2 * policy.price_max_age_ms / 1000)
            assert chain.asked["Held"] > before
            seen_ms = book.oldest_seen_ms()
            assert seen_ms is not None
            assert 0 <= clock.now_ms() - seen_ms <= policy.price_max_age_ms
