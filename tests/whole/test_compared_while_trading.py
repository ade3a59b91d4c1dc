"""Wallets that never rest, on the whole bot: compared beside orders on their way and in a halt, and through many thefts."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.trading.ledger import EntryKind
from bot.trading.limits import Ceilings
from bot.trading.position import PositionState
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact
from tests.whole.test_one_trade import order
from tests.whole.test_outside_trades import BY_HAND, Scene, scene
from tests.whole.virtual import World, bought, make_world, open_for_entries, pausing, running_bot, until

OFTEN = Policy(ceilings=Ceilings(), audit_interval_s=5.0)
NOTHING_LANDS_S = 600.0
THEFTS, EVERY_S = 14, 10.0
LITTLE = LAMPORTS_PER_SOL // 100
NETWORK_FEE = 5_000


async def nothing_lands(bot: TradingBot, here: Scene, **amounts: int) -> None:
    """An order of the wallet is on its way and stays there."""
    here.world.chain.set_fault("drop-tx", for_s=NOTHING_LANDS_S)
    await bot.desk.submit(order(here.user, here.wallet, here.held.mint, key="on its way", **amounts))
    assert here.wallet.id in bot.in_flight.wallet_ids()


def kinds(world: World) -> list[EntryKind]:
    return [entry.kind for entry in world.store.ledger if entry.kind not in {EntryKind.FILL, EntryKind.OPENING}]


async def booked_and_held(bot: TradingBot, here: Scene) -> tuple[int, int]:
    """What the ledger says that the wallet holds, and what the chain says, in lamports."""
    ledger = await here.world.store.wallet_ledger(here.wallet.id)
    return ledger.booked_lamports, (await bot.adapters.chain.balances(here.wallet.address)).lamports


async def test_a_wallet_with_an_order_on_its_way_is_compared_all_the_same(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world, policy=OFTEN) as bot:
        here = await scene(world, bot)
        await nothing_lands(bot, here, spend_lamports=LITTLE)
        await exact(bot, world, within_s=15)
        world.chain.call("requestAirdrop", here.wallet.address, LITTLE)
        await until(lambda: kinds(world) == [EntryKind.DEPOSIT], within_s=30)
        assert here.wallet.id in bot.in_flight.wallet_ids()
        world.chain.cluster.all_faults.clear()
        await exact(bot, world)
        booked, held = await booked_and_held(bot, here)
        assert booked == held


async def test_dust_that_comes_all_the_time_hides_no_theft(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world, policy=OFTEN) as bot:
        here = await scene(world, bot)
        crowd = Crowd(world.chain)
        crowd.buy(here.held.mint, 7, LAMPORTS_PER_SOL)
        await trio.sleep(2)

        async def dust() -> None:
            while True:
                crowd.give(here.held.mint, 7, here.wallet.address, 1)
                await trio.sleep(2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dust)
            await trio.sleep(20)
            signature = await Owner(world, here.wallet).sends(LITTLE)
            await until(lambda: "outflow" in pausing(bot), within_s=2 * OFTEN.audit_interval_s)
            await until(lambda: any(signature in line and "not sign" in line for line in world.told), within_s=2)
            nursery.cancel_scope.cancel()
        await exact(bot, world)


async def test_what_came_before_the_books_of_a_wallet_begin_is_in_them_once(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world, policy=OFTEN) as bot:
        await open_for_entries(bot)
        crowd = Crowd(world.chain)
        mint = crowd.launch()
        crowd.buy(mint, 7, LAMPORTS_PER_SOL)
        await trio.sleep(2)
        user, wallet = await world.user("newcomer", BY_HAND)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LITTLE))
        await bought(world, 1)
        crowd.give(mint, 7, wallet.address, 1)
        await exact(bot, world)
        await trio.sleep(10 * OFTEN.audit_interval_s)
        await exact(bot, world)
        assert kinds(world) == [], "neither the deposit nor the tokens are an entry beside the opening"
        assert not any("does not explain" in line for line in world.alerts)


async def test_tokens_that_others_sell_beside_an_exit_on_its_way_are_adopted_from_their_transaction(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world, policy=OFTEN) as bot:
        here = await scene(world, bot)
        await nothing_lands(bot, here, share_bps=BPS)
        world.chain.cluster.all_faults.clear()
        _, signature = await Owner(world, here.wallet).sells(bot.adapters.chain, here.held.mint, here.held.token_raw)
        world.chain.set_fault("drop-tx", for_s=NOTHING_LANDS_S)
        await until(lambda: "outflow" in pausing(bot), within_s=25)
        with trio.fail_after(25):
            while (await here.holder()).state is PositionState.OPEN:
                await trio.sleep(0.5)
        assert here.wallet.id in bot.in_flight.wallet_ids()
        assert [entry.signature for entry in world.store.ledger if entry.kind is EntryKind.ADJUSTMENT] == [signature]
        world.chain.cluster.all_faults.clear()
        await exact(bot, world)
        booked, held = await booked_and_held(bot, here)
        assert booked == held


async def test_wallets_are_compared_while_the_bot_is_halted(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world, policy=OFTEN) as bot:
        here = await scene(world, bot)
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "a drill"))
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        await exact(bot, world, within_s=20)
        await Owner(world, here.wallet).sends(LAMPORTS_PER_SOL)
        await until(lambda: "outflow" in pausing(bot), within_s=20)
        await exact(bot, world, within_s=30)
        assert bot.guard.state is State.HALTED
        booked, held = await booked_and_held(bot, here)
        assert booked == held
        assert await bot.guard.acknowledge_outflow(here.user.id)
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)
        await exact(bot, world)


async def test_many_thefts_are_booked_one_by_one_and_told_once(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        owner = Owner(world, here.wallet)
        for number in range(THEFTS):
            await owner.sends(LITTLE + number)
            await trio.sleep(EVERY_S)
            if number * EVERY_S > bot.reconciler.policy.audit_interval_s:
                assert pausing(bot) == {"outflow"}, "frozen at the first look"
        await exact(bot, world)
        stolen = [entry for entry in world.store.ledger if entry.kind is EntryKind.OUTFLOW]
        assert sorted(entry.wallet_lamports for entry in stolen) == sorted(
            -LITTLE - number - NETWORK_FEE for number in range(THEFTS)
        )
        assert len({entry.signature for entry in stolen}) == THEFTS
        assert all(entry.signature and entry.signature in (entry.evidence or "") for entry in stolen)
        booked, held = await booked_and_held(bot, here)
        assert booked == held
        await trio.sleep(120)
        assert sum("left wallet" in line for line in world.alerts) == 1
        assert sum("/ack_outflow" in line for line in world.told) == 1
        assert await bot.guard.acknowledge_outflow(here.user.id)
        await until(lambda: any("he says" in line for line in world.alerts), within_s=120)
        await owner.sends(LITTLE)
        await until(lambda: pausing(bot) == {"outflow"}, within_s=60)
        await until(lambda: sum("left wallet" in line for line in world.alerts) == 2, within_s=120)
        await exact(bot, world)
