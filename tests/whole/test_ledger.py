"""The ledger of the whole bot, in virtual time: it explains every lamport of a wallet, whoever moved it."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, Wallet
from bot.state_words import StateWords
from bot.trading.intent import Context
from bot.trading.ledger import Account, EntryKind
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import FROZEN, Refused
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.books import audit
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10


async def lamports_on_chain(bot: TradingBot, wallet: Wallet) -> int:
    return (await bot.adapters.chain.balances(wallet.address)).lamports


def unsellable(bot: TradingBot) -> int:
    """The positions that the flatten which is ordered now cannot sell."""
    view = bot.care.book.view()
    return 0 if view is None else view[1].unsellable


async def findings(world: World) -> list[str]:
    """What the audit of real bots says of this world."""
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    return audit(world.store, world.chain)


async def test_trades_and_deposits_are_explained_to_the_lamport(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        await bot.desk.submit(order(user, wallet, mint, key="part", share_bps=BPS // 3))
        with trio.fail_after(30):
            while (await world.store.day(0)).sells < 1:
                await trio.sleep(0.1)
        world.chain.call("requestAirdrop", wallet.address, 12_345)
        await exact(bot, world)
        await bot.desk.submit(order(user, wallet, mint, key="rest", share_bps=BPS))
        await closed(world, 1)
        await exact(bot, world)
        ledger = await world.store.wallet_ledger(wallet.id)
        assert ledger.booked_lamports == await lamports_on_chain(bot, wallet)
        assert pausing(bot) == set()
        left = dict.fromkeys(Account, 0)
        for leg in (leg for entry in world.store.ledger for leg in entry.legs):
            left[leg.account] += leg.lamports
        assert left[Account.RENT] == left[Account.TOKENS] == left[Account.MARKET] == 0, "rent and tokens came back"
        assert min(left[Account.PROTOCOL_FEE], left[Account.CREATOR_FEE], left[Account.PRIORITY_FEE]) > 0
        deposits = [entry for entry in world.store.ledger if entry.kind is EntryKind.DEPOSIT]
        assert [entry.wallet_lamports for entry in deposits] == [12_345]
        assert deposits[0].signature is not None
    assert await findings(world) == []
    assert world.alerts == []


async def test_an_order_that_landed_with_an_error_costs_its_fee_in_the_ledger(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 5 * LAMPORTS_PER_SOL)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        # The price falls between the quote and the block, below the least that the sale takes.
        await trio.sleep(5)
        world.chain.set_fault("rpc-slow", for_s=2, delay_ms=700)
        async with trio.open_nursery() as nursery:
            tight = replace(order(user, wallet, mint, key="tight", share_bps=BPS), slippage_bps=0)
            nursery.start_soon(bot.desk.submit, tight)
            await trio.sleep(1)
            crowd.sell_all(mint, 2)
        # The sale goes on as the same order, so that its fee is all that tells of the attempt which failed.
        await until(lambda: any(entry.kind is EntryKind.FEE for entry in world.store.ledger), within_s=30)
        await exact(bot, world)
        fees = [entry for entry in world.store.ledger if entry.kind is EntryKind.FEE]
        assert len(fees) >= 1
        assert all(entry.wallet_lamports < 0 for entry in fees)
        ledger = await world.store.wallet_ledger(wallet.id)
        assert ledger.booked_lamports == await lamports_on_chain(bot, wallet)
    assert await findings(world) == []


async def test_sol_that_left_without_the_bot_is_booked_and_freezes_that_wallet_alone(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", BY_HAND)
    other, others_wallet = await world.user("demo-2", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        await exact(bot, world)
        await Owner(world, wallet).sends(LAMPORTS_PER_SOL)
        await until(lambda: pausing(bot) == {"outflow"}, within_s=120)
        await exact(bot, world)
        [outflow] = [entry for entry in world.store.ledger if entry.kind is EntryKind.OUTFLOW]
        assert outflow.wallet_lamports == -LAMPORTS_PER_SOL - 5_000
        refused = await bot.desk.submit(order(user, wallet, mint, key="more", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert "outflow" in refused.reason
        assert bot.guard.covering(other.id, Context.MANUAL_COMMAND) == ()
        sale = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(sale, Refused)
        assert sale.code == FROZEN
        others = order(other, others_wallet, mint, key="others", spend_lamports=TENTH)
        assert isinstance(await bot.desk.submit(others), Submitted), "another wallet goes on"
        await bot.panic(user.id)
        await until(lambda: unsellable(bot) == 1, within_s=60)
        await trio.sleep(60)
        assert "/ack_outflow" in StateWords(bot.guard, None).line(user.id)
        assert [entry.kind for entry in world.store.ledger].count(EntryKind.OUTFLOW) == 1
    assert any("/ack_outflow" in line for line in world.told)
    assert any("not signed here" in line for line in world.alerts)
    async with running_bot(world) as bot:
        await until(lambda: bot.reconciler.reconciled, within_s=20)
        assert pausing(bot) == {"outflow", "panic"}, "a restart does not forget it"
        assert await bot.guard.acknowledge_outflow(user.id)
        assert not await bot.guard.acknowledge_outflow(user.id)
        await closed(world, 1)
        await bot.guard.resume_user(user.id)
        await exact(bot, world)
        assert pausing(bot) == set(), "what was said to be his own is not told again"
        ledger = await world.store.wallet_ledger(wallet.id)
        assert ledger.booked_lamports == await lamports_on_chain(bot, wallet)
    assert others_wallet.id != wallet.id
    assert await findings(world) == []


async def test_an_exit_on_its_way_is_followed_through_a_freeze_and_not_signed_again(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        world.chain.set_fault("drop-tx", for_s=8)
        await bot.panic(user.id)
        await until(lambda: len(bot.in_flight.all()) >= 1, within_s=30)
        await bot.guard.freeze_user(user.id, "a test")
        [(intent, before)] = await world.store.in_flight()
        await trio.sleep(6)
        [(same, after)] = await world.store.in_flight()
        assert (same.id, [one.signature for one in after]) == (intent.id, [one.signature for one in before])
        await closed(world, 1)
