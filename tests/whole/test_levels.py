"""The three levels on the whole bot, in virtual time: pause and resume, halt and flatten, restart, rearm."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, running_bot, until

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)


async def with_position(world: World, bot: TradingBot, crowd: Crowd, handle: str = "demo-1") -> str:
    """A user who holds a position that only a halt will sell; the mint."""
    user, wallet = await world.user(handle, HOLD)
    mint = crowd.launch()
    await trio.sleep(1)
    before = (await world.store.day(0)).buys
    await bot.desk.submit(order(user, wallet, mint, key=f"buy-{handle}", spend_lamports=LAMPORTS_PER_SOL // 10))
    await bought(world, before + 1)
    return mint


async def test_an_outage_pauses_entries_and_ends_by_itself_after_its_dwell(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault("rpc-down", for_s=20)
        await until(lambda: "rpc" in {cause.name for cause in bot.guard.causes()}, within_s=10)
        assert (bot.guard.state, bot.guard.level) == (State.PAUSED, 2)
        paused_s = trio.current_time()
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)
        assert trio.current_time() - paused_s > 30  # the outage and 15 s of dwell
        assert bot.guard.level == 1


async def test_an_outage_that_lasts_halts_flattens_and_stays_halted_until_rearmed(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        world.chain.set_fault("rpc-down", for_s=60)
        await until(lambda: bot.guard.level == 3, within_s=50)
        assert bot.guard.state is State.FLATTENING
        assert len(await world.store.open_positions()) == 1  # no route yet
        await until(lambda: bot.guard.state is State.HALTED, within_s=120)
        assert await world.store.open_positions() == []
        assert await world.books_equal_chain()
        assert any("flatten" in line for line in world.told) or (await world.store.due(9))
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        user, wallet = await world.user("demo-1", HOLD)
        mint = crowd.launch()
        await trio.sleep(2)
        refused = await bot.desk.submit(order(user, wallet, mint, key="no", spend_lamports=1_000_000))
        assert "halt" in refused.reason  # type: ignore[union-attr]
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.state is State.OPEN and bot.reconciler.reconciled, within_s=60)
        with trio.fail_after(60):
            while isinstance(
                await bot.desk.submit(order(user, wallet, mint, key="yes", spend_lamports=LAMPORTS_PER_SOL // 10)),
                Refused,
            ):
                await trio.sleep(0.5)
        await bought(world, 2)


async def test_a_crash_looping_monitor_is_quarantined_and_its_position_gets_the_fallback(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        await with_position(world, bot, crowd, "demo-2")
        first, second = await world.store.open_positions()
        with_stop = replace(first, plan=replace(first.plan, max_hold_s=1))
        world.store._positions[first.id] = with_stop  # the plan that the fallback must keep
        monitors = bot.supervisor("money", "position_monitors")
        for _ in range(200):
            state = {child.id: child.state for child in monitors.which_children()}.get(first.id)
            if state == "quarantined":
                break
            if state == "running":
                bot.prices._entries[first.mint].point = None
                monitors.kill(first.id)
            await trio.sleep(0.2)
        assert state == "quarantined"
        await until(lambda: bot.guard.state is State.OPEN, within_s=5)
        with trio.fail_after(60):
            while (await world.store.position(first.id)).state != "closed":  # type: ignore[union-attr]
                await trio.sleep(0.5)
        assert {child.id: child.incarnation for child in monitors.which_children()}[second.id] == 1
        assert bot.guard.level == 1
