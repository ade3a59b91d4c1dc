"""What a flatten of a program and a frozen wallet are called, wherever somebody reads of them."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import structlog
import trio
from trio.testing import MockClock

from bot.chain.allowance import AllowanceRule
from bot.chain.mode_router import ModeRouter
from bot.chain.pump_chain import PumpChain
from bot.localnet.inprocess import InProcessChain
from bot.ports import Preview, Submitted
from bot.status_text import status_text
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_migrated_positions import WHALE, holding, make_market
from tests.whole.test_one_trade import order
from tests.whole.test_operator_flattens import looked_at, operator_of
from tests.whole.virtual import World, closed, make_world, open_for_entries, pausing, running_bot, until


async def test_a_flatten_of_pools_counts_coins_on_their_way_there_and_is_named_by_its_program(
    autojump_clock: MockClock,
) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        user, _, mint = await holding(world, bot, crowd)
        operator = operator_of(bot)
        assert operator.board.words.line(user.id).endswith("entries are open for you.")
        crowd.finish(mint, WHALE)
        await trio.sleep(1)
        told = await operator.answer({"verb": "flatten", "program": "pumpswap", "why": "a drain"})
        assert "pumpswap: no entries there, 1 position to sell" in told["text"]
        line = operator.board.words.line(user.id)
        assert "but for one thing. Nothing that trades at pumpswap is bought (panic: a drain)." in line
        await closed(world, 1)
        answer = await operator.answer({"verb": "resume"})
        assert answer["text"] == "over: panic of program pumpswap; entries are open."


async def test_a_frozen_wallet_is_told_to_everybody_and_waited_for_by_nobody(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        [user] = await world.store.users()
        operator = operator_of(bot)
        await bot.guard.freeze_user(user.id, "5nSg was not signed here")
        await looked_at(operator)
        sentence = (await operator.board.tree(None))["sentence"]
        assert sentence.startswith("Frozen by outflow: demo-1; nothing of theirs is bought or sold until they give")
        assert "until you give /ack_outflow" in operator.board.words.frozen(user.id)
        assert "\nFrozen by outflow: demo-1;" in status_text(await looked_at(operator))
        told = await operator.answer({"verb": "flatten", "user": "demo-1", "why": "a complaint"})
        assert "His wallet is frozen: nothing of his is sold until he gives /ack_outflow." in told["text"]
        await until(lambda: bool(bot.guard.flattens()), within_s=5)
        [order] = bot.guard.flattens()
        await until(lambda: bot.care.book.sums(order).unsellable == 1, within_s=10)
        assert bot.care.book.sums(order).waiting == 0
        with structlog.testing.capture_logs() as lines:
            await trio.sleep(60)
        assert [line for line in lines if line["event"].startswith("exit_") and line["log_level"] != "debug"] == []
        text = status_text(await looked_at(operator))
        assert "0 waiting, 1 unsellable, 0 held (1 of the unsellable in frozen wallets)" in text
        await bot.guard.acknowledge_outflow(user.id)
        await closed(world, 1)
        await until(lambda: bot.care.book.sums(order).sold == 1, within_s=10)


def use_up(bot: TradingBot, *names: str) -> None:
    """From now on these endpoints, or all, have nothing left of their month but what is for exits."""
    for endpoint in cast(PumpChain, cast(ModeRouter, bot.adapters.chain).real)._endpoints._endpoints:
        if names and endpoint.name not in names:
            continue
        endpoint.allowance.rule = AllowanceRule(per_month=400)
        endpoint.allowance.used_this_month = 400


async def test_a_budget_that_is_used_up_closes_entries_says_why_and_lets_a_sale_be_made_and_proven(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        [user] = await world.store.users()
        [wallet] = await world.store.wallets()
        use_up(bot)
        buy = order(user, wallet, mint, key="more", spend_lamports=100_000_000)
        refused = await bot.desk.preview(buy)
        assert isinstance(refused, Refused)
        assert "the requests that this bot may ask of the chain are used, but for exits" in refused.reason
        await until(lambda: bot.guard.state is State.PAUSED, within_s=5)
        refused = await bot.desk.submit(buy)
        assert isinstance(refused, Refused)
        assert "rpc_budget: this month's requests to the chain are used, but for exits" in refused.reason
        board = operator_of(bot).board
        assert "rpc_budget" in (await board.tree(None))["sentence"]
        text = status_text(await board.status())
        assert "rpc_budget (the requests of this month are used, but for exits)" in text
        assert "0 credits left this month: the 400 requests of this month are used, but for exits" in text
        sale = order(user, wallet, mint, key="out", share_bps=10_000)
        assert isinstance(await bot.desk.preview(sale), Preview)
        assert isinstance(await bot.desk.submit(sale), Submitted)
        await closed(world, 1)
        assert bot.guard.halt is None
        await until(
            lambda: any("in-process:1: the requests of this month" in line for line in world.alerts), within_s=30
        )


async def robbed(world: World, bot: TradingBot) -> None:
    """SOL leaves the only wallet by its key, past the bot."""
    [wallet] = await world.store.wallets()
    await Owner(world, wallet).sends(100_000_000)


async def test_a_wallet_that_nobody_can_compare_is_named_and_buys_nothing_until_somebody_can(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1, endpoints=2))
    world.endpoints = 2
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        await exact(bot, world)
        operator = operator_of(bot)
        world.chain.set_fault("rpc-down", for_s=600, endpoint="rpc-2")
        await robbed(world, bot)
        await until(lambda: bool(bot.reconciler.compare.uncompared()), within_s=60)
        text = status_text(await looked_at(operator))
        assert ": the wallet of demo-1: in-process:1 shows less in" in text
        assert "not compared with the chain since" in text
        await until(lambda: "uncompared" in pausing(bot), within_s=240)
        assert "the wallet of demo-1, whose entries are paused by it: " in status_text(await looked_at(operator))
        [user] = await world.store.users()
        [wallet] = await world.store.wallets()
        refused = await bot.desk.submit(order(user, wallet, mint, key="more", spend_lamports=100_000_000))
        assert isinstance(refused, Refused)
        assert refused.code == "frozen", "what left was found all the same, in the wallet's history"
        world.chain.cluster.all_faults.clear()
        await until(lambda: pausing(bot) == {"outflow"}, within_s=240)
        await until(lambda: any("is compared with the chain again" in line for line in world.alerts), within_s=90)
    assert any("could not be compared with the chain since" in line for line in world.alerts)


async def test_a_used_budget_keeps_no_outflow_from_being_found(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1, endpoints=2))
    world.endpoints = 2
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        await exact(bot, world)
        use_up(bot, "in-process:2")
        await robbed(world, bot)
        await until(lambda: "outflow" in pausing(bot), within_s=120)
        assert bot.reconciler.compare.uncompared() == []
        assert "rpc_budget" not in pausing(bot)


async def test_an_outage_of_every_endpoint_is_no_single_wallets_matter(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.rules = {**world.rules, "rpc": replace(world.rules["rpc"], critical_after_ms=10**9)}
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        await exact(bot, world)
        operator = operator_of(bot)
        world.chain.set_fault("rpc-down", for_s=400)
        await until(lambda: bool(bot.reconciler.compare.uncompared()), within_s=60)
        await trio.sleep(300)
        assert "uncompared" not in pausing(bot)
        refused = await operator.answer({"verb": "resume"})
        assert "what pauses is stream, rpc; it ends by itself" in refused["error"]
        text = status_text(await looked_at(operator))
        assert ": 1 wallet, for want of an endpoint" in text
        assert text.count("not compared with the chain since") == 1
        await until(lambda: bot.reconciler.compare.uncompared() == [], within_s=200)
