"""Endpoints tell of the bot's own orders by themselves: it looks sooner, and believes nothing for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, quick_policy, running_bot

PLAIN = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
SLOW_S = 8.0  # between two rounds that ask for everything


def slow_world(subscriptions_max: int = 90) -> World:
    world = make_world(InProcessChain(seed=1, endpoints=2))
    world.endpoints, world.subscriptions_max = 2, subscriptions_max
    return world


async def takes_s(world: World, fault: str = "") -> float:
    """How long a purchase takes from its sending to its settlement while rounds are rare, with a fault of the endpoints."""
    user, wallet = await world.user("demo-1", PLAIN)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=replace(quick_policy(), confirm_interval_s=SLOW_S)) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        if fault:
            world.chain.set_fault(fault, for_s=60)
        outcome = await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        assert isinstance(outcome, Submitted), outcome
        sent_s = trio.current_time()
        await bought(world, 1, within_s=2 * SLOW_S)
        took_s = trio.current_time() - sent_s
        await trio.sleep(5)
        assert (await world.store.day(0)).buys == 1, "told twice, settled once"
        assert len(await world.store.open_positions()) == 1
        assert await world.books_equal_chain()
        assert world.reports == []
    return took_s


async def test_a_fill_is_settled_as_soon_as_an_endpoint_tells_of_it(autojump_clock: MockClock) -> None:
    assert await takes_s(slow_world()) < 2


@pytest.mark.parametrize(("fault", "least_s"), [("stream-drop", 2), ("stream-silent", 1)])
async def test_without_its_word_the_rounds_find_it(autojump_clock: MockClock, fault: str, least_s: float) -> None:
    """A silent connection is replaced after two seconds, and the next one tells what has landed already."""
    assert least_s < await takes_s(slow_world(), fault) < SLOW_S + 2


async def test_no_subscriptions_leave_it_to_the_rounds(autojump_clock: MockClock) -> None:
    assert 2 < await takes_s(slow_world(subscriptions_max=0)) < SLOW_S + 2


async def test_a_hint_of_what_has_not_landed_settles_nothing(autojump_clock: MockClock) -> None:
    world = slow_world()
    user, wallet = await world.user("demo-1", PLAIN)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.chain.set_fault("drop-tx", for_s=10)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        [signature] = bot.in_flight.unseen()
        for _ in range(50):
            bot.in_flight.hint(signature)
            bot.in_flight.hint("somebody else's")
            await trio.sleep(0.1)
        assert (await world.store.day(0)).buys == 0
        assert bot.in_flight.unseen() == [signature]
        await bought(world, 1)
        assert await world.books_equal_chain()
