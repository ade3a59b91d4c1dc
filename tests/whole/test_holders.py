"""Who holds a token already: shown by /price, limited by a user's setting, and no wall before a sale."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, make_world, open_for_entries, running_bot

TENTH = LAMPORTS_PER_SOL // 10
LIMITED = UserSettings(max_hold_s=None, stop_loss_bps=None, take_profit_bps=None, max_top_holders_bps=1_000)


async def test_a_token_that_few_own_is_refused_and_one_that_few_came_to_own_is_sold(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("careful", LIMITED)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        creator = (await bot.adapters.chain.venue(mint)).creator
        holders = await bot.adapters.chain.holders(mint, creator)
        assert (holders.top_bps, holders.creator_bps) == (0, 0), "the curve is no holder"
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)

        crowd.buy(mint, 1, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        holders = await bot.adapters.chain.holders(mint, creator)
        assert holders.creator_bps > 1_000
        assert holders.top_bps > holders.creator_bps
        refused = await bot.desk.submit(order(user, wallet, mint, key="more", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert refused.code == "holders"
        assert "its ten largest holders have" in refused.reason
        await world.store.change_settings(user.id, lambda _: replace(LIMITED, max_top_holders_bps=9_000), by=user.id)
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="then", spend_lamports=TENTH)), Submitted)
        await bought(world, 2)
        await world.store.change_settings(user.id, lambda _: LIMITED, by=user.id)
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000)), Submitted)
        await closed(world, 1)
        assert await world.books_equal_chain()
