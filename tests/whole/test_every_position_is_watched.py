"""Every open position has a live monitor: one that is killed is started again, and where none can be, people hear of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.status import StatusBoard
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.storage.storage_samples import message
from tests.whole.crowd import Crowd
from tests.whole.outages import CutStore
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, running_bot, until

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)


class CountingStore(CutStore):
    """Counts how often the row of a position is asked for."""

    rows = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.rows += name == "position"
        return super().__getattr__(name)


async def hold(world: World, bot: TradingBot) -> str:
    """One open position; its id."""
    user, wallet = await world.user("demo-1", HOLD)
    await open_for_entries(bot)
    mint = Crowd(world.chain).launch()
    await trio.sleep(1)
    await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
    await bought(world, 1)
    [position] = await world.store.open_positions()
    await until(lambda: position.id in bot.looks, within_s=10)
    return position.id


def missed(world: World) -> list[str]:
    return [text for text in world.alerts if "runbooks/exits.md" in text]


async def test_a_monitor_that_is_killed_or_taken_away_is_back_before_anybody_is_alarmed(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        position_id = await hold(world, bot)
        monitors = bot.supervisor("money", "position_monitors")
        monitors.kill(position_id)
        await trio.sleep(10)
        assert position_id in bot.looks
        await monitors.terminate_child(position_id)
        await trio.sleep(10)
        assert position_id in bot.looks
        assert missed(world) == []


async def test_a_position_that_nobody_watches_is_told_once_and_so_is_its_end(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        position_id = await hold(world, bot)
        money = bot.supervisor("money")
        await money.terminate_child("position_monitors")
        await until(lambda: len(missed(world)) == 1, within_s=15)
        assert position_id in missed(world)[0]
        await trio.sleep(90)
        assert len(missed(world)) == 1
        await money.restart_child("position_monitors")
        await until(lambda: position_id in bot.looks, within_s=15)
        await until(lambda: len(missed(world)) == 2, within_s=15)
        assert "watched again" in missed(world)[1]


async def test_a_position_whose_price_is_no_longer_read_is_not_watched(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        position_id = await hold(world, bot)
        [position] = await world.store.open_positions()
        crowd = Crowd(world.chain)
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        crowd.blur(position.mint, blurred=True)
        await until(lambda: len(missed(world)) == 1, within_s=30)
        assert position_id in missed(world)[0]
        assert "no longer read" in missed(world)[0]
        monitors = (await board.status())["monitors"]
        assert (monitors["live"], monitors["without_price"]) == (0, 1)
        crowd.blur(position.mint, blurred=False)
        await until(lambda: len(missed(world)) == 2, within_s=90)
        assert "read again" in missed(world)[1]


async def test_of_ten_looks_at_a_held_position_one_reads_its_row(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.database = counting = CountingStore(world.store)
    async with running_bot(world) as bot:
        await hold(world, bot)
        counting.rows = 0
        await trio.sleep(60)
        assert 5 <= counting.rows <= 7


async def test_a_row_that_was_closed_behind_the_bot_is_watched_no_longer_than_ten_looks(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        position_id = await hold(world, bot)
        [user] = await world.store.users()
        now_ms = world.clock.now_ms()
        await world.store.adjust(position_id, 0, evidence="by hand", now_ms=now_ms, message=message("m", user.id))
        await until(lambda: position_id not in bot.looks, within_s=11)


async def test_a_quiet_position_is_looked_at_each_second_and_let_go_of_within_one_once_it_is_sold(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        position_id = await hold(world, bot)
        for _ in range(40):
            await trio.sleep(0.3)
            assert world.clock.now_ms() - bot.looks[position_id].checked_at_ms <= 1_000
        [position] = await world.store.open_positions()
        [wallet] = await world.store.wallets(position.user_id)
        [user] = await world.store.users()
        await bot.desk.submit(order(user, wallet, position.mint, key="sold", share_bps=10_000))
        while await world.store.open_positions():
            await trio.sleep(0.05)
        await until(lambda: position_id not in bot.looks, within_s=1)
