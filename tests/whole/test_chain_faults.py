"""What a chain does on an ordinary day, through the whole bot: leaders who are away, trades that land and fail, logs that
are cut, endpoints behind the others and notifications out of order. Nobody's money is lost or spent twice under any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import IN_FLIGHT, AttemptState, IntentState, Side
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.books import audit
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import SETTINGS, order
from tests.whole.virtual import (
    World,
    bought,
    closed,
    make_world,
    open_for_entries,
    pausing,
    running_bot,
    until,
)

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10
LONG_S = 3_600.0
SLOT_MS = 420  # slots of a real cluster are a little longer than they should be
RESOLVED_WITHIN_S = 120.0


@dataclass(slots=True)
class Scene:
    """One user, a token that somebody launched, and a bot with two endpoints that is open for entries."""

    world: World
    bot: TradingBot
    crowd: Crowd
    user: User
    wallet: Wallet
    mint: str

    async def submit(self, key: str, *, spend_lamports: int = 0, share_bps: int = 0) -> None:
        asked = order(self.user, self.wallet, self.mint, key=key, spend_lamports=spend_lamports, share_bps=share_bps)
        made = await self.bot.desk.submit(asked)
        assert isinstance(made, Submitted), made

    async def ended(self, key: str) -> IntentState:
        """The state in which an order ends."""
        with trio.fail_after(RESOLVED_WITHIN_S):
            while True:
                intent = await self.world.store.intent_of(key)
                assert intent is not None
                if intent.state not in IN_FLIGHT:
                    return intent.state
                await trio.sleep(0.1)

    async def sound(self) -> None:
        """The fault is over; every order had at most one success, and books and ledgers equal the chain to the lamport."""
        self.world.chain.cluster.all_faults.clear()
        await until(lambda: not self.bot.in_flight.all(), within_s=RESOLVED_WITHIN_S)
        successes = Counter(
            row.intent_id for row in self.world.store._attempts.values() if row.state is AttemptState.LANDED
        )
        assert set(successes.values()) <= {1}
        await exact(self.bot, self.world)
        with trio.fail_after(RESOLVED_WITHIN_S):
            while await self.world.store.unfinal(1):
                await trio.sleep(0.5)
        await self.world.store.bind_genesis(self.world.chain.call("getGenesisHash"))
        assert audit(self.world.store, self.world.chain) == []
        assert not any("adjusted" in line or "does not explain" in line for line in self.world.alerts)
        assert self.world.reports == []


@asynccontextmanager
async def playing() -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1, endpoints=2, slot_ms=SLOT_MS))
    world.endpoints = 2
    world.chain.step(40)  # before that the newest finalized blockhash is always the first
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await exact(bot, world)
        yield Scene(world, bot, crowd, user, wallet, mint)


@pytest.mark.parametrize(
    ("fault", "endpoint"),
    [
        ("skip-slots", "all"),
        ("cut-logs", "all"),
        ("reorder", "all"),
        ("reorder", "rpc-1"),
        ("stale", "rpc-1"),
        ("stale", "rpc-2"),
    ],
)
async def test_orders_by_hand_are_filled_once_each(autojump_clock: MockClock, fault: str, endpoint: str) -> None:
    async with playing() as scene:
        scene.world.chain.set_fault(fault, for_s=LONG_S, endpoint=endpoint)
        for round_ in range(3):
            await scene.submit(f"in {round_}", spend_lamports=TENTH)
            assert await scene.ended(f"in {round_}") is IntentState.FILLED
            await scene.submit(f"part {round_}", share_bps=BPS // 3)
            assert await scene.ended(f"part {round_}") is IntentState.FILLED
            await trio.sleep(5)
            assert pausing(scene.bot) <= {"stream"} if fault == "stale" else pausing(scene.bot) == set()
        await scene.submit("out", share_bps=BPS)
        assert await scene.ended("out") is IntentState.FILLED
        await scene.sound()
        assert await scene.world.store.open_positions() == []
        assert fault == "stale" or scene.world.alerts == []


async def test_trades_that_land_and_fail_cost_their_fees_and_nothing_else(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        world = scene.world
        await scene.submit("in", spend_lamports=TENTH)
        assert await scene.ended("in") is IntentState.FILLED
        world.chain.set_fault("fail-tx", for_s=LONG_S)
        await scene.submit("more", spend_lamports=TENTH)
        assert await scene.ended("more") is IntentState.FAILED
        await scene.submit("out", share_bps=BPS)
        assert await scene.ended("out") is IntentState.FAILED
        failed = [row for row in world.store._attempts.values() if row.state is AttemptState.LANDED_ERROR]
        sides = {world.store._intents[row.intent_id].request.side for row in failed}
        assert sides == {Side.BUY, Side.SELL}
        [position] = await world.store.open_positions()
        assert position.token_raw > 0
        world.chain.cluster.all_faults.clear()
        await trio.sleep(2)  # on the same blockhash it could be the very transaction that failed
        await scene.submit("out again", share_bps=BPS)
        assert await scene.ended("out again") is IntentState.FILLED
        await scene.sound()


async def test_a_panic_sells_through_a_while_in_which_sales_land_and_fail(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.submit("in", spend_lamports=TENTH)
        assert await scene.ended("in") is IntentState.FILLED
        scene.world.chain.set_fault("fail-tx", for_s=6)
        await scene.bot.panic(scene.user.id)
        with trio.fail_after(RESOLVED_WITHIN_S):
            while await scene.world.store.open_positions():
                await trio.sleep(0.5)
        await scene.sound()


@pytest.mark.parametrize("fault", ["skip-slots", "cut-logs", "reorder"])
async def test_a_sniper_buys_a_launch_once_and_sells_it_once(autojump_clock: MockClock, fault: str) -> None:
    world = make_world(InProcessChain(seed=1, endpoints=2, slot_ms=SLOT_MS))
    world.endpoints = 2
    await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    for trader in range(1, 16):
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault(fault, for_s=LONG_S)
        mint = crowd.launch()
        await trio.sleep(1)
        await crowd.rush(mint, range(2, 16), LAMPORTS_PER_SOL // 2)
        await bought(world, 1)
        for trader in range(2, 16):
            crowd.buy(mint, trader, LAMPORTS_PER_SOL)
        await closed(world, 1)
        await trio.sleep(20)
        assert (await world.store.day(0)).buys == 1
        await exact(bot, world)
        assert await world.books_equal_chain()
    assert world.reports == []
    assert world.alerts == []
