"""Launches by polling in virtual time: what is asked, in which order it is told, what it costs, and when it is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from bot.chain import wire
from bot.chain.addresses import bonding_curve, key_from
from bot.chain.launch_sources import LaunchSources
from bot.chain.polled_launches import LAUNCHES, LOOKS_TO_LOSE, PolledLaunches, PollingRule
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.trading.launch import CurveTrade, StreamEvent, TokenLaunch
from tests.chain.chain_scenario import EPOCH_MS, SOL, World, virtual_world
from tests.whole.crowd import Crowd

RULE = PollingRule(interval_s=1.0, per_second=10, follow_s=12.0)


class Asked:
    """The chain's lists of signatures; keeps when which account was asked about, and refuses while `down`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.accounts: list[str] = []
        self.times_s: list[float] = []
        self.down = False

    async def list(self, address: str, *, until: str | None, limit: int) -> Sequence[wire.SignatureInfo]:
        self.accounts.append(address)
        self.times_s.append(trio.current_time())
        if self.down:
            await trio.lowlevel.checkpoint()
            raise ChainUnavailable("the 10 requests of this second are used, but for exits")
        return await self._world.chain.signatures_of(address, until=until, limit=limit)


@asynccontextmanager
async def _polled(
    rule: PollingRule = RULE,
) -> AsyncIterator[tuple[InProcessChain, Asked, PolledLaunches, LaunchSources]]:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        asked = Asked(world)
        polling = PolledLaunches(asked.list, world.chain.recorded, world.chain.newest_slot, clock, rule)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_probe, world)
            yield net, asked, polling, LaunchSources([], clock, polling)
            nursery.cancel_scope.cancel()


async def _probe(world: World) -> None:
    """What the link of the RPC pool does, so that the newest slot is known."""
    while True:
        await world.chain.probe()
        await trio.sleep(0.3)


async def _next(events: AsyncIterator[StreamEvent]) -> StreamEvent:
    with trio.fail_after(20):
        return await anext(events)


async def test_launches_and_the_trades_of_young_coins_are_told_in_their_order(autojump_clock: MockClock) -> None:
    async with _polled() as (net, asked, _, sources):
        crowd = Crowd(net)
        async with sources.events() as events:
            mint = crowd.launch()
            launch = await _next(events)
            crowd.buy(mint, 2, SOL)
            await trio.sleep(0.4)
            crowd.buy(mint, 3, SOL)
            crowd.sell_all(mint, 2)
            trades = [await _next(events) for _ in range(3)]
        assert isinstance(launch, TokenLaunch)
        assert (launch.mint, launch.source) == (mint, "polling")
        assert [trade.slot for trade in trades if isinstance(trade, CurveTrade)] == sorted(
            trade.slot for trade in trades if isinstance(trade, CurveTrade)
        )
        assert {trade.mint for trade in trades} == {mint}
        assert set(asked.accounts) == {LAUNCHES, str(bonding_curve(key_from(mint)))}


async def test_a_coin_that_is_no_longer_young_costs_nothing_more(autojump_clock: MockClock) -> None:
    async with _polled() as (net, asked, _, sources):
        crowd = Crowd(net)
        async with sources.events() as events:
            curve = str(bonding_curve(key_from(crowd.launch())))
            await _next(events)
            await trio.sleep(RULE.follow_s + 2)
            assert 10 <= asked.accounts.count(curve) <= 13
            asked.accounts.clear()
            await trio.sleep(10)
            assert set(asked.accounts) == {LAUNCHES}


async def test_of_many_coins_the_newest_are_followed_and_the_budget_holds(autojump_clock: MockClock) -> None:
    async with _polled() as (net, asked, polling, sources):
        crowd = Crowd(net)
        async with sources.events() as events:
            began_s = trio.current_time()
            mints = [crowd.launch() for _ in range(12)]
            launched = [(await _next(events)).mint for _ in mints]
            await trio.sleep(8)
            asked.accounts.clear()
            await trio.sleep(2)
        assert sorted(launched) == sorted(mints)
        curves = {str(bonding_curve(key_from(mint))) for mint in launched[-RULE.young_max :]}
        assert set(asked.accounts) <= curves | {LAUNCHES}
        requests = len(asked.times_s) + polling.statistics().read
        assert requests <= RULE.per_second * (trio.current_time() - began_s + 1)


async def test_what_was_launched_just_before_is_told_with_its_age_and_older_ones_are_not(
    autojump_clock: MockClock,
) -> None:
    async with _polled() as (net, _, _, sources):
        crowd = Crowd(net)
        crowd.launch()
        await trio.sleep(30)
        young = crowd.launch()
        await trio.sleep(4)
        opened_ms = EPOCH_MS + round(trio.current_time() * 1000)
        async with sources.events() as events:
            launch = await _next(events)
    assert isinstance(launch, TokenLaunch)
    assert launch.mint == young
    assert 2_000 <= opened_ms - launch.seen_at_ms <= 4_000


async def test_looks_that_fail_in_a_row_end_it_with_the_reason_and_one_does_not(autojump_clock: MockClock) -> None:
    async with _polled() as (_, asked, _, sources), sources.events() as events:
        asked.down = True
        await trio.sleep(LOOKS_TO_LOSE - 1.5)
        asked.down = False
        await trio.sleep(5)
        assert [one.state for one in sources.sources()] == ["up"]
        asked.down = True
        with pytest.raises(ChainUnavailable, match="polling: the 10 requests of this second are used"):
            await _next(events)
