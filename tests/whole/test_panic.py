"""Panic sells what a user holds and what his orders on their way still bring, over a restart too, and nobody else's."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, make_world, open_for_entries, running_bot

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10


async def test_panic_sells_what_an_order_on_its_way_still_buys(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    other, others_wallet = await world.user("demo-2", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(other, others_wallet, mint, key="other", spend_lamports=TENTH))
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        assert await bot.panic(user.id) == 0
        await bought(world, 2)
        await closed(world, 1)
        assert [row.user_id for row in await world.store.open_positions()] == [other.id]
        refused = await bot.desk.submit(order(user, wallet, mint, key="again", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert "panic" in refused.reason
        assert await world.books_equal_chain()


async def test_panic_goes_on_after_a_restart_until_the_user_resumes(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        world.chain.set_fault("rpc-down", for_s=25)
        assert await bot.panic(user.id) == 1
        await trio.sleep(2)
    async with running_bot(world) as bot:
        await closed(world, 1, within_s=90)
        assert bot.guard.panics(user.id)
        assert await bot.guard.resume_user(user.id)
        await trio.sleep(20)
        await bot.desk.submit(order(user, wallet, mint, key="again", spend_lamports=TENTH))
        await bought(world, 2)
        assert len(await world.store.open_positions()) == 1
