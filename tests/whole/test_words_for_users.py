"""What users are told of orders that fail: their own words, with the raw details left to the log."""

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
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

TENTH = LAMPORTS_PER_SOL // 10


async def test_a_price_that_ran_away_is_told_in_words(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", UserSettings())
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.chain.set_fault("drop-tx", for_s=0.5)
        outcome = await bot.desk.submit(replace(order(user, wallet, mint, spend_lamports=TENTH), slippage_bps=10))
        assert isinstance(outcome, Submitted), outcome
        await trio.sleep(0.6)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await until(lambda: any("landed with an error" in line for line in world.told), within_s=30)
    [told] = [line for line in world.told if "landed with an error" in line]
    assert told.endswith("The reason: the price rose past the limit."), told


async def test_an_order_without_a_route_is_refused_in_words(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", UserSettings(max_hold_s=None, stop_loss_bps=None))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await until(lambda: any("Bought" in line for line in world.told), within_s=20)
        world.chain.set_fault("rpc-down", for_s=20)
        refused = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000))
        assert isinstance(refused, Refused), refused
        assert refused.reason == "no route to the chain answers now; nothing was sent, try again shortly"
