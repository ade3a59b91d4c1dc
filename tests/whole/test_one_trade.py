"""One buy and one sell through the whole bot, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.virtual import bought, closed, make_world, open_for_entries, running_bot

SETTINGS = UserSettings(
    snipe_enabled=True, take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=60, slippage_buy_bps=1_500
)


def order(
    user: User, wallet: Wallet, mint: str, *, key: str = "test", spend_lamports: int = 0, share_bps: int = 0
) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=user.id,
        wallet_id=wallet.id,
        mode=Mode.LIVE,
        side=Side.BUY if spend_lamports else Side.SELL,
        mint=mint,
        context=Context.MANUAL_COMMAND,
        slippage_bps=1_000,
        protection=Protection.OPEN,
        causation_id=key,
        reason="command",
        spend_lamports=spend_lamports,
        share_bps=share_bps,
    )


async def test_bot_boots_on_its_twins_and_stops(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", SETTINGS)
    async with running_bot(world) as bot:
        await trio.sleep(10)
        assert bot.guard.state == "OPEN", bot.guard.causes()
        assert bot.reconciler.reconciled
        assert world.reports == []


async def test_sniper_buys_a_launch_that_many_want_and_takes_its_profit(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    for trader in range(1, 40):
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(0.5)
        await crowd.rush(mint, range(2, 16), LAMPORTS_PER_SOL // 2)
        await bought(world, 1)
        for trader in range(16, 30):
            crowd.buy(mint, trader, LAMPORTS_PER_SOL)
            await trio.sleep(0.2)
        await closed(world, 1)
        day = await world.store.day(0)
        assert (day.buys, day.sells) == (1, 1)
        assert day.realized_lamports > 0
        assert await world.books_equal_chain()
        runs = await world.store.runs_since(user.id, 0)
        assert [run.status for run in runs] == ["COMPLETED"]
        await trio.sleep(2)
    assert any("Bought" in line for line in world.told)
    assert any("Sold" in line and "take-profit" in line for line in world.told)


async def test_stop_loss_sells_when_the_crowd_leaves(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(SETTINGS, snipe_enabled=False))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await trio.sleep(1)
        outcome = await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        assert isinstance(outcome, Submitted), outcome
        await bought(world, 1)
        crowd.sell_all(mint, 2)
        await closed(world, 1)
        assert (await world.store.day(0)).realized_lamports < 0
        assert await world.books_equal_chain()
        await trio.sleep(2)
    assert any("Sold" in line and "stop-loss" in line for line in world.told), world.told


async def test_rent_of_a_small_first_buy_fires_no_stop_loss(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(SETTINGS, snipe_enabled=False))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 100))
        await bought(world, 1)
        await trio.sleep(10)
        [position] = await world.store.open_positions()
        assert position.cost_lamports > position.basis_lamports + LAMPORTS_PER_SOL // 1000, "the rent is a cost"
        assert (await world.store.day(0)).sells == 0


async def test_wallet_change_is_explained_to_the_lamport(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(SETTINGS, snipe_enabled=False, max_hold_s=None))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        before = (await bot.adapters.chain.balances(wallet.address)).lamports
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        await bought(world, 1)
        await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        await closed(world, 1)
        after = (await bot.adapters.chain.balances(wallet.address)).lamports
        # Everything was sold and the token account closed: no rent is left behind, so the result is the wallet's change.
        assert (await world.store.day(0)).realized_lamports == after - before


async def test_same_key_never_buys_twice(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(SETTINGS, snipe_enabled=False))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        request = order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10)
        first = await bot.desk.submit(request)
        again = await bot.desk.submit(request)
        assert isinstance(first, Submitted)
        assert isinstance(again, Submitted)
        assert again.intent.id == first.intent.id
        await trio.sleep(10)
        assert (await world.store.day(0)).buys == 1
        other = await bot.desk.submit(
            order(user, wallet, "So11111111111111111111111111111111111111112", key="no-token", spend_lamports=1_000_000)
        )
        assert isinstance(other, Refused)
        assert "no token of the launchpad" in other.reason
