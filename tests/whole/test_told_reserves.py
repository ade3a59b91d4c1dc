"""Accounts of held tokens tell what they hold, on the whole bot: an exit waits neither for logs nor for polls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe, Subscriptions
from bot.localnet.inprocess import InProcessChain
from bot.trading.pool import Pool
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.venue import same_reserves
from bot.tree import TradingBot
from tests.chain.chain_doubles import InProcessSubscriptions
from tests.whole.crowd import Crowd
from tests.whole.false_stream import FalseStream
from tests.whole.test_false_prices import STOP, holding, sales
from tests.whole.test_false_streams import bps_of, price_of
from tests.whole.virtual import World, closed, make_world, quick_policy, running_bot, until

SLOW = replace(quick_policy(), price_max_age_ms=120_000)  # no price is asked for within a minute
SOON_S = 3.0


@dataclass(slots=True)
class WithoutLogs:
    """A stream that tells everything but logs."""

    inner: InProcessSubscriptions

    @property
    def name(self) -> str:
        return self.inner.name

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        async def told(notification: Notification) -> None:
            if notification.method != "logsNotification":
                await deliver(notification)

        await self.inner.follow(wanted, told, opened)
        raise AssertionError("a source ends by raising")


def without_logs(chain: InProcessChain, endpoint: int) -> Subscriptions:
    return WithoutLogs(InProcessSubscriptions(chain, endpoint))


def mute_world(endpoints: int = 2) -> World:
    world = make_world(InProcessChain(seed=1, endpoints=max(endpoints, 2)))
    world.endpoints, world.stream_door = endpoints, without_logs
    return world


def followed_accounts(world: World) -> list[int]:
    """How many accounts each endpoint is subscribed to."""
    told = [endpoint.pubsub._sessions for endpoint in world.chain.cluster.endpoints]
    return [sum(one.kind == "account" for session in of for one in session._subscriptions.values()) for of in told]


async def in_its_pool(bot: TradingBot, mint: str) -> None:
    """Wait until the coin has moved to its pool, and the bot knows."""
    with trio.fail_after(60):
        while (point := bot.prices.latest(mint)) is None or not isinstance(point.venue, Pool):
            await trio.sleep(0.4)
    await trio.sleep(5)


@pytest.mark.parametrize("endpoints", [1, 2, 3])
async def test_a_stop_needs_neither_logs_nor_polls(autojump_clock: MockClock, endpoints: int) -> None:
    world = mute_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SLOW) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        await trio.sleep(5)
        assert not sales(world)
        crowd.sell_all(mint, 7)
        await until(lambda: bool(sales(world)), within_s=SOON_S)
        assert price_of(bot, mint).told_by == "", "two tell of it, or there is nobody else"
        await closed(world, 1)
        assert await world.books_equal_chain()
        assert world.reports == []


async def test_in_a_pool_it_does_not_either(autojump_clock: MockClock) -> None:
    world = mute_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SLOW) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.finish(mint, 7)
        await in_its_pool(bot, mint)
        assert not sales(world)
        crowd.sell_all_in_pool(mint, 7)
        await until(lambda: bool(sales(world)), within_s=SOON_S)
        await closed(world, 1)


async def test_without_subscriptions_to_accounts_it_waits_for_the_poll(autojump_clock: MockClock) -> None:
    world = mute_world()
    world.subscriptions_max = 0
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SLOW) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.sell_all(mint, 7)
        await trio.sleep(4 * SOON_S)
        assert not sales(world)
        await closed(world, 1, within_s=120)


async def test_a_crash_while_no_connection_stands_is_read_when_one_does(autojump_clock: MockClock) -> None:
    world = mute_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SLOW) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("stream-drop", for_s=4)
        await trio.sleep(1)
        crowd.sell_all(mint, 7)
        await trio.sleep(2.5)
        assert not sales(world)
        await until(lambda: bool(sales(world)), within_s=2 * SOON_S)


@pytest.mark.parametrize("fault", ["reorder", "stream-silent", "stale"])
async def test_what_is_wrong_with_one_of_the_endpoints_holds_up_no_stop(autojump_clock: MockClock, fault: str) -> None:
    world = mute_world(3)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SLOW) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault(fault, for_s=60, endpoint="rpc-2")
        await trio.sleep(1)
        crowd.sell_all(mint, 7)
        await until(lambda: bool(sales(world)), within_s=SOON_S)


@pytest.mark.parametrize("endpoints", [3, 2])
async def test_reserves_that_one_connection_makes_up_sell_nothing(autojump_clock: MockClock, endpoints: int) -> None:
    stream = FalseStream()
    world = make_world(InProcessChain(seed=1, endpoints=endpoints))
    world.endpoints, world.stream_door = endpoints, stream.door
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        for ahead in (0, 3):
            stream.state(world.chain, mint, replace(bps_of(true, BPS // 2), slot=true.slot + ahead))
            await until(lambda: not stream.states, within_s=5)
            await trio.sleep(5)
        assert stream.told == 2
        assert not sales(world)
        assert same_reserves(price_of(bot, mint), true)
        crowd.sell_all(mint, 7)
        await until(lambda: bool(sales(world)), within_s=SOON_S)


async def test_whoever_holds_nothing_is_subscribed_to_nothing(autojump_clock: MockClock) -> None:
    world = mute_world()
    user, wallet = await world.user("demo-1", replace(STOP, max_hold_s=20))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        assert followed_accounts(world) == [1, 1]
        await closed(world, 1, within_s=60)
        crowd.buy(mint, 8, LAMPORTS_PER_SOL)
        await trio.sleep(3)
        assert followed_accounts(world) == [0, 0]
