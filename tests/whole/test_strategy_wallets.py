"""A strategy with a wallet of its own: it buys from that one alone, and what it bought leaves from there."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, Wallet, wallet_in
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.strategy import Strategy
from bot.trading.units import LAMPORTS_PER_SOL
from bot.users import Registrar
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import FUND_LAMPORTS, World, bought, closed, make_world, open_for_entries, running_bot

SNIPES = UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=10, take_profit_bps=None)


async def _another_wallet(world: World, handle: str) -> Wallet:
    user = await world.store.user_by_handle(handle)
    assert user is not None
    registrar = Registrar(world.store, world.vault, world.clock, Mode.LIVE, world._fund)
    wallet = await registrar.add_wallet(user, "snipes")
    assert wallet is not None
    return wallet


async def test_limits_of_what_is_bought_by_hand_count_over_all_wallets_and_leave_the_sniper_alone(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    tight = replace(SNIPES, manual_max_positions=1, manual_daily_spend_lamports=LAMPORTS_PER_SOL // 4, max_positions=2)
    user, main = await world.user("demo-1", tight)
    own = await _another_wallet(world, "demo-1")
    tenth = LAMPORTS_PER_SOL // 10
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd = Crowd(world.chain)
        first, second = crowd.launch(), crowd.launch()
        await trio.sleep(1)
        for trader in (30, 31):
            crowd.buy(first, trader, LAMPORTS_PER_SOL)
        await trio.sleep(1)
        assert isinstance(await bot.desk.submit(order(user, main, first, spend_lamports=tenth)), Submitted)
        await bought(world, 1)
        refused = await bot.desk.submit(order(user, own, second, key="other wallet", spend_lamports=tenth))
        assert isinstance(refused, Refused)
        assert refused.code == "strategy_positions"
        more = await bot.desk.submit(order(user, main, first, key="more", spend_lamports=2 * tenth))
        assert isinstance(more, Refused)
        assert more.code == "strategy_positions"
        await world.store.change_settings(
            user.id, lambda stored: replace(stored, manual_max_positions=None), by=user.id
        )
        spent = await bot.desk.submit(order(user, own, second, key="spent", spend_lamports=2 * tenth))
        assert isinstance(spent, Refused)
        assert spent.code == "strategy_spend"
        mint = crowd.launch()
        await trio.sleep(0.5)
        await crowd.rush(mint, range(2, 14), LAMPORTS_PER_SOL // 2)
        await bought(world, 2)
        full = await bot.desk.submit(order(user, own, second, key="full", spend_lamports=tenth))
        assert isinstance(full, Refused)
        assert full.code == "open_positions"
        assert full.reason == ("2 positions open in all of your wallets, your limit is 2; sell something first")


async def test_a_sniper_buys_from_its_own_wallet_and_its_exits_leave_from_there(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, main = await world.user("demo-1", SNIPES)
    own = await _another_wallet(world, "demo-1")
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await world.store.bind_wallet(user.id, own.id, Strategy.SNIPER, world.clock.now_ms())
        await bot.hunt.mode_changed(user.id)
        crowd = Crowd(world.chain)
        mint = crowd.launch()
        await trio.sleep(0.5)
        await crowd.rush(mint, range(2, 14), LAMPORTS_PER_SOL // 2)
        await bought(world, 1)
        [position] = await world.store.open_positions(user.id)
        assert (position.mint, position.wallet_id) == (mint, own.id)
        await closed(world, 1, within_s=60)
        await trio.sleep(40)
        assert (await world.store.wallet_ledger(main.id)).booked_lamports == FUND_LAMPORTS
        assert (await world.store.wallet_ledger(own.id)).booked_lamports != FUND_LAMPORTS
        assert await world.books_equal_chain()
    again = replace(own, strategies=("sniper",))
    assert wallet_in(await world.store.wallets(user.id), Mode.LIVE, Strategy.SNIPER) == again
