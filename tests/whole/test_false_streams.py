"""The WebSocket of one of the endpoints lies, on the whole bot: it blinds nobody, sells nothing and buys nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.curve import Curve
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.false_stream import FalseStream
from tests.whole.test_false_prices import STOP, holding, state_of_liar
from tests.whole.virtual import World, closed, make_world, running_bot

FAR_SLOTS = 100_000


def lying_world(endpoints: int = 3) -> tuple[World, FalseStream]:
    stream = FalseStream()
    world = make_world(InProcessChain(seed=1, endpoints=max(endpoints, 2)))
    world.endpoints, world.stream_door = endpoints, stream.door
    return world, stream


def price_of(bot: TradingBot, mint: str) -> Curve:
    point = bot.prices.latest(mint)
    assert point is not None
    assert isinstance(point.venue, Curve)
    return point.venue


async def delivered(stream: FalseStream) -> None:
    with trio.fail_after(5):
        while stream.waiting:
            await trio.sleep(0.1)


async def test_a_slot_of_the_far_future_hides_no_crash_and_its_teller_is_left(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        stream.trade(mint, replace(true, slot=true.slot + FAR_SLOTS))
        await delivered(stream)
        assert price_of(bot, mint).slot < true.slot + FAR_SLOTS
        assert state_of_liar(bot) == "distrusted"
        await trio.sleep(20)
        assert stream.opened == 1
        assert "in-process:1" not in bot.adapters.stream._streams[0].source.source
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=5)


@pytest.mark.parametrize("endpoints", [3, 2, 1])
async def test_a_slot_that_is_a_little_ahead_again_and_again_hides_no_crash(
    autojump_clock: MockClock, endpoints: int
) -> None:
    world, stream = lying_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        stream.trade(mint, replace(true, slot=true.slot + 30))
        await delivered(stream)
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)
