"""The history of prices beside a bot that trades: what it keeps, what an outage of the database costs, and who is asked."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import BOOKS_KEPT_MS, DECISIONS_KEPT_MS, MESSAGES_KEPT_MS, RUNS_KEPT_MS, SWAPS_KEPT_MS
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.storage.storage_samples import message, run
from tests.storage.test_contract_auto_trading import decision
from tests.storage.test_contract_wallet_books import SWAPS
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, make_world, open_for_entries, running_bot

HOLDS = UserSettings(max_hold_s=None, stop_loss_bps=None, take_profit_bps=None)


async def test_a_held_token_has_a_past_with_a_hole_where_the_database_was_away(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("holder", HOLDS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        held = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, held, spend_lamports=LAMPORTS_PER_SOL // 10))
        await bought(world, 1)
        await trio.sleep(120)
        before = sorted(world.store._prices[held])
        assert 60_000 <= before[-1] - before[-2] <= 75_000, "a price that stands still is written once a minute"
        world.database.is_away = True
        away_ms = world.clock.now_ms()
        await trio.sleep(30)
        crowd.buy(held, 3, LAMPORTS_PER_SOL)
        await trio.sleep(30)
        world.database.is_away = False
        back_ms = world.clock.now_ms()
        await trio.sleep(90)
        moments_ms = sorted(world.store._prices[held])
        assert not [at_ms for at_ms in moments_ms if away_ms < at_ms < back_ms]
        assert moments_ms[-1] > back_ms
        newest = world.store._prices[held][moments_ms[-1]]
        assert newest.quote_lamports > world.store._prices[held][before[-1]].quote_lamports
        token = await world.store.token(held)
        assert token is not None
        assert token.name == "Token 1"
        bot.supervisor("hunt", "records").kill("price_historian")
        await trio.sleep(80)
        assert max(world.store._prices[held]) > moments_ms[-1], "it goes on after a crash"
        assert bot.prices.watched() == 1


async def test_what_the_books_keep_for_a_time_is_dropped_while_the_bot_runs(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("sniper", HOLDS)
    now_ms = world.clock.now_ms()
    for name, age_ms in (("week", RUNS_KEPT_MS + 1), ("today", 0)):
        await world.store.open_run(run(name, user.id, mint=name, status="SKIPPED", at_ms=now_ms - age_ms))
    for name, age_ms in (("month", MESSAGES_KEPT_MS + 1), ("now", 0)):
        await world.store.post(message(name, user.id, at_ms=now_ms - age_ms))
        await world.store.delivered(name, now_ms - age_ms)
    for number, age_ms in enumerate((DECISIONS_KEPT_MS + 1, 0)):
        await world.store.record_decision(replace(decision(number, user=user.id), at_ms=now_ms - age_ms))
    for mint, age_ms in (("rests", BOOKS_KEPT_MS), ("month", SWAPS_KEPT_MS), ("today", 0)):
        at_s = (now_ms - age_ms) // 1000 - 1
        await world.store.record_signal(replace(SWAPS[0], mint=mint, signature=mint, block_time_s=at_s))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert [one.id for one in await world.store.runs_since(user.id, 0)] == ["today"]
        assert "month" not in world.store._outbox
        assert "now" in world.store._outbox
        assert [one.at_ms for one in await world.store.decisions(user.id, 9)] == [now_ms]
        assert [one.mint for one in await world.store.signals("Leader", 9)] == ["today"]
        assert (await world.store.wallet_records(["Leader"], 0))["Leader"].tokens == 2, "of today and of a month ago"
