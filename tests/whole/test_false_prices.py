"""One of the endpoints tells false reserves, on the whole bot: no exit by price, no bound, and no peak stands on its word."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.chain.endpoint import DISTRUST_S
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Attempt, Side
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.units import BPS, LAMPORTS_PER_SOL, bps_floor
from bot.trading.venue import quote_buy
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.false_prices import FalsePrices
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
STOP = replace(HOLD, stop_loss_bps=1_500)
GAIN = replace(HOLD, take_profit_bps=5_000)
TRAIL = replace(HOLD, trailing_stop_bps=2_500)
LOSS = replace(HOLD, daily_loss_limit_lamports=LAMPORTS_PER_SOL // 100, flatten_at_loss_bps=BPS * 2)
TENTH = LAMPORTS_PER_SOL // 10
HALF_BPS = BPS // 2
THREEFOLD_BPS = BPS * 3


def lying_world(endpoints: int) -> tuple[World, FalsePrices]:
    prices = FalsePrices()
    world = make_world(InProcessChain(seed=1, endpoints=max(endpoints, 2)))
    world.endpoints, world.door = endpoints, prices.door
    return world, prices


async def holding(world: World, bot: TradingBot, user: User, wallet: Wallet, crowd: Crowd) -> str:
    """A token of which the user holds a tenth of a SOL's worth, and others much more."""
    await open_for_entries(bot)
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 7, 9 * LAMPORTS_PER_SOL)
    await trio.sleep(2)
    assert isinstance(await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH)), Submitted)
    await bought(world, 1)
    await trio.sleep(2)
    return mint


def sales(world: World) -> list[Attempt]:
    rows = list(world.store._attempts.values())
    return [row for row in rows if world.store._intents[row.intent_id].request.side is Side.SELL]


def state_of_liar(bot: TradingBot) -> str:
    return bot.adapters.chain.health()[0].state


@pytest.mark.parametrize("endpoints", [3, 2])
@pytest.mark.parametrize(("plan", "told_bps"), [(STOP, HALF_BPS), (GAIN, THREEFOLD_BPS), (TRAIL, HALF_BPS)])
async def test_false_reserves_of_one_endpoint_sell_nothing(
    autojump_clock: MockClock, endpoints: int, plan: UserSettings, told_bps: int
) -> None:
    world, prices = lying_world(endpoints)
    user, wallet = await world.user("demo-1", plan)
    async with running_bot(world) as bot:
        await holding(world, bot, user, wallet, Crowd(world.chain))
        prices.told_bps = told_bps
        await trio.sleep(30)
        assert prices.lies > 0
        assert not sales(world)
        assert endpoints == 2 or state_of_liar(bot) == "distrusted"


async def test_false_reserves_of_a_pool_sell_nothing_and_hide_no_crash(autojump_clock: MockClock) -> None:
    world, prices = lying_world(3)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.finish(mint, 7)
        with trio.fail_after(60):
            while (point := bot.prices.latest(mint)) is None or not isinstance(point.venue, Pool):
                await trio.sleep(0.4)
        await trio.sleep(5)
        for told_bps in (HALF_BPS // 5, BPS * 1_000):
            prices.told_bps = told_bps
            await trio.sleep(15)
            assert not sales(world)
        assert prices.lies > 0
        world.chain.set_fault("stream-drop", for_s=300)
        prices.told_bps = BPS
        await trio.sleep(DISTRUST_S + 5)
        assert state_of_liar(bot) == "up"
        prices.told_bps = BPS * 1_000
        crowd.sell_all_in_pool(mint, 7)
        await closed(world, 1, within_s=15)


async def test_a_false_peak_stops_nobody_once_the_lie_is_over(autojump_clock: MockClock) -> None:
    world, prices = lying_world(3)
    user, wallet = await world.user("demo-1", TRAIL)
    async with running_bot(world) as bot:
        await holding(world, bot, user, wallet, Crowd(world.chain))
        prices.told_bps = THREEFOLD_BPS
        await trio.sleep(10)
        assert prices.lies > 0
        prices.told_bps = BPS
        await trio.sleep(60)
        assert not sales(world)


@pytest.mark.parametrize("endpoints", [3, 2])
async def test_a_loss_that_one_endpoint_makes_up_neither_pauses_nor_sells_and_a_true_one_does_both(
    autojump_clock: MockClock, endpoints: int
) -> None:
    world, prices = lying_world(endpoints)
    user, wallet = await world.user("demo-1", LOSS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        prices.told_bps = HALF_BPS
        await trio.sleep(30)
        assert prices.lies > 0
        assert not sales(world)
        assert pausing(bot) == set()
        prices.told_bps = BPS
        crowd.sell_all(mint, 7)
        await until(lambda: pausing(bot) == {"breaker", "panic"}, within_s=15)
        await closed(world, 1, within_s=15)


@pytest.mark.parametrize("endpoints", [3, 2, 1])
@pytest.mark.parametrize("told_bps", [BPS, THREEFOLD_BPS])
async def test_a_true_crash_sells_in_time_whatever_one_endpoint_tells(
    autojump_clock: MockClock, endpoints: int, told_bps: int
) -> None:
    world, prices = lying_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        prices.told_bps = BPS if endpoints == 1 else told_bps
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)
        assert await world.books_equal_chain()


@pytest.mark.parametrize("endpoints", [3, 2, 1])
async def test_a_crash_that_only_polling_shows_sells_in_time(autojump_clock: MockClock, endpoints: int) -> None:
    world, _ = lying_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("stream-drop", for_s=60)
        await trio.sleep(1)
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)


async def test_a_crash_that_only_polling_shows_sells_although_another_endpoint_denies_it(
    autojump_clock: MockClock,
) -> None:
    world, prices = lying_world(3)
    prices.liar = 1
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("stream-drop", for_s=60)
        await trio.sleep(1)
        prices.told_bps = THREEFOLD_BPS
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)
        assert prices.lies > 0


async def test_a_crash_sells_on_the_word_of_the_only_endpoint_that_is_left(autojump_clock: MockClock) -> None:
    world, _ = lying_world(3)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("stream-drop", for_s=60)
        for endpoint in ("rpc-2", "rpc-3"):
            world.chain.set_fault("rpc-down", for_s=60, endpoint=endpoint)
        await trio.sleep(1)
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)


@pytest.mark.parametrize("told_bps", [HALF_BPS, THREEFOLD_BPS])
async def test_the_bound_of_a_buy_lies_within_the_slippage_of_the_true_price(
    autojump_clock: MockClock, told_bps: int
) -> None:
    world, prices = lying_world(3)
    user, wallet = await world.user("demo-1", HOLD)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 7, 9 * LAMPORTS_PER_SOL)
        await trio.sleep(20)
        honest = world.cluster()
        expected_raw = quote_buy(await honest.venue(mint), TENTH, await honest.fees()).token_raw
        prices.told_bps = told_bps
        asked = order(user, wallet, mint, spend_lamports=TENTH)
        preview = await bot.desk.preview(asked)
        assert await bot.desk.submit(asked)
        await bought(world, 1)
        (attempt,) = world.store._attempts.values()
        least_raw = bps_floor(expected_raw, BPS - asked.slippage_bps)
        assert prices.lies > 0
        assert [attempt.limit_raw, preview.limit_raw] == [least_raw, least_raw]
