"""Whoever makes an order is stopped before it is signed: the order is given up at once and holds up no sale of its token."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.execution.lanes import wallet_of
from bot.localnet.inprocess import InProcessChain
from bot.trading.intent import IntentState
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Halt
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_exits_without_database import KEEPS, scene
from tests.whole.virtual import World, make_world, open_for_entries, running_bot

# Far below the 30 s after which an unsigned order of an unknown maker is given up.
SOON_S = 8.0


async def _planned_sale(world: World, bot: TradingBot) -> None:
    """Buy a token and wait until its exit is planned and waits for slow endpoints."""
    crowd = Crowd(world.chain)
    mint = crowd.launch()
    await trio.sleep(0.5)
    await crowd.rush(mint, range(2, 14), LAMPORTS_PER_SOL // 2)
    with trio.fail_after(20):
        while not await world.store.open_positions():
            await trio.sleep(0.1)
    world.chain.set_fault("rpc-slow", for_s=20, delay_ms=900)
    with trio.fail_after(20):
        while IntentState.PLANNED not in [intent.state for intent, _ in await world.store.in_flight()]:
            await trio.sleep(0.1)
    world.chain.cluster.all_faults.clear()


async def _sold(world: World) -> None:
    with trio.fail_after(SOON_S):
        while await world.store.open_positions() or await world.store.in_flight():
            await trio.sleep(0.1)


async def test_a_halt_in_the_middle_of_planning_a_sale_is_flat_soon(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=5))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await _planned_sale(world, bot)
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "a drill"))
        await _sold(world)
        assert await world.books_equal_chain()


async def test_an_executor_stopped_in_the_middle_of_planning_a_sale_delays_it_little(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    _, wallet = await world.user("demo-1", UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=5))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await _planned_sale(world, bot)
        executors = bot.supervisor("money", "executors")
        for child in [child.id for child in executors.which_children() if wallet_of(child.id) == wallet.id]:
            await executors.terminate_child(child)
        await _sold(world)
        assert await world.books_equal_chain()


async def test_a_buy_that_was_committed_and_never_answered_is_given_up_when_the_database_is_back(
    autojump_clock: MockClock,
) -> None:
    async with scene(KEEPS) as here:
        here.world.database.loses.add("admit")
        assert isinstance(await here.buys(), Refused)
        await here.database_goes()
        await trio.sleep(1)
        assert [intent.state for intent, _ in await here.world.store.in_flight()] == [IntentState.PLANNED]
        await here.database_comes()
        with trio.fail_after(SOON_S):
            while await here.world.store.in_flight():
                await trio.sleep(0.1)
