"""The breaker on the whole bot: it pauses what buys by itself for one user, tells him, and ends by his own command."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_levels import with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import make_world, open_for_entries, pausing, running_bot, until

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
        [cause] = bot.guard.causes()
        assert (cause.scope, cause.binds) == (f"user:{user.id}", "automated")
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert pausing(bot) == {"breaker"}
        await trio.sleep(6)
        assert await bot.guard.resume_user(user.id)
        await trio.sleep(12)
        assert pausing(bot) == set()  # he has decided about this day
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000)), Submitted)
