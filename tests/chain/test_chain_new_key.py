"""A key that changes while a stream stands: the old line goes on until the new one tells something, and nothing is missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from bot.chain.geyser_stream import Call, GeyserLaunches, OpenCall
from bot.chain.launch_sources import LaunchSources
from bot.chain.new_key import RETRY_MIN_S, HandOver, NewKey, RenewedHints, RenewedSource
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.ports import LaunchHint
from bot.trading.launch import TokenLaunch
from tests.chain.chain_doubles import in_process_geyser, in_process_portal, in_process_slot
from tests.chain.chain_scenario import EPOCH_MS, virtual_world
from tests.chain.test_chain_wallet_stream import LEADER, Heard
from tests.whole.crowd import Crowd


@dataclass
class Lines:
    """Lines that tell something each second under a key that is accepted, and are lost at once under another."""

    key: str = "old"
    accepted: set[str] = field(default_factory=lambda: {"old"})
    open: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    cut: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def follow(self, lives: Callable[[], None]) -> None:
        key = self.key
        self.tried.append(key)
        if key not in self.accepted:
            await trio.sleep(0.1)
            raise ChainUnavailable("status 16")
        self.open.append(key)
        try:
            with trio.CancelScope() as self.cut:
                while True:
                    await trio.sleep(1)
                    self.told.append(key)
                    lives()
        finally:
            self.open.remove(key)
        raise ChainUnavailable("it was cut")


@asynccontextmanager
async def followed(lines: Lines) -> AsyncIterator[tuple[NewKey, list[str]]]:
    """The lines with a hand-over; what ended it, once it has."""
    new_key, ended = NewKey(), list[str]()

    async def run() -> None:
        with pytest.raises(ChainUnavailable) as lost:
            await HandOver("lines", new_key, lines.follow).run()
        ended.append(str(lost.value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.sleep(2.5)
        yield new_key, ended
        nursery.cancel_scope.cancel()


async def test_the_old_line_goes_on_until_the_new_one_tells_something(autojump_clock: MockClock) -> None:
    lines = Lines(accepted={"old", "new"})
    async with followed(lines) as (new_key, ended):
        lines.key = "new"
        new_key.came()
        await trio.sleep(0.9)
        assert lines.open == ["old", "new"]
        await trio.sleep(1)
        assert lines.open == ["new"]
        assert lines.told == ["old", "old", "old", "new"]
        lines.cut.cancel()
        await trio.sleep(0.1)
        assert ended == ["it was cut"]


async def test_a_key_that_is_not_taken_costs_nothing_and_is_tried_again(autojump_clock: MockClock) -> None:
    lines = Lines()
    with capture_logs() as logged:
        async with followed(lines) as (new_key, ended):
            lines.key = "new"
            new_key.came()
            await trio.sleep(20)
            assert lines.open == ["old"]
            assert 4 <= lines.tried.count("new") <= 6
            lines.accepted = {"new"}
            await trio.sleep(30)
            assert (lines.open, ended) == (["new"], [])
    events = [one["event"] for one in logged]
    assert (events.count("new_key_not_taken"), events.count("new_key_taken")) == (1, 1)


async def test_a_later_key_takes_the_place_of_one_that_was_never_taken(autojump_clock: MockClock) -> None:
    lines = Lines()
    async with followed(lines) as (new_key, ended):
        lines.key = "wrong"
        new_key.came()
        await trio.sleep(RETRY_MIN_S / 2)
        lines.key, lines.accepted = "new", {"old", "new"}
        new_key.came()
        await trio.sleep(120)
        assert (lines.open, ended) == (["new"], [])
        assert set(lines.told[-100:]) == {"new"}


async def test_the_loss_of_the_old_line_ends_both_so_that_whoever_follows_begins_again(
    autojump_clock: MockClock,
) -> None:
    lines = Lines()
    async with followed(lines) as (new_key, ended):
        lines.key = "wrong"
        new_key.came()
        await trio.sleep(0.01)
        lines.cut.cancel()
        await trio.sleep(0.01)
        assert ended == ["it was cut"]
        assert lines.open == []


async def test_an_old_line_that_is_lost_in_the_moment_in_which_it_is_left_ends_nothing(
    autojump_clock: MockClock,
) -> None:
    new_key, lost, followed_by = NewKey(), trio.Event(), list[int]()

    async def follow(lives: Callable[[], None]) -> None:
        followed_by.append(len(followed_by))
        if len(followed_by) == 1:
            await lost.wait()
            raise ChainUnavailable("lost")
        lost.set()  # the old line wakes up with its loss, and not with its end
        lives()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(HandOver("lines", new_key, follow).run)
        await trio.sleep(1)
        new_key.came()
        await trio.sleep(60)
        assert followed_by == [0, 1]
        nursery.cancel_scope.cancel()


@dataclass
class Guarded:
    """A stand-in that accepts calls under one key; `calls` are those that stand, by their key."""

    open_call: OpenCall
    key: str = "old"
    accepted: frozenset[str] = frozenset({"old", "new"})
    calls: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Call]:
        key = self.key
        if key not in self.accepted:
            raise ChainUnavailable("the call ended with status 16")
        async with self.open_call() as call:
            self.calls.append(key)
            try:
                yield call
            finally:
                self.calls.remove(key)


async def test_no_launch_is_missed_or_told_twice_while_a_geyser_stream_takes_a_new_key(
    autojump_clock: MockClock,
) -> None:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        clock, new_key, guarded = (
            virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1),
            NewKey(),
            Guarded(in_process_geyser(net)),
        )
        geyser = GeyserLaunches(guarded.open, world.chain.newest_slot, clock, silence_s=2)
        launched: list[str] = []
        crowd = Crowd(net)
        told: list[str] = []

        async def listen() -> None:
            async with LaunchSources([RenewedSource(geyser, new_key)], clock).events() as events:
                async for event in events:
                    told.extend([event.mint] if isinstance(event, TokenLaunch) else [])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(2)
            for number in range(40):
                launched.append(crowd.launch())
                if number % 10 == 5:
                    guarded.key = "new" if guarded.key == "old" else "old"
                    new_key.came()
                await trio.sleep(0.13)
                assert 1 <= len(guarded.calls) <= 2
            await trio.sleep(3)
            assert guarded.calls == ["old"]
            assert told == launched
            nursery.cancel_scope.cancel()


async def test_followed_wallets_take_a_new_key_and_replay_what_was_missed(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=5)
    crowd = Crowd(net)
    leader = str(crowd._trader(LEADER).pubkey())
    guarded, heard = Guarded(in_process_geyser(net)), Heard()
    news = GeyserWallets(guarded.open, in_process_slot(net), silence_s=2, per_call=10)
    news.want([leader])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        nursery.start_soon(news.follow, heard)
        await trio.sleep(5)
        bought = []
        for number in range(12):
            bought.append(crowd.launch())
            await trio.sleep(0.5)
            crowd.buy(bought[-1], LEADER, 10_000_000)
            if number % 4 == 1:
                guarded.key = "new" if guarded.key == "old" else "old"
                news.key_changed()
        await trio.sleep(3)
        told = {one.signature: [swap.mint for swap in one.swaps] for one in heard.news}
        assert [mint for mints in told.values() for mint in mints] == bought
        assert (guarded.calls, heard.gaps) == (["new"], [])
        guarded.key = "wrong"
        news.key_changed()
        await trio.sleep(1)
        assert "status 16" in news.health().detail
        nursery.cancel_scope.cancel()


async def test_a_service_of_hints_is_heard_by_one_line_after_its_key_has_changed(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=9)
    crowd, new_key, hints = Crowd(net), NewKey(), list[LaunchHint]()
    service = RenewedHints(in_process_portal(net, key=True), new_key)

    async def hinted(hint: LaunchHint) -> None:
        await trio.lowlevel.checkpoint()
        hints.append(hint)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        nursery.start_soon(partial(service.follow, hinted, lambda: None))
        await trio.sleep(1)
        mint = crowd.launch()
        await trio.sleep(2)
        new_key.came()
        await trio.sleep(1)
        second = crowd.launch()
        await trio.sleep(2)
        third = crowd.launch()
        await trio.sleep(2)
        created = dict.fromkeys(hint.mint for hint in hints if hint.kind == "create")
        assert list(created) == [mint, second, third]
        crowd.buy(mint, LEADER, 10_000_000)
        await trio.sleep(2)
        assert [hint.mint for hint in hints if hint.kind == "trade"][-1] == mint
        assert len(net.cluster.portal._sessions) == 1
        nursery.cancel_scope.cancel()
