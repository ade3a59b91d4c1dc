"""Sales that the wallet's key made past this bot, on the whole bot: adopted with what they brought, and taken back when ours."""

from __future__ import annotations

from dataclasses import dataclass

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import User, Wallet
from bot.telegram.story_text import story_text
from bot.trading.intent import Attempt, AttemptState, Intent, IntentState, Mode
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.users import ModeSwitch
from tests.storage.storage_samples import let_in
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, pausing, running_bot, until

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)


@dataclass(frozen=True, slots=True)
class Scene:
    """A user who holds one position, before anything leaves it."""

    world: World
    user: User
    wallet: Wallet
    held: Position

    async def holder(self) -> Position:
        found = await self.world.store.position(self.held.id)
        assert found is not None
        return found


async def scene(world: World, bot: TradingBot) -> Scene:
    user, wallet = await world.user("demo-1", BY_HAND)
    await open_for_entries(bot)
    mint = Crowd(world.chain).launch()
    await trio.sleep(1)
    await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
    await bought(world, 1)
    await exact(bot, world)
    [held] = await world.store.open_positions()
    return Scene(world, user, wallet, held)


async def journal_comes(world: World, bot: TradingBot, here: Scene, raw: bytes, signature: str) -> None:
    """What the journal of a bot that died knew becomes rows: an exit of the wallet with these bytes."""
    request = order(here.user, here.wallet, here.held.mint, key="journal", share_bps=BPS)
    intent = await world.store.admit(
        request,
        intent_id="journal",
        now_ms=world.clock.now_ms(),
        wallet_lamports=0,
        unrealized_lamports=0,
        ceilings=bot.desk.pipeline.policy.ceilings,
        pause_causes=(),
        day_start_ms=0,
        gate=let_in,
    )
    assert isinstance(intent, Intent)
    height = await bot.adapters.chain.finalized_height()
    await world.store.record_attempt(
        Attempt(signature, intent.id, 1, raw, height, here.held.token_raw, 1, AttemptState.SIGNED, world.clock.now_ms())
    )
    await world.store.mark_sent(signature, world.clock.now_ms())


