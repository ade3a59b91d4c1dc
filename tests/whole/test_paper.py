"""Paper trading through the whole bot, in virtual time: real prices, virtual wallets, and nothing that leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import trio
from trio.testing import MockClock

from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.paper_order import MARK
from bot.chain.paper_rules import LandingModel
from bot.errors import StoreUnavailable
from bot.execution.day_loss import unrealized
from bot.localnet.inprocess import InProcessChain
from bot.ports import Preview, Store, Submitted, WalletLedger
from bot.telegram.replies import position_line
from bot.trading.intent import IntentState, Mode
from bot.trading.limits import UserSettings
from bot.trading.own_impact import worth
from bot.trading.units import BPS, LAMPORTS_PER_SOL, format_sol
from tests.whole.crowd import Crowd
from tests.whole.outages import CutStore
from tests.whole.paper_world import START_LAMPORTS, PaperWorld, paper_world
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, open_for_entries, running_bot

SETTINGS = UserSettings(max_hold_s=3_600, take_profit_bps=None, stop_loss_bps=None)
SNIPER = replace(SETTINGS, snipe_enabled=True, take_profit_bps=2_000, max_hold_s=60, slippage_buy_bps=1_500)


async def traded_token(crowd: Crowd) -> str:
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 2, LAMPORTS_PER_SOL)
    await trio.sleep(2)
    return mint


def assert_nothing_left(world: PaperWorld) -> None:
    """No endpoint was handed or asked to simulate anything; the bytes in the rows are no transactions."""
    assert world.asked["getMultipleAccounts"] > 0
    assert not {"sendTransaction", "simulateTransaction", "sendBundle"} & world.asked.keys()


async def test_a_paper_sniper_buys_and_sells_and_nothing_is_sent(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", SNIPER)
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
        await trio.sleep(40)
        assert bot.reconciler.reconciled
    paper = await world.store.day(0, user.id, Mode.PAPER)
    assert (paper.buys, paper.sells) == (1, 1)
    live = await world.store.day(0, user.id, Mode.LIVE)
    assert (live.buys, live.sells, live.realized_lamports) == (0, 0, 0)
    ledger = await world.store.wallet_ledger(wallet.id)
    assert ledger.booked_lamports == START_LAMPORTS + paper.realized_lamports
    assert ledger.check is not None
    assert ledger.check.is_exact
    assert all("[paper]" in line for line in world.told if "Bought" in line or "Sold" in line)
    assert_nothing_left(world)


async def test_a_restart_finds_the_virtual_wallet_as_it_was(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        bought_it = await bot.desk.submit(
            replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL), mode=Mode.PAPER)
        )
        assert isinstance(bought_it, Submitted)
        await bought(world, 1)
        before = await bot.adapters.chain.balances(wallet.address)
        assert before.token_raw[mint] > 0
        assert before.lamports < START_LAMPORTS - LAMPORTS_PER_SOL * 99 // 100
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        after = await bot.adapters.chain.balances(wallet.address)
        assert (after.lamports, after.token_raw) == (before.lamports, before.token_raw)
        sold = await bot.desk.submit(replace(order(user, wallet, mint, key="sale", share_bps=BPS), mode=Mode.PAPER))
        assert isinstance(sold, Submitted), sold
        await closed(world, 1)
        left = await bot.adapters.chain.balances(wallet.address)
        assert left.token_raw == {}
        day = await world.store.day(0, user.id, Mode.PAPER)
        assert left.lamports == START_LAMPORTS + day.realized_lamports
    assert_nothing_left(world)


async def test_an_order_that_a_kill_left_on_its_way_lands_once(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        await bot.desk.submit(replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL), mode=Mode.PAPER))
    ((intent, attempts),) = await world.store.in_flight()
    assert intent.state is IntentState.SENT
    assert attempts[0].raw.startswith(MARK)
    async with running_bot(world) as bot:
        await bought(world, 1)
        await open_for_entries(bot)
        await trio.sleep(5)
    assert (await world.store.day(0)).buys == 1
    assert len(await world.store.open_positions()) == 1
    assert_nothing_left(world)


async def test_a_price_that_runs_away_fails_on_paper_and_costs_the_fee(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1), LandingModel(landing_bps=BPS, slots_min=6, slots_max=6))
    user, wallet = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        wish = replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10), mode=Mode.PAPER)
        sent = await bot.desk.submit(replace(wish, slippage_bps=100))
        assert isinstance(sent, Submitted)
        crowd.buy(mint, 3, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(8)
        failed = await world.store.intent(sent.intent.id)
        assert failed is not None
        assert failed.state is IntentState.FAILED
        assert failed.failure == "landed with an error: the price rose past the limit"
        lamports = (await bot.adapters.chain.balances(wallet.address)).lamports
        assert START_LAMPORTS - 10_000_000 < lamports < START_LAMPORTS
        assert await world.store.open_positions() == []


async def test_what_never_lands_on_paper_expires_by_proof(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1), LandingModel(landing_bps=0))
    user, wallet = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        sent = await bot.desk.submit(
            replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10), mode=Mode.PAPER)
        )
        assert isinstance(sent, Submitted)
        with trio.fail_after(300):
            while True:
                row = await world.store.intent(sent.intent.id)
                if row is not None and row.state is IntentState.EXPIRED:
                    break
                await trio.sleep(1)
        assert (await bot.adapters.chain.balances(wallet.address)).lamports == START_LAMPORTS


async def test_a_coin_that_everybody_else_has_left_pays_its_last_holder_his_own_lamports(
    autojump_clock: MockClock,
) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        bid = replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL), mode=Mode.PAPER)
        await bot.desk.submit(bid)
        await bought(world, 1)
        crowd.sell_all(mint, 2)
        await trio.sleep(3)
        told = await bot.adapters.chain.venue(mint)
        assert told.liquidity_lamports <= 1
        [position] = await world.store.open_positions(user.id)
        fees = await bot.adapters.chain.fees()
        value = worth(position, told, fees)
        assert (
            LAMPORTS_PER_SOL * 90 // 100 < value < LAMPORTS_PER_SOL * 93 // 100
        )  # who sold before him took some of it
        assert worth(replace(position, mode=Mode.LIVE), told, fees) <= 1
        line = position_line(position, bot.prices.latest(mint), fees)
        assert f"a sale now brings {format_sol(value)} SOL" in line
        loss = await unrealized(bot.adapters.store, bot.adapters.chain, bot.prices, user.id, Mode.PAPER)
        assert loss == value - position.cost_lamports
        sale = replace(order(user, wallet, mint, key="sale", share_bps=BPS), mode=Mode.PAPER)
        shown = await bot.desk.preview(sale)
        assert isinstance(shown, Preview)
        assert shown.quote.received_lamports == value
        await bot.desk.submit(sale)
        await closed(world, 1)
        day = await world.store.day(0, user.id, Mode.PAPER)
        assert day.realized_lamports > -LAMPORTS_PER_SOL // 10
        assert (await bot.adapters.chain.balances(wallet.address)).lamports == START_LAMPORTS + day.realized_lamports


async def test_of_two_virtual_wallets_that_buy_in_one_moment_the_second_pays_for_the_first(
    autojump_clock: MockClock,
) -> None:
    world = paper_world(InProcessChain(seed=1), LandingModel(landing_bps=BPS, slots_min=1, slots_max=1))
    people = [await world.user(f"demo-{number}", SETTINGS) for number in (1, 2)]
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot, trio.open_nursery() as nursery:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        for user, wallet in people:
            bid = order(user, wallet, mint, key=user.id, spend_lamports=LAMPORTS_PER_SOL // 10)
            nursery.start_soon(bot.desk.submit, replace(bid, mode=Mode.PAPER))
        await bought(world, 2)
        [mine], held = await world.store.open_positions(people[0][0].id), await world.store.open_positions()
        less, more = sorted(one.token_raw for one in held)
        assert less < more
        again = replace(order(*people[0], mint, key="more", spend_lamports=LAMPORTS_PER_SOL // 10), mode=Mode.PAPER)
        await bot.desk.submit(again)
        await bought(world, 3)
        [both] = await world.store.open_positions(people[0][0].id)
        assert both.token_raw - mine.token_raw < more  # what he bought before has raised his own price


class WithoutLedgers(CutStore):
    """A database that begins to answer again: it has the orders, and says nothing of ledgers yet."""

    ledgers_away = False

    async def wallet_ledger(self, wallet_id: str) -> WalletLedger:
        if self.ledgers_away:
            raise StoreUnavailable("the journal is being carried out")
        return await self._store.wallet_ledger(wallet_id)


async def test_a_landing_that_was_booked_meanwhile_is_not_forgotten_while_the_ledger_cannot_be_read(
    autojump_clock: MockClock,
) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", SETTINGS)
    store = WithoutLedgers(world.store)
    books = PaperBooks(cast(Store, store), START_LAMPORTS)
    assert (await books.purse(wallet)).token_raw == {}
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(crowd)
        chain = bot.adapters.chain
        assert isinstance(chain, PaperChain)
        await bot.desk.submit(replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL), mode=Mode.PAPER))
        await bought(world, 1)
        [landing] = chain._landings.values()
        books.landed(landing)
        store.ledgers_away = True
        away = await books.purse(wallet)
        store.ledgers_away = False
        assert away.token_raw == {mint: landing.outcome.token_delta_raw}
        assert await books.purse(wallet) == away


def test_the_same_bytes_fare_the_same_however_often_they_are_sent() -> None:
    model = LandingModel(landing_bps=5_000)
    names = [f"signature {number}" for number in range(400)]
    first = [model.due_ms(name) for name in names]
    assert first == [model.due_ms(name) for name in names]
    assert 120 < sum(due is None for due in first) < 280
    assert {due for due in first if due is not None} == {650, 1_050, 1_450}
