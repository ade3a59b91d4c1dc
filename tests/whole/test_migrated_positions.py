"""A position whose coin moves from its curve to its pool: sold there by every way out, and waited for in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.telegram.story_text import story_text
from bot.trading.flatten import FlattenState
from bot.trading.intent import Context, IntentState, Protection, Side
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, quick_policy, running_bot, until

KEEPS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10
WHALE, WAITS_SLOTS = 50, 25


def make_market() -> tuple[World, Crowd]:
    """A world in which a completed curve waits ten seconds for its pool."""
    world = make_world(InProcessChain(seed=1, migration_slots=WAITS_SLOTS))
    return world, Crowd(world.chain)


async def holding(
    world: World, bot: TradingBot, crowd: Crowd, settings: UserSettings = KEEPS
) -> tuple[User, Wallet, str]:
    """A user who has bought a coin on its curve."""
    user, wallet = await world.user("demo-1", settings)
    mint = crowd.launch()
    await trio.sleep(1)
    await bot.desk.submit(order(user, wallet, mint, key="in", spend_lamports=TENTH))
    await bought(world, 1)
    return user, wallet, mint


async def in_pool(bot: TradingBot, mint: str) -> None:
    with trio.fail_after(60):
        while not isinstance(await bot.adapters.chain.venue(mint), Pool):
            await trio.sleep(0.2)


def told(world: World, word: str) -> Sequence[str]:
    return [line for line in world.told if word in line]


async def all_is_exact(bot: TradingBot, world: World) -> None:
    """The books and the chain agree to the token and the lamport."""
    assert await world.books_equal_chain()
    await exact(bot, world)


async def test_stop_loss_sells_in_the_pool_and_the_wait_is_told_once(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        _, _, mint = await holding(world, bot, crowd, replace(KEEPS, stop_loss_bps=1_000))
        crowd.finish(mint, WHALE)
        await until(lambda: bool(told(world, "waits for its pool")), within_s=10)
        await in_pool(bot, mint)
        await trio.sleep(5)
        assert await world.store.open_positions(), "the price has not fallen yet"
        crowd.sell_all_in_pool(mint, WHALE)
        await closed(world, 1)
        await all_is_exact(bot, world)
        await trio.sleep(2)
    assert len(told(world, "waits for its pool")) == 1
    assert any("Sold" in line and "stop-loss" in line for line in world.told), world.told


async def test_a_sale_by_hand_is_refused_while_there_is_no_pool_and_done_in_it(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        user, wallet, mint = await holding(world, bot, crowd)
        crowd.finish(mint, WHALE)
        await until(lambda: bool(told(world, "waits for its pool")), within_s=10)
        refused = await bot.desk.submit(order(user, wallet, mint, key="too-early", share_bps=BPS))
        assert isinstance(refused, Refused)
        assert (refused.code, "waits for its pool" in refused.reason) == ("awaits_pool", True)
        await in_pool(bot, mint)
        half = await bot.desk.submit(order(user, wallet, mint, key="half", share_bps=BPS // 2))
        assert isinstance(half, Submitted), half
        with trio.fail_after(30):
            while (await world.store.day(0)).sells < 1:
                await trio.sleep(0.1)
        rest = await bot.desk.submit(order(user, wallet, mint, key="rest", share_bps=BPS))
        assert isinstance(rest, Submitted), rest
        await closed(world, 1)
        await all_is_exact(bot, world)


async def test_a_flatten_waits_for_the_pool_and_sells_there(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        _, _, mint = await holding(world, bot, crowd)
        crowd.finish(mint, WHALE)
        await until(lambda: bool(told(world, "waits for its pool")), within_s=10)
        bot.guard.latch(Halt("operator", bot.adapters.clock.now_ms(), "operator", "a test"))
        [saga] = bot.guard.flattens()
        await closed(world, 1, within_s=60)
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        assert isinstance(await bot.adapters.chain.venue(mint), Pool)
        assert await world.books_equal_chain()
        [row] = await world.store.flatten_rows(saga.id)
        assert row.state is FlattenState.SOLD
        assert row.attempts <= 8, "it waits for the pool and does not try again and again"
        position = await world.store.position(row.position_id)
        assert position is not None
        stories = [await world.store.order_story(one) for one in await world.store.orders_of(position.id)]
        words = story_text(position, [one for one in stories if one is not None])
        assert words.count("given up before anything was sent") == 1, words
        assert re.search(r"times a sell .* was given up before anything was sent: .*its pool.*, from 20", words), words


async def test_a_sale_that_the_migration_outran_is_signed_again_in_the_pool(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        user, _, mint = await holding(world, bot, crowd)
        crowd._trader(WHALE)
        # What is signed for the curve does not land while the curve completes and migrates.
        world.chain.set_fault("drop-tx", for_s=1.5)
        await bot.panic(user.id)
        await trio.sleep(1.6)
        crowd.finish(mint, WHALE)
        await closed(world, 1, within_s=90)
        await all_is_exact(bot, world)
        assert told(world, "landed with an error")
        [sold] = [
            intent
            for intent in world.store._intents.values()
            if intent.state is IntentState.FILLED and intent.request.side is Side.SELL
        ]
        assert sold.request.slippage_bps == KEEPS.slippage_sell_bps, "nobody bid against it, so it climbed no rung"


async def test_a_coin_in_its_pool_is_bought_by_hand_and_not_by_the_sniper(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        user, wallet = await world.user("demo-1", KEEPS)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.finish(mint, WHALE)
        await trio.sleep(2)
        early = await bot.desk.submit(order(user, wallet, mint, key="early", spend_lamports=TENTH))
        assert isinstance(early, Refused)
        assert early.code == "awaits_pool"
        await in_pool(bot, mint)
        wanted = order(user, wallet, mint, key="sniper", spend_lamports=TENTH)
        sniped = await bot.desk.submit(
            replace(wanted, context=Context.SNIPER, protection=Protection.OPEN, causation_id="run")
        )
        assert isinstance(sniped, Refused)
        outcome = await bot.desk.submit(order(user, wallet, mint, key="in", spend_lamports=TENTH))
        assert isinstance(outcome, Submitted), outcome
        await bought(world, 1)
        await all_is_exact(bot, world)
        await bot.panic(user.id)
        await closed(world, 1)
        await all_is_exact(bot, world)


async def test_a_trade_in_a_pool_is_seen_at_once_and_not_at_the_next_poll(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    policy = replace(quick_policy(), price_max_age_ms=120_000)
    async with running_bot(world, policy=policy) as bot:
        await open_for_entries(bot)
        user, wallet = await world.user("demo-1", replace(KEEPS, stop_loss_bps=1_000))
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.finish(mint, WHALE)
        await in_pool(bot, mint)
        await bot.desk.submit(order(user, wallet, mint, key="in", spend_lamports=TENTH))
        await bought(world, 1)
        await until(lambda: bot.prices.latest(mint) is not None, within_s=40)
        await trio.sleep(40)
        assert await world.store.open_positions()
        crowd.sell_all_in_pool(mint, WHALE)
        await closed(world, 1, within_s=6)
        await all_is_exact(bot, world)