async def test_a_sale_with_the_wallets_key_is_adopted_with_its_proceeds_and_freezes(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        before = (await bot.adapters.chain.balances(here.wallet.address)).lamports
        _, signature = await Owner(world, here.wallet).sells(bot.adapters.chain, here.held.mint, here.held.token_raw)
        await until(lambda: "outflow" in pausing(bot), within_s=120)
        await until(
            lambda: any(f"lost tokens of {here.held.mint} by {signature}" in one for one in world.told), within_s=2
        )
        await exact(bot, world)
        brought = (await bot.adapters.chain.balances(here.wallet.address)).lamports - before
        after = await here.holder()
        assert brought > 0
        assert (after.state, after.realized_lamports) == (PositionState.CLOSED, brought - here.held.cost_lamports)
        assert (await world.store.day(0)).realized_lamports == after.realized_lamports
        assert (await world.store.wallet_ledger(here.wallet.id)).booked_lamports == before + brought
        await until(
            lambda: any(signature in line and "which count in the result" in line for line in world.told), within_s=10
        )
        assert any(f"tokens of {here.held.mint} left" in line for line in world.alerts)
        assert not any("-0" in line for line in world.told if " lost " in line)
        stories = [await world.store.order_story(one) for one in await world.store.orders_of(here.held.id)]
        words = story_text(after, [one for one in stories if one is not None])
        assert "without an order of this bot" in words


async def test_a_dead_bots_exit_that_was_adopted_settles_exactly_when_its_journal_comes(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        raw, signature = await Owner(world, here.wallet).sells(bot.adapters.chain, here.held.mint, here.held.token_raw)
        await until(lambda: "outflow" in pausing(bot), within_s=120)
        await exact(bot, world)
        adopted = await here.holder()
        await journal_comes(world, bot, here, raw, signature)
        with trio.fail_after(60):
            while (ended := await world.store.intent("journal")) is None or ended.state is not IntentState.FILLED:
                await trio.sleep(0.5)
        await exact(bot, world)
        after, day = await here.holder(), await world.store.day(0)
        assert after.state is PositionState.CLOSED
        assert (day.buys, day.sells, day.realized_lamports) == (1, 1, after.realized_lamports)
        # The rent that came back is no result of a sale, though it was one of a movement from outside.
        rent = adopted.realized_lamports - after.realized_lamports
        assert rent == 2_074_080
        assert not bot.in_flight.stuck
        await until(lambda: "outflow" not in pausing(bot), within_s=60)
        await until(
            lambda: any("Nobody else has used the key of your wallet" in line for line in world.told), within_s=10
        )
        await until(lambda: any("was sold by this bot after all" in line for line in world.alerts), within_s=10)
        balance = (await bot.adapters.chain.balances(here.wallet.address)).lamports
        assert (await world.store.wallet_ledger(here.wallet.id)).booked_lamports == balance


async def test_a_freeze_for_an_own_exit_ends_by_itself_also_when_a_restart_lies_between(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        raw, signature = await Owner(world, here.wallet).sells(bot.adapters.chain, here.held.mint, here.held.token_raw)
        await until(lambda: "outflow" in pausing(bot), within_s=120)
        world.chain.call("requestAirdrop", here.wallet.address, 12_345)
        await exact(bot, world)
    async with running_bot(world) as bot:
        await exact(bot, world)
        assert "outflow" in pausing(bot)
        await journal_comes(world, bot, here, raw, signature)
        await until(lambda: "outflow" not in pausing(bot), within_s=120)
        await until(
            lambda: any("Nobody else has used the key of your wallet" in line for line in world.told), within_s=10
        )
        await exact(bot, world)


async def test_a_freeze_that_stood_for_a_theft_too_stays_after_a_restart(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        raw, signature = await Owner(world, here.wallet).sells(bot.adapters.chain, here.held.mint, here.held.token_raw)
        await until(lambda: "outflow" in pausing(bot), within_s=120)
        await Owner(world, here.wallet).sends(54_321)
        await exact(bot, world)
    async with running_bot(world) as bot:
        await exact(bot, world)
        await journal_comes(world, bot, here, raw, signature)
        await exact(bot, world)
        await trio.sleep(120)
        assert "outflow" in pausing(bot)
        assert not any("Nobody else has used the key of your wallet" in line for line in world.told)
        assert await bot.guard.acknowledge_outflow(here.user.id)


async def test_what_was_sold_elsewhere_before_the_books_knew_of_its_purchase_is_adopted_with_its_proceeds(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        user, wallet = await world.user("demo-1", BY_HAND)
        await open_for_entries(bot)
        mint = Crowd(world.chain).launch()
        await trio.sleep(1)
        await exact(bot, world)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        chain = bot.adapters.chain
    world.chain.step(2)
    before = await chain.balances(wallet.address)
    _, signature = await Owner(world, wallet).sells(chain, mint, before.token_raw[mint])
    world.chain.step(50)
    brought = (await chain.balances(wallet.address)).lamports - before.lamports
    async with running_bot(world) as bot:
        await until(lambda: bool(world.store._adjustments), within_s=120)
        await exact(bot, world)
    [adjustment], [trade] = world.store._adjustments, world.store._trades.values()
    after = await world.store.position(adjustment.position_id)
    assert after is not None
    assert (adjustment.signature, after.state) == (signature, PositionState.CLOSED)
    rent_lamports = 2_074_080
    assert after.realized_lamports == brought + trade.fill.wallet_delta_lamports + rent_lamports


async def test_tokens_that_are_sent_in_again_and_again_cost_nothing_and_lose_nothing(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        crowd = Crowd(world.chain)
        crowd.buy(here.held.mint, 7, LAMPORTS_PER_SOL)
        await trio.sleep(2)
        gifts = (5_000_000, 3_000_000, 2_000_000)
        for number, gift in enumerate(gifts, start=1):
            crowd.give(here.held.mint, 7, here.wallet.address, gift)
            wanted = here.held.token_raw + sum(gifts[:number])
            with trio.fail_after(120):
                while (await here.holder()).token_raw != wanted:
                    await trio.sleep(1)
            await exact(bot, world)
        after = await here.holder()
        assert (after.cost_lamports, after.realized_lamports) == (here.held.cost_lamports, 0)
        assert (await world.store.day(0)).realized_lamports == 0
        assert len(world.store._adjustments) == len(gifts)
        assert await world.books_equal_chain()


async def test_a_user_with_two_wallets_waits_for_both_to_be_compared(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        here = await scene(world, bot)
        switch = ModeSwitch(world.store, world.vault, world.clock, (Mode.LIVE, Mode.DRY_RUN), bot.hunt.mode_changed)
        await switch.enter(here.user, Mode.DRY_RUN)
        await exact(bot, world)
        chain = bot.adapters.chain
    _, signature = await Owner(world, here.wallet).sells(chain, here.held.mint, here.held.token_raw)
    world.chain.step(2)
    async with running_bot(world) as bot:
        await until(lambda: any(signature in line for line in world.told), within_s=20)
        assert "reconcile" in pausing(bot), "one wallet equals the chain, the other does not yet"
        await until(lambda: "reconcile" not in pausing(bot), within_s=60)
        assert (await here.holder()).state is PositionState.CLOSED
