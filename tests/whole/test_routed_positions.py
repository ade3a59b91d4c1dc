"""A position in a token with neither a curve nor a pool of its own: bought by hand and sold by every way out, by Jupiter."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet import elsewhere
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.flatten import FlattenState
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.route import Route
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_migrated_positions import KEEPS, told
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot, until

MINT = str(elsewhere.MINT)
TENTH = LAMPORTS_PER_SOL // 10
WHALE = 50


def make_market() -> tuple[World, Crowd]:
    world = make_world(InProcessChain(seed=1))
    return world, Crowd(world.chain)


async def holding(world: World, bot: TradingBot, settings: UserSettings = KEEPS) -> tuple[User, Wallet]:
    """A user who has bought the token by hand."""
    user, wallet = await world.user("demo-1", settings)
    await open_for_entries(bot)
    outcome = await bot.desk.submit(order(user, wallet, MINT, key="in", spend_lamports=TENTH))
    assert isinstance(outcome, Submitted), outcome
    await bought(world, 1)
    return user, wallet


async def all_is_exact(bot: TradingBot, world: World) -> None:
    assert await world.books_equal_chain()
    await exact(bot, world)


async def test_stop_loss_sells_by_an_offer_and_the_fills_are_what_the_balances_say(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        crowd.buy_elsewhere(WHALE, 50 * LAMPORTS_PER_SOL)
        user, wallet = await holding(world, bot, replace(KEEPS, stop_loss_bps=1_000))
        await all_is_exact(bot, world)
        [held] = await world.store.open_positions()
        venue = await bot.adapters.chain.venue(MINT)
        assert isinstance(venue, Route) and venue.markets == ("Pump.fun Amm",)
        assert held.basis_lamports < TENTH + LAMPORTS_PER_SOL // 1_000
        await trio.sleep(20)
        assert await world.store.open_positions(), "the price has not fallen yet"
        crowd.sell_all_elsewhere(WHALE)
        await closed(world, 1, within_s=60)
        await all_is_exact(bot, world)
        await trio.sleep(2)
        automated = order(user, wallet, MINT, key="sniper", spend_lamports=TENTH)
        refused = await bot.desk.submit(replace(automated, context=Context.SNIPER, causation_id="run"))
        assert isinstance(refused, Refused) and refused.code == "routed"
    assert any("Sold" in line and "stop-loss" in line for line in world.told), world.told


async def test_a_part_and_the_rest_are_sold_by_hand_and_a_preview_shows_the_offer(autojump_clock: MockClock) -> None:
    world, _ = make_market()
    async with running_bot(world) as bot:
        user, wallet = await holding(world, bot)
        half = order(user, wallet, MINT, key="half", share_bps=BPS // 2)
        preview = await bot.desk.preview(half)
        assert not isinstance(preview, Refused), preview
        outcome = await bot.desk.submit(half)
        assert isinstance(outcome, Submitted), outcome
        with trio.fail_after(30):
            while (await world.store.day(0)).sells < 1:
                await trio.sleep(0.1)
        rest = await bot.desk.submit(order(user, wallet, MINT, key="rest", share_bps=BPS))
        assert isinstance(rest, Submitted), rest
        await closed(world, 1)
        await all_is_exact(bot, world)


async def test_a_flatten_sells_it(autojump_clock: MockClock) -> None:
    world, _ = make_market()
    async with running_bot(world) as bot:
        await holding(world, bot)
        bot.guard.latch(Halt("operator", bot.adapters.clock.now_ms(), "operator", "a test"))
        [saga] = bot.guard.flattens()
        await closed(world, 1, within_s=60)
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        assert await world.books_equal_chain()
        [row] = await world.store.flatten_rows(saga.id)
        assert row.state is FlattenState.SOLD


async def test_while_jupiter_is_away_sales_wait_and_say_so_and_nothing_else_changes(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        crowd.buy_elsewhere(WHALE, 50 * LAMPORTS_PER_SOL)
        user, wallet = await holding(world, bot, replace(KEEPS, stop_loss_bps=1_000, max_hold_s=30))
        world.chain.set_fault("jupiter-down", for_s=90)
        await trio.sleep(1)
        refused = await bot.desk.submit(order(user, wallet, MINT, key="early", share_bps=BPS))
        assert isinstance(refused, Refused)
        assert (refused.code, "Jupiter does not answer" in refused.reason) == ("no_router", True)
        await trio.sleep(60)
        assert len(told(world, "waits: this token trades only where Jupiter")) == 1, world.told
        assert sum("Jupiter cannot be used" in line for line in world.alerts) == 1
        assert (bot.guard.state, bot.guard.causes()) == (State.OPEN, ())
        assert bot.health["rpc"].healthy
        await closed(world, 1, within_s=120)
        await until(lambda: any("Jupiter answers again" in line for line in world.alerts), within_s=30)
        await all_is_exact(bot, world)


async def test_each_lie_of_jupiter_is_refused_with_its_reason_and_nothing_is_signed(autojump_clock: MockClock) -> None:
    world, _ = make_market()
    async with running_bot(world) as bot:
        user, wallet = await holding(world, bot)
        before = await bot.adapters.chain.balances(wallet.address)
        world.chain.set_fault("jupiter-lies", for_s=60)
        reasons = []
        for number in range(3):
            refused = await bot.desk.submit(order(user, wallet, MINT, key=f"lie-{number}", share_bps=BPS))
            assert isinstance(refused, Refused)
            assert refused.code == "untrusted", refused
            reasons.append(refused.reason)
        for reason, what in zip(reasons, ("a worse price", "into another account", "nobody asked for"), strict=True):
            assert what in reason
        await trio.sleep(15)
        assert any("proposed another trade" in line for line in world.alerts)
        after = await bot.adapters.chain.balances(wallet.address)
        assert (after.lamports, after.token_raw) == (before.lamports, before.token_raw)
        await trio.sleep(60)
        sold = await bot.desk.submit(order(user, wallet, MINT, key="honest", share_bps=BPS))
        assert isinstance(sold, Submitted), sold
        await closed(world, 1)
        await all_is_exact(bot, world)


async def test_no_stop_counts_from_an_offer_that_was_seen_before_the_purchase(autojump_clock: MockClock) -> None:
    """Another holder watches the token; the price rises by a third, and within that second somebody buys with a tight stop."""
    world, crowd = make_market()
    async with running_bot(world) as bot:
        crowd.buy_elsewhere(WHALE, 50 * LAMPORTS_PER_SOL)
        await holding(world, bot)
        late, wallet = await world.user("demo-2", replace(KEEPS, stop_loss_bps=1_000))
        for number in range(3):
            await trio.sleep(6)
            await bot.adapters.chain.venue(MINT)  # somebody looks
            await trio.sleep(0.1)
            crowd.buy_elsewhere(WHALE + 1 + number, 40 * LAMPORTS_PER_SOL)
            await trio.sleep(0.5)
            bought_now = await bot.desk.submit(
                order(late, wallet, MINT, key=f"late {number}", spend_lamports=TENTH // 2)
            )
            assert isinstance(bought_now, Submitted), bought_now
            await bought(world, number + 2)
            await trio.sleep(6)
            assert not told(world, "stop_loss"), world.told
            await bot.desk.submit(order(late, wallet, MINT, key=f"out {number}", share_bps=BPS))
            await closed(world, number + 1)
        await all_is_exact(bot, world)
