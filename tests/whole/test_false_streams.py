"""The WebSocket of one of the endpoints lies, on the whole bot: it blinds nobody, sells nothing and buys nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.curve import Curve
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.venue import same_reserves
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.false_stream import FalseStream
from tests.whole.test_false_prices import GAIN, LOSS, STOP, TRAIL, holding, sales, state_of_liar
from tests.whole.test_rehearsed_entries import SNIPING
from tests.whole.test_token_safety import make_crowd
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until

FAR_SLOTS = 100_000


def lying_world(endpoints: int = 3) -> tuple[World, FalseStream]:
    stream = FalseStream()
    world = make_world(InProcessChain(seed=1, endpoints=max(endpoints, 2)))
    world.endpoints, world.stream_door = endpoints, stream.door
    return world, stream


def price_of(bot: TradingBot, mint: str) -> Curve:
    point = bot.prices.latest(mint)
    assert point is not None
    assert isinstance(point.venue, Curve)
    return point.venue


def bps_of(true: Curve, told_bps: int) -> Curve:
    """A curve with another price, and what is virtual of it as it was."""
    lamports = true.virtual_quote_lamports * told_bps // BPS
    real_lamports = max(true.real_quote_lamports + lamports - true.virtual_quote_lamports, 1)
    return replace(true, virtual_quote_lamports=lamports, real_quote_lamports=real_lamports)


async def delivered(stream: FalseStream) -> None:
    with trio.fail_after(5):
        while stream.waiting:
            await trio.sleep(0.1)


async def test_a_slot_of_the_far_future_hides_no_crash_and_its_teller_is_left(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        stream.trade(mint, replace(true, slot=true.slot + FAR_SLOTS))
        await delivered(stream)
        assert price_of(bot, mint).slot < true.slot + FAR_SLOTS
        assert state_of_liar(bot) == "distrusted"
        await trio.sleep(20)
        assert stream.opened == 1
        assert "in-process:1" not in bot.adapters.stream._streams[0].source.source
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=5)


@pytest.mark.parametrize("plan", [STOP, TRAIL, GAIN])
@pytest.mark.parametrize("endpoints", [3, 2])
async def test_a_trade_that_one_stream_makes_up_sells_nothing(
    autojump_clock: MockClock, endpoints: int, plan: UserSettings
) -> None:
    world, stream = lying_world(endpoints)
    user, wallet = await world.user("demo-1", plan)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, Crowd(world.chain))
        true = price_of(bot, mint)
        for told_bps in (BPS // 2, 3 * BPS):
            false = bps_of(true, told_bps)
            stream.trade(mint, replace(false, slot=true.slot + 3), is_buy=told_bps > BPS)
            await delivered(stream)
            await trio.sleep(5)
        assert not sales(world)
        assert same_reserves(price_of(bot, mint), true)
        assert (await world.store.open_positions())[0].peak_lamports < LAMPORTS_PER_SOL // 5


async def test_a_loss_that_one_stream_makes_up_pauses_nobody(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", LOSS)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, Crowd(world.chain))
        true = price_of(bot, mint)
        for number in range(20):
            stream.trade(mint, replace(bps_of(true, BPS // 2), slot=true.slot + number), is_buy=False)
            await trio.sleep(1)
        assert stream.told == 20
        assert not sales(world)
        assert pausing(bot) == set()


async def test_a_crash_that_both_streams_tell_sells_as_soon_as_before(autojump_clock: MockClock) -> None:
    world, _ = lying_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.sell_all(mint, 7)
        await until(lambda: bool(sales(world)), within_s=2)
        assert price_of(bot, mint).told_by == ""


async def test_old_reserves_at_slots_a_little_ahead_again_and_again_hide_no_crash(autojump_clock: MockClock) -> None:
    world, stream = lying_world()
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        for number in range(16):
            stream.trade(mint, replace(true, slot=true.slot + 25 + number))
            if number == 2:
                crowd.sell_all(mint, 7)
            await trio.sleep(0.5)
        assert stream.told == 16
        assert sales(world)
        await closed(world, 1, within_s=5)


@pytest.mark.parametrize("endpoints", [3, 2, 1])
async def test_a_slot_that_is_a_little_ahead_once_hides_no_crash(autojump_clock: MockClock, endpoints: int) -> None:
    world, stream = lying_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        true = price_of(bot, mint)
        stream.trade(mint, replace(true, slot=true.slot + 30))
        await delivered(stream)
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)


def bought_by_nobody(before: Curve, lamports: int, slot: int) -> tuple[Curve, int]:
    """The curve behind a buy, and what that brought."""
    token_raw = before.virtual_token_raw * lamports // (before.virtual_quote_lamports + lamports)
    after = replace(
        before,
        virtual_token_raw=before.virtual_token_raw - token_raw,
        virtual_quote_lamports=before.virtual_quote_lamports + lamports,
        real_token_raw=before.real_token_raw - token_raw,
        real_quote_lamports=before.real_quote_lamports + lamports,
        slot=slot,
    )
    return after, token_raw


@pytest.mark.parametrize("endpoints", [3, 2])
async def test_buys_that_one_stream_makes_up_buy_nothing(autojump_clock: MockClock, endpoints: int) -> None:
    world, stream = lying_world(endpoints)
    user, _ = await world.user("demo-1", SNIPING)
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await until(lambda: bot.prices.latest(mint) is not None, within_s=5)
        curve = price_of(bot, mint)
        first_slot = curve.slot
        for number in range(24):
            lamports = LAMPORTS_PER_SOL * 30 // 100
            curve, token_raw = bought_by_nobody(curve, lamports, first_slot + number // 6)
            stream.trade(mint, curve, lamports=lamports, token_raw=token_raw)
            if number % 6 == 5:
                await trio.sleep(0.5)
        await trio.sleep(10)
        assert stream.told == 24
        assert world.store._attempts == {}
        runs = await world.store.runs_since(user.id, 0)
        assert [run.status for run in runs] == ["SKIPPED"]


async def test_a_launch_that_one_stream_alone_tells_is_bought_once_another_endpoint_shows_it(
    autojump_clock: MockClock,
) -> None:
    world, _ = lying_world()
    await world.user("demo-1", SNIPING)
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        for endpoint in ("rpc-2", "rpc-3"):
            world.chain.set_fault("stream-drop", for_s=60, endpoint=endpoint)
        await trio.sleep(2)
        mint = crowd.launch()
        await trio.sleep(1)
        await crowd.rush(mint, range(2, 12), LAMPORTS_PER_SOL * 35 // 100)
        await bought(world, 1)
        assert await world.books_equal_chain()
