"""Sales that landed with an error: quoted again under the same order where that can help, and told with what to do."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.execution.landings import QUOTED_AGAIN_WITHIN_S
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Attempt, AttemptState, IntentState
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_exits_in_a_crash import HOLD, check_bounds, exits, holding, set_frozen
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, living_bot, make_world, open_for_entries, running_bot, until

TENTH = LAMPORTS_PER_SOL // 10
WHALE = 50
HOLD_ON_CRITICAL = replace(HOLD, on_critical="hold")
LANDS_LATE_S = 1.5  # after this the bytes that were dropped are sent again


async def sells_too_late(world: World, bot: TradingBot, user: User, wallet: Wallet, mint: str) -> str:
    """A sale by hand whose bytes do not land for a moment; its intent."""
    world.chain.set_fault("drop-tx", for_s=LANDS_LATE_S)
    outcome = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
    assert isinstance(outcome, Submitted), outcome
    await trio.sleep(LANDS_LATE_S + 0.1)
    return outcome.intent.id


async def state_of(world: World, intent_id: str) -> IntentState:
    intent = await world.store.intent(intent_id)
    assert intent is not None
    return intent.state


def by_state(rows: list[Attempt]) -> dict[AttemptState, int]:
    return {state: sum(row.state is state for row in rows) for state in AttemptState}


async def test_a_monitors_sale_that_landed_on_a_completed_curve_goes_on_in_the_pool_as_the_same_order(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1, migration_slots=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        crowd._trader(WHALE)
        world.chain.set_fault("drop-tx", for_s=LANDS_LATE_S)
        await bot.panic(user.id)
        await trio.sleep(LANDS_LATE_S + 0.1)
        crowd.finish(mint, WHALE)
        await closed(world, 1, within_s=30)
        await until(lambda: not bot.in_flight.all(), within_s=90)
        assert len({row.intent_id for row in exits(world)}) == 1, "one order sells it"
        assert by_state(exits(world))[AttemptState.LANDED_ERROR] >= 1, "the curve refused it"
        check_bounds(world)
        assert await world.books_equal_chain()
        await exact(bot, world)
        await trio.sleep(2)
    assert not any("landed with an error" in line for line in world.told), "it sold after all"


async def test_a_sale_by_hand_whose_price_fell_is_quoted_again_and_keeps_what_its_seller_allowed(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        intent_id = await sells_too_late(world, bot, user, wallet, mint)
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=30)
        await until(lambda: not bot.in_flight.all(), within_s=90)
        assert await state_of(world, intent_id) is IntentState.FILLED
        rows = exits(world)
        assert {row.intent_id for row in rows} == {intent_id}
        assert by_state(rows)[AttemptState.LANDED_ERROR] >= 1
        sold = next(row for row in rows if row.state is AttemptState.LANDED)
        assert 0 < sold.limit_raw < rows[0].limit_raw, "the same bound of a lower price"
        check_bounds(world)
        assert await world.books_equal_chain()
        await exact(bot, world)


async def test_a_sale_by_hand_that_cannot_succeed_is_told_with_what_to_do_and_costs_one_fee(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("drop-tx", for_s=LANDS_LATE_S)
        outcome = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(outcome, Submitted), outcome
        set_frozen(world, wallet, mint, frozen=True)
        await until(lambda: any("landed with an error" in line for line in world.told), within_s=30)
        assert await state_of(world, outcome.intent.id) is IntentState.FAILED
        assert by_state(exits(world))[AttemptState.LANDED_ERROR] == 1
        [line] = [line for line in world.told if "landed with an error" in line]
        assert "Nobody can sell it before it is thawed" in line
        assert await world.store.open_positions()
        await exact(bot, world)


async def test_a_sale_by_hand_that_nobody_follows_while_halted_ends_and_is_told(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    keeper, purse = await world.user("keeper", HOLD_ON_CRITICAL)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        await bot.desk.submit(order(keeper, purse, mint, key="mine", spend_lamports=TENTH))
        await bought(world, 2)
        bot.guard.latch(Halt("operator", bot.adapters.clock.now_ms(), "operator", "a test"))
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        intent_id = await sells_too_late(world, bot, keeper, purse, mint)
        crowd.sell_all(mint, 7)
        await until(lambda: any("landed with an error" in line for line in world.told), within_s=30)
        assert await state_of(world, intent_id) is IntentState.FAILED
        assert any("/sell it again to take the price of that moment" in line for line in world.told)
        assert not bot.in_flight.all()
        assert QUOTED_AGAIN_WITHIN_S < 30


async def test_a_crash_between_the_error_and_the_next_attempt_forgets_neither(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world) as bot:
            mint = await holding(world, bot, user, wallet, crowd)
            intent_id = await sells_too_late(world, bot, user, wallet, mint)
            crowd.sell_all(mint, 7)
            await until(lambda: bot.in_flight.to_quote_again(intent_id) is not None, within_s=30)
        async with living_bot(world) as bot:
            await closed(world, 1, within_s=60)
            await until(lambda: not bot.in_flight.all(), within_s=90)
            assert await state_of(world, intent_id) is IntentState.FILLED
            check_bounds(world)
            assert await world.books_equal_chain()
        nursery.cancel_scope.cancel()
