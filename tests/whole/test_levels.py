"""The halt on the whole bot, in virtual time: flatten, restart, rearm, who holds, and who latches it."""

from __future__ import annotations

import trio
import trio.lowlevel
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.outages import crash_until_given_up, state_of
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until

KEEPS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
HOLDS = UserSettings(take_profit_bps=None, stop_loss_bps=1_000, max_hold_s=None, on_critical="hold")
TENTH = LAMPORTS_PER_SOL // 10


async def with_position(
    world: World, bot: TradingBot, crowd: Crowd, handle: str = "demo-1", settings: UserSettings = KEEPS
) -> str:
    """A user who has bought a token of his own; the mint."""
    user, wallet = await world.user(handle, settings)
    mint = crowd.launch()
    await trio.sleep(1)
    before = (await world.store.day(0)).buys
    await bot.desk.submit(order(user, wallet, mint, key=f"buy-{handle}", spend_lamports=TENTH))
    await bought(world, before + 1)
    return mint


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
        assert [change.state for change in bot.guard.history][-3:] == ["PAUSED", "FLATTENING", "HALTED"]
        assert any("Halted by rpc" in line and "runbooks/halted.md" in line for line in world.alerts)
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        user, wallet = await world.user("demo-1", KEEPS)
        mint = crowd.launch()
        await trio.sleep(2)
        refused = await bot.desk.submit(order(user, wallet, mint, key="no", spend_lamports=1_000_000))
        assert isinstance(refused, Refused)
        assert "halt" in refused.reason
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.state is State.OPEN and bot.reconciler.reconciled, within_s=60)
        with trio.fail_after(60):
            while isinstance(
                await bot.desk.submit(order(user, wallet, mint, key="yes", spend_lamports=TENTH)),
                Refused,
            ):
                await trio.sleep(0.5)
        await bought(world, 2)


async def test_who_chose_to_hold_keeps_his_stop_loss_while_everything_else_is_sold(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        crowd.buy(mint := crowd.launch(), 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        holder, wallet = await world.user("demo-2", HOLDS)
        await bot.desk.submit(order(holder, wallet, mint, spend_lamports=TENTH))
        await bought(world, 2)
        await until(lambda: state_of(bot.supervisor("money"), "reconciler") == "running", within_s=5)
        world.chain.set_fault("rpc-down", for_s=35)
        await until(lambda: bot.guard.state is State.HALTED, within_s=120)
        held = await world.store.open_positions()
        assert [row.user_id for row in held] == [holder.id]
        assert held[0].id in bot.looks
        crowd.sell_all(mint, 7)
        await closed(world, 2)
        await until(lambda: any("stop-loss" in line for line in world.told), within_s=10)
        assert bot.guard.state is State.HALTED
        assert await world.books_equal_chain()


async def test_panic_of_a_holder_sells_while_halted(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, settings=HOLDS)
        world.chain.set_fault("rpc-down", for_s=35)
        await until(lambda: bot.guard.state is State.HALTED, within_s=120)
        (held,) = await world.store.open_positions()
        assert await bot.panic(held.user_id) == 1
        await closed(world, 1)
        assert await world.books_equal_chain()


async def test_who_holds_no_longer_is_sold_while_halted(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, settings=HOLDS)
        world.chain.set_fault("rpc-down", for_s=35)
        await until(lambda: bot.guard.state is State.HALTED, within_s=120)
        (held,) = await world.store.open_positions()
        await world.store.change_settings(held.user_id, lambda _: KEEPS, by=held.user_id)
        await closed(world, 1)


async def test_a_worker_that_keeps_crashing_begins_anew_until_its_position_is_sold(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        (position,) = await world.store.open_positions()
        world.chain.set_fault("rpc-down", for_s=90)
        await until(lambda: state_of(bot.supervisor("guard", "flatten"), position.id) == "running", within_s=60)
        await crash_until_given_up(bot.supervisor("guard", "flatten"), position.id)
        await closed(world, 1, within_s=120)
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)


async def test_a_money_subtree_that_is_used_up_halts_and_flattens(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        with trio.fail_after(60):
            while bot.guard.halt is None:
                money = bot.supervisor("money")
                if state_of(money, "confirmation_watcher") == "running":
                    money.kill("confirmation_watcher")
                await trio.sleep(0.2)
        assert bot.guard.halt.cause == "supervision"
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        assert await world.store.open_positions() == []


async def test_a_guard_that_is_used_up_latches_the_halt_and_the_next_boot_comes_up_halted(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        user, wallet = await world.user("demo-1", KEEPS)
        with trio.fail_after(60):
            while not bot.failures.ends.is_set():
                if bot.root is not None and state_of(bot.root, "guard") == "running":
                    guard = bot.supervisor("guard")
                    if state_of(guard, "trading_guard") == "running":
                        guard.kill("trading_guard")
                        await trio.lowlevel.checkpoint()
                await trio.sleep(0.05)
        assert bot.failures.path == "root/guard"
        refused = await bot.desk.submit(order(user, wallet, crowd.launch(), key="no", spend_lamports=TENTH))
        assert not isinstance(refused, Submitted)
    assert await world.store.halt() is None  # the guard was dead before it could store it
    assert world.halt.kept() is not None
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        assert await world.store.open_positions() == []
        stored = await world.store.halt()
        assert stored is not None
        assert stored.cause == "supervision"


async def test_while_the_guard_is_silent_nothing_enters_and_exits_go_on(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, crowd)
        user, wallet = await world.user("demo-1", KEEPS)
        await bot.supervisor("guard").terminate_child("trading_guard")
        assert bot.guard.state is State.STARTING
        refused = await bot.desk.submit(order(user, wallet, mint, key="more", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert "guard" in refused.reason
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000)), Submitted)
        await closed(world, 1)
        await bot.supervisor("guard").restart_child("trading_guard")
        assert bot.guard.state is State.OPEN
        assert pausing(bot) == set()
