"""A day's loss on the whole bot: the breaker pauses what buys by itself for one user, and where he wants it all is sold."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_levels import with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import closed, make_world, open_for_entries, pausing, running_bot, until

THOUSANDTH = LAMPORTS_PER_SOL // 1_000
CAREFUL = UserSettings(
    take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, daily_loss_limit_lamports=LAMPORTS_PER_SOL // 100
)


async def test_an_unrealised_loss_of_twice_the_limit_pauses_his_automation_until_he_resumes(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd.buy(mint := crowd.launch(), 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        user, wallet = await world.user("demo-1", CAREFUL)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        other = await with_position(world, bot, crowd, "demo-2", CAREFUL)
        assert pausing(bot) == set()
        crowd.sell_all(mint, 7)
        await until(lambda: pausing(bot) == {"breaker"}, within_s=15)
        await until(lambda: any("/resume lets it go on" in line for line in world.told), within_s=10)
        snipe = replace(order(user, wallet, other, key="snipe", spend_lamports=THOUSANDTH), context=Context.SNIPER)
        refused = await bot.desk.submit(snipe)
        assert isinstance(refused, Refused)
        assert "breaker" in refused.reason
        by_hand = await bot.desk.submit(order(user, wallet, other, key="hand", spend_lamports=THOUSANDTH))
        assert isinstance(by_hand, Refused)
        assert by_hand.code == "daily_loss"
        assert "today's loss" in (await bot.desk.pipeline.closed_by_loss(user) or "")
        [cause] = bot.guard.causes()
        assert (cause.scope, cause.binds) == (f"user:{user.id}", "automated")
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert pausing(bot) == {"breaker"}
        await trio.sleep(6)
        assert await bot.guard.resume_user(user.id)
        await trio.sleep(12)
        assert pausing(bot) == set()  # he has decided about this day
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await trio.sleep(12)
        assert pausing(bot) == set(), "a restart does not forget that he has"
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000)), Submitted)


async def test_at_the_loss_that_he_set_everything_of_his_is_sold_and_nobody_elses(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd.buy(mint := crowd.launch(), 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        user, wallet = await world.user("demo-1", replace(CAREFUL, flatten_at_loss_bps=10_000))
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        kept = await with_position(world, bot, crowd, "demo-2", CAREFUL)
        lost = await with_position(world, bot, crowd, "demo-1", CAREFUL)
        crowd.sell_all(mint, 7)
        await closed(world, 2)
        assert [row.mint for row in await world.store.open_positions()] == [kept]
        assert {("panic", "loss rule"), ("breaker", "breaker")} >= {(one.name, one.by) for one in bot.guard.causes()}
        assert bot.guard.state is State.OPEN
        words = ("Everything that you hold is being sold (2 positions)", "(flatten)")
        await until(lambda: [sum(one in line for line in world.told) for one in words] == [1, 2], within_s=10)
        await until(lambda: any(f"Everything of user {user.id} is" in line for line in world.alerts), within_s=5)
        refused = await bot.desk.submit(order(user, wallet, lost, key="again", spend_lamports=THOUSANDTH))
        assert isinstance(refused, Refused)
        assert "panic" in refused.reason
        assert await bot.guard.resume_user(user.id)
        await trio.sleep(12)
        assert pausing(bot) == set()  # he has decided about this day
        assert await world.books_equal_chain()
