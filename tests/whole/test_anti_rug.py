"""Those who made a held token empty it, on the whole bot: who asked for it is out before his stop, on no single word."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.execution.story import steps_of
from bot.localnet.inprocess import InProcessChain
from bot.ports import OrderStory, Submitted
from bot.telegram.story_text import story_text
from bot.trading.curve import TOKEN_SUPPLY_RAW
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.units import BPS, LAMPORTS_PER_SOL, format_sol
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.false_prices import FalsePrices
from tests.whole.test_false_prices import HOLD, TENTH, holding, sales
from tests.whole.test_false_streams import delivered, lying_world, price_of
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot

CREATOR, WHALE, OTHER = 1, 7, 8
WATCHFUL = replace(HOLD, anti_rug=True, stop_loss_bps=2_500)
STOPPED = replace(HOLD, stop_loss_bps=2_500)


def address(trader: int) -> str:
    return str(Keypair.from_seed(trader.to_bytes(32, "little")).pubkey())


async def story_of_sale(world: World) -> OrderStory:
    [attempt] = sales(world)
    story = await world.store.order_story(attempt.intent_id)
    assert story is not None
    return story


@pytest.mark.parametrize("endpoints", [3, 1])
async def test_a_creator_who_sells_is_left_before_the_stop_and_the_owner_reads_why(
    autojump_clock: MockClock, endpoints: int
) -> None:
    world, _ = lying_world(endpoints)
    user, wallet = await world.user("demo-1", WATCHFUL)
    other, others_wallet = await world.user("demo-2", STOPPED)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        await bot.desk.submit(order(other, others_wallet, mint, key="other", spend_lamports=TENTH))
        crowd.buy(mint, CREATOR, 2 * LAMPORTS_PER_SOL)
        await bought(world, 2)
        await trio.sleep(5)
        assert not sales(world)
        crowd.sell_all(mint, CREATOR)
        await closed(world, 1, within_s=5)
        [left] = await world.store.open_positions()
        assert left.user_id == other.id, "who did not ask for it stays with his stop"
        story = await story_of_sale(world)
        request = story.intent.request
        assert request.reason == "creator_sold"
        assert request.evidence.startswith(f"the token's creator {address(CREATOR)} sold 3.")
        assert request.evidence in steps_of(story)[0].detail
        [position] = await world.store.recent_positions(user.id, 9)
        assert f"creator_sold, because {request.evidence})" in story_text(position, [story])
        await trio.sleep(2)
        assert [line for line in world.told if f"The reason: {request.evidence}." in line]
        crowd.sell_all(mint, WHALE)
        await closed(world, 2, within_s=10)
        assert await world.books_equal_chain()


async def test_a_sale_of_the_creator_that_one_stream_makes_up_sells_nothing(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", WATCHFUL)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        his_buy = crowd.buy(mint, CREATOR, 2 * LAMPORTS_PER_SOL)
        true_buy = crowd.buy(mint, OTHER, LAMPORTS_PER_SOL)
        await trio.sleep(3)
        true = price_of(bot, mint)
        for signature in ("", his_buy, true_buy):
            stream.trade(
                mint,
                true,
                is_buy=False,
                token_raw=TOKEN_SUPPLY_RAW // 10,
                trader=address(CREATOR),
                signature=signature,
            )
            await delivered(stream)
            await trio.sleep(10)
        assert stream.told == 3
        assert not sales(world)
        crowd.sell_all(mint, CREATOR)
        await closed(world, 1, within_s=5)


async def test_who_sold_is_not_made_the_creator_by_one_stream(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", WATCHFUL)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.buy(mint, OTHER, 2 * LAMPORTS_PER_SOL)
        await trio.sleep(3)
        sale = crowd.sell_all(mint, OTHER)
        true = replace(price_of(bot, mint), creator=address(OTHER))
        stream.trade(mint, true, is_buy=False, token_raw=TOKEN_SUPPLY_RAW // 25, trader=address(OTHER), signature=sale)
        await trio.sleep(20)
        assert stream.told == 1
        assert not sales(world)


async def test_a_true_sale_that_one_stream_alone_tells_counts_once_another_endpoint_shows_it(
    autojump_clock: MockClock,
) -> None:
    world, _ = lying_world()
    user, wallet = await world.user("demo-1", WATCHFUL)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.buy(mint, CREATOR, 2 * LAMPORTS_PER_SOL)
        for endpoint in ("rpc-2", "rpc-3"):
            world.chain.set_fault("stream-drop", for_s=300, endpoint=endpoint)
        await trio.sleep(3)
        crowd.sell_all(mint, CREATOR)
        await closed(world, 1, within_s=6)
        assert (await story_of_sale(world)).intent.request.reason == "creator_sold"


async def in_its_pool(bot: TradingBot, mint: str) -> Pool:
    with trio.fail_after(60):
        while (point := bot.prices.latest(mint)) is None or not isinstance(point.venue, Pool):
            await trio.sleep(0.4)
    await trio.sleep(8)
    return point.venue


async def test_a_creator_who_sells_in_the_pool_is_left_too(autojump_clock: MockClock) -> None:
    world, _ = lying_world()
    user, wallet = await world.user("demo-1", WATCHFUL)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.buy(mint, CREATOR, 2 * LAMPORTS_PER_SOL)
        crowd.finish(mint, WHALE)
        await in_its_pool(bot, mint)
        assert not sales(world)
        crowd.sell_all_in_pool(mint, CREATOR)
        await closed(world, 1, within_s=6)
        request = (await story_of_sale(world)).intent.request
        assert request.reason == "creator_sold"
        assert f"creator {address(CREATOR)} sold 3." in request.evidence


async def test_liquidity_that_is_taken_out_is_left_at_the_same_price_and_what_one_endpoint_makes_up_is_not(
    autojump_clock: MockClock,
) -> None:
    prices = FalsePrices()
    world = make_world(InProcessChain(seed=1, endpoints=3))
    world.endpoints, world.door = 3, prices.door
    user, wallet = await world.user("demo-1", replace(WATCHFUL, stop_loss_bps=None))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.finish(mint, WHALE)
        pool = await in_its_pool(bot, mint)
        for told_bps in (BPS // 3, BPS * 30, BPS):
            prices.told_bps = told_bps
            await trio.sleep(20)
        assert prices.lies > 0
        assert not sales(world)
        crowd.drain_pool(mint, BPS // 2)
        await closed(world, 1, within_s=15)
        request = (await story_of_sale(world)).intent.request
        assert request.reason == "liquidity_removed"
        assert f"it held {format_sol(pool.quote_lamports)} SOL" in request.evidence


async def test_a_power_over_the_token_that_passes_to_somebody_else_is_left(autojump_clock: MockClock) -> None:
    world, _ = lying_world()
    user, wallet = await world.user("demo-1", replace(WATCHFUL, check_honeypots=False))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        world.chain.step()
        crowd.let_freeze(mint)
        await trio.sleep(1)
        crowd.buy(mint, WHALE, 9 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        await trio.sleep(15)
        assert not sales(world)
        crowd.let_freeze(mint, OTHER)
        await closed(world, 1, within_s=12)
        request = (await story_of_sale(world)).intent.request
        assert request.reason == "authority_changed"
        assert request.evidence == f"the power to freeze its holders passed from {address(66)} to {address(OTHER)}"


async def test_many_small_sales_count_together_within_their_time_and_slow_ones_do_not(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    settings: UserSettings = replace(WATCHFUL, anti_rug_within_s=10)
    user, wallet = await world.user("demo-1", settings)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.buy(mint, CREATOR, 4 * LAMPORTS_PER_SOL)
        await trio.sleep(3)
        for _ in range(2):
            crowd.sell(mint, CREATOR, TOKEN_SUPPLY_RAW * 3 // 200)
            await trio.sleep(15)
        assert not sales(world)
        for _ in range(2):
            crowd.sell(mint, CREATOR, TOKEN_SUPPLY_RAW * 3 // 200)
            await trio.sleep(1)
        await closed(world, 1, within_s=5)
        evidence = (await story_of_sale(world)).intent.request.evidence
        assert "sold 3 % of the supply in 2 sales within" in evidence
