"""Coins that can be bought and not sold: caught by a simulated sale before anything buys them by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.execution.sale_trials import TRIED_WITHIN_S
from bot.localnet.inprocess import InProcessChain
from bot.localnet.traps import set_trap
from bot.ports import Submitted
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.test_token_safety import SNIPING, make_crowd, wanted_by_many
from tests.whole.virtual import bought, make_world, open_for_entries, quick_policy, running_bot

TENTH = LAMPORTS_PER_SOL // 10


async def baited(crowd: Crowd, mint: str) -> None:
    """Six buy, two of them are let out again so that others take heart, and from then on nobody is."""
    await trio.sleep(0.5)
    for trader in range(2, 8):
        crowd.buy(mint, trader, LAMPORTS_PER_SOL // 2)
    await trio.sleep(1)
    for trader in (2, 3):
        crowd.sell_all(mint, trader)
    crowd.chain.step(2)
    set_trap(crowd.chain.cluster.chain.accounts, Pubkey.from_string(mint))
    for trader in range(8, 16):
        crowd.buy(mint, trader, LAMPORTS_PER_SOL // 2)
        await trio.sleep(0.2)


async def test_a_honeypot_that_nobody_ever_leaves_is_bought_by_nobody(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("bold", replace(SNIPING, check_honeypots=False))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault("honeypot", for_s=2)
        await wanted_by_many(crowd, crowd.launch())
        await trio.sleep(8)
        assert await world.store.open_positions() == []
        assert (await world.store.day(0)).buys == 0


async def test_a_honeypot_is_left_alone_by_the_careful_and_bought_by_the_bold(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    careful, _ = await world.user("careful", SNIPING)
    bold, _ = await world.user("bold", replace(SNIPING, check_honeypots=False))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        trap = crowd.launch()
        await baited(crowd, trap)
        await bought(world, 1)
        assert {row.user_id for row in await world.store.open_positions()} == {bold.id}
        run = (await world.store.runs_since(careful.id, 0))[-1]
        assert run.status == "SKIPPED"
        assert "a simulated sale right behind the buy fails" in run.reason

        plain = crowd.launch()
        await wanted_by_many(crowd, plain)
        await bought(world, 3)
        assert {row.mint for row in await world.store.open_positions(careful.id)} == {plain}
        assert world.reports == []


async def test_many_honeypots_at_once_do_not_close_the_launchpad(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("careful", SNIPING)
    crowd = make_crowd(world.chain)
    async with running_bot(world, policy=replace(quick_policy(), canary_interval_s=5.0)) as bot:
        await open_for_entries(bot)
        await wanted_by_many(crowd, crowd.launch())
        await trio.sleep(5)
        world.chain.set_fault("honeypot", for_s=100)
        for _ in range(5):
            await wanted_by_many(crowd, crowd.launch())
            await trio.sleep(10)
        assert not any("is not as it was" in line for line in world.alerts), world.alerts


async def test_a_trial_that_nobody_answers_in_time_buys_nothing_by_itself(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("careful", UserSettings(max_hold_s=None))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(2)
        chain = bot.adapters.chain
        venue = await chain.venue(mint)
        assert venue.liquidity_lamports == 0
        world.chain.set_fault("rpc-slow", for_s=60, delay_ms=int(TRIED_WITHIN_S * 500))
        asked = replace(order(user, wallet, mint, spend_lamports=TENTH), context=Context.SNIPER)
        slow = await bot.desk.submit(asked)
        assert isinstance(slow, Submitted)

        later = crowd.launch()
        await trio.sleep(2)
        await chain.venue(later)
        world.chain.set_fault("rpc-slow", for_s=60, delay_ms=int(TRIED_WITHIN_S * 1_400))
        refused = await bot.desk.submit(replace(asked, mint=later, key="later"))
        assert isinstance(refused, Refused)
        assert refused.code == "untried"


@pytest.mark.parametrize("in_pool", [False, True])
async def test_both_ways_fit_one_transaction_and_cost_only_fees(autojump_clock: MockClock, in_pool: bool) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("anybody", UserSettings(max_hold_s=None))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        if in_pool:
            crowd.finish(mint, 2)
            await trio.sleep(30)
        assert isinstance(await bot.adapters.chain.venue(mint), Pool) is in_pool
        automated = replace(order(user, wallet, mint, spend_lamports=TENTH), context=Context.COPY_TRADE)
        submitted = await bot.desk.submit(automated)
        assert isinstance(submitted, Submitted), submitted
        await bought(world, 1)
        assert await world.books_equal_chain()
