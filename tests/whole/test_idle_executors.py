"""Executors that have had nothing to do for long end where there are many, and begin again with the next order."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors import desk
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, make_world, open_for_entries, running_bot

KEEPS = UserSettings(max_hold_s=None, stop_loss_bps=None, take_profit_bps=None)
EXECUTORS = ("money", "executors")


async def test_a_wallet_that_sold_many_tokens_keeps_few_executors_and_sells_on(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EXECUTORS_KEPT", 2)
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("seller", KEEPS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(6)]
        await trio.sleep(1)
        for mint in mints:
            await bot.desk.submit(order(user, wallet, mint, key=f"buy {mint}", spend_lamports=LAMPORTS_PER_SOL // 20))
        await bought(world, len(mints))
        for number, mint in enumerate(mints, 1):
            await trio.sleep(desk.IDLE_S + 1)
            sold = await bot.desk.submit(order(user, wallet, mint, key=f"sell {mint}", share_bps=BPS))
            assert isinstance(sold, Submitted), sold
            await closed(world, number)
        running = set(bot.supervisor(*EXECUTORS).ids("running"))
        assert len(running) <= 4
        assert len(bot.desk._last_s) <= 4
        again = order(user, wallet, mints[0], key="again", spend_lamports=LAMPORTS_PER_SOL // 20)
        assert isinstance(await bot.desk.submit(again), Submitted)
        await bought(world, len(mints) + 1)
        assert await world.books_equal_chain()
    assert world.reports == []


async def test_whoever_works_or_did_lately_is_not_ended(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EXECUTORS_KEPT", 1)
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("seller", KEEPS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(3)]
        await trio.sleep(1)
        for mint in mints:
            await bot.desk.submit(order(user, wallet, mint, key=f"buy {mint}", spend_lamports=LAMPORTS_PER_SOL // 20))
        await bought(world, len(mints))
        async with trio.open_nursery() as nursery:
            for mint in mints:
                nursery.start_soon(bot.desk.submit, order(user, wallet, mint, key=f"sell {mint}", share_bps=BPS))
        await closed(world, len(mints))
        assert len(set(bot.supervisor(*EXECUTORS).ids("running"))) == 4
    assert world.reports == []


async def test_a_crowd_that_came_once_leaves_no_more_executors_behind_than_are_kept(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EXECUTORS_KEPT", 3)
    monkeypatch.setattr(desk, "IDLE_S", 20.0)
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        orders = []
        for number in range(6):
            user, wallet = await world.user(f"one-{number}", KEEPS)
            orders.append(order(user, wallet, mint, key=f"first {number}", spend_lamports=LAMPORTS_PER_SOL // 20))
        for one in orders:
            assert isinstance(await bot.desk.submit(one), Submitted)
        await bought(world, len(orders))
        assert len(bot.supervisor(*EXECUTORS).ids("running")) == len(orders)
        for number in range(3):
            await trio.sleep(desk.IDLE_S + 1)
            user, wallet = await world.user(f"later-{number}", KEEPS)
            later = order(user, wallet, mint, key=f"later {number}", spend_lamports=LAMPORTS_PER_SOL // 20)
            assert isinstance(await bot.desk.submit(later), Submitted)
        await bought(world, len(orders) + 3)
        assert len(bot.supervisor(*EXECUTORS).ids("running")) <= desk.EXECUTORS_KEPT + 1
    assert world.reports == []
