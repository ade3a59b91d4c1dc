"""Exits when nothing lands, when the price falls under them, and when a token cannot be sold, on the whole bot."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import trio
from solders.account import Account
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.execution.policy import Policy
from bot.localnet.addresses import associated_token
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Attempt, AttemptState, Side
from bot.trading.ladder import MAX_ATTEMPTS
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import ENTRY_OVERHEAD_LAMPORTS, EXIT_RESERVE_LAMPORTS, Refused, kept_for_exits
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.vault.local_vault import LocalVault
from tests.vault.vault_samples import guard
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import (
    FUND_LAMPORTS,
    MASTER_KEY,
    World,
    bought,
    closed,
    living_bot,
    make_world,
    open_for_entries,
    running_bot,
    until,
)

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10
ALL_SIGNED_MS = 3_500


def exits(world: World) -> list[Attempt]:
    """The attempts of all sales, oldest first."""
    rows = list(world.store._attempts.values())
    return [row for row in rows if world.store._intents[row.intent_id].request.side is Side.SELL]


def states(world: World) -> Counter[AttemptState]:
    return Counter(row.state for row in exits(world))


async def holding(world: World, bot: TradingBot, user: User, wallet: Wallet, crowd: Crowd) -> str:
    """A token of which the user holds a tenth of a SOL's worth, and others more."""
    await open_for_entries(bot)
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 7, 5 * LAMPORTS_PER_SOL)
    await trio.sleep(1)
    await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
    await bought(world, 1)
    return mint


def check_bounds(world: World) -> None:
    """Whatever happened: at most one success per order, and no order cost more than the reserve for it."""
    by_intent: dict[str, list[Attempt]] = {}
    for row in exits(world):
        by_intent.setdefault(row.intent_id, []).append(row)
    for rows in by_intent.values():
        assert sum(row.state is AttemptState.LANDED for row in rows) <= 1
        assert sum(row.fee_lamports for row in rows) <= EXIT_RESERVE_LAMPORTS
        assert len(rows) <= MAX_ATTEMPTS


async def test_an_exit_that_does_not_land_is_signed_again_and_sells_once(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("drop-tx", for_s=8)
        await bot.panic(user.id)
        await closed(world, 1)
        signed = exits(world)
        assert len(signed) >= 2
        assert len({row.intent_id for row in signed}) == 1
        assert [row.fee_lamports for row in signed] == sorted({row.fee_lamports for row in signed})
        assert [row.limit_raw for row in signed] == sorted((row.limit_raw for row in signed), reverse=True)
        assert await bot.guard.resume_user(user.id)
        again = await bot.desk.submit(order(user, wallet, mint, key="again", spend_lamports=TENTH))
        assert isinstance(again, Refused)
        assert again.code == "in_flight"
        await until(lambda: not bot.in_flight.all(), within_s=90)
        assert states(world)[AttemptState.LANDED] == 1
        assert not states(world)[AttemptState.SENT]
        check_bounds(world)
        assert await world.books_equal_chain()
        await bot.desk.submit(order(user, wallet, mint, key="at last", spend_lamports=TENTH))
        await bought(world, 2)


async def test_a_sale_by_hand_that_does_not_land_is_signed_again_for_more_fee_and_never_for_less_than_was_said(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("drop-tx", for_s=8)
        await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        await closed(world, 1)
        signed = exits(world)
        assert len(signed) >= 2
        assert {world.store._intents[row.intent_id].request.key for row in signed} == {"out"}
        assert [row.fee_lamports for row in signed] == sorted({row.fee_lamports for row in signed})
        assert len({row.limit_raw for row in signed}) == 1, "the price stood still, and so does what is allowed"
        await until(lambda: not bot.in_flight.all(), within_s=90)
        check_bounds(world)
        assert await world.books_equal_chain()


async def test_a_price_that_falls_under_an_exit_is_followed_down(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.chain.set_fault("drop-tx", for_s=1.5)
        await bot.panic(user.id)
        await trio.sleep(1.6)
        crowd.sell_all(mint, 7)
        await closed(world, 1)
        await until(lambda: not bot.in_flight.all(), within_s=90)
        check_bounds(world)
        assert await world.books_equal_chain()


async def test_attempts_of_one_exit_are_taken_up_after_a_crash(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world) as bot:
            await holding(world, bot, user, wallet, crowd)
            world.chain.set_fault("drop-tx", for_s=15)
            await bot.panic(user.id)
            await until(lambda: len(exits(world)) >= 2, within_s=10)
        async with living_bot(world) as bot:
            await closed(world, 1)
            await until(lambda: not bot.in_flight.all(), within_s=90)
        nursery.cancel_scope.cancel()
    assert len({row.intent_id for row in exits(world)}) == 1
    check_bounds(world)
    assert await world.books_equal_chain()


async def test_a_sale_of_a_part_waits_for_proof_which_comes_soon(autojump_clock: MockClock) -> None:
    settings = UserSettings(take_profit_bps=500, take_profit_share_bps=5_000, stop_loss_bps=None, max_hold_s=None)
    world = make_world(InProcessChain(seed=1))
    world.chain.step(200)  # a chain that has blockhashes with little life left; the bot has seen none of them
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", settings)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        crowd.buy(mint, 8, 5 * LAMPORTS_PER_SOL)
        world.chain.step()
        world.chain.set_fault("drop-tx", for_s=300)
        await until(lambda: bool(exits(world)), within_s=10)
        height = world.chain.cluster.chain.position.height
        assert exits(world)[0].last_valid_block_height < height + 50
        await until(lambda: states(world)[AttemptState.EXPIRED] == 1, within_s=90)
        assert max(Counter(row.intent_id for row in exits(world)).values()) == 1
        world.chain.cluster.all_faults.clear()
        with trio.fail_after(90):
            while not (await world.store.day(0)).sells:
                await trio.sleep(0.5)
        assert await world.books_equal_chain()


async def test_a_frozen_token_is_said_and_tried_on_without_burning_fees(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        set_frozen(world, wallet, mint, frozen=True)
        await bot.panic(user.id)
        await until(lambda: any("could not be sold" in text for text in world.told), within_s=120)
        await trio.sleep(300)
        assert sum("could not be sold" in text for text in world.told) <= 4
        assert sum("runbooks/exits.md" in text for text in world.alerts) <= 4
        assert len(exits(world)) <= 2
        set_frozen(world, wallet, mint, frozen=False)
        await closed(world, 1, within_s=90)
        check_bounds(world)


def set_frozen(world: World, wallet: Wallet, mint: str, *, frozen: bool) -> None:
    """Freeze or thaw the wallet's token account by decree; byte 108 of a token account is its state."""
    accounts = world.chain.cluster.chain.accounts
    key = associated_token(Pubkey.from_string(wallet.address), Pubkey.from_string(mint))
    account = accounts.get(key)
    assert account is not None
    data = bytearray(account.data)
    data[108] = 2 if frozen else 1
    accounts.put(key, Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch))


async def test_a_flatten_of_a_wallet_that_has_spent_all_but_its_reserve_climbs_every_rung(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    world.vault = LocalVault(MASTER_KEY, guard(trade_lamports=FUND_LAMPORTS))
    crowd = Crowd(world.chain)
    user, wallet = await world.user(
        "demo-1", replace(HOLD, max_trade_lamports=FUND_LAMPORTS, max_position_lamports=FUND_LAMPORTS)
    )
    ceilings = Ceilings(max_trade_lamports=FUND_LAMPORTS, max_position_lamports=FUND_LAMPORTS)
    async with running_bot(world, policy=Policy(ceilings=ceilings)) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(3)]
        await trio.sleep(1)
        for number, mint in enumerate(mints):
            spend_lamports = TENTH
            if number == len(mints) - 1:
                free = await lamports_of(bot, wallet) - kept_for_exits(len(mints)) - ENTRY_OVERHEAD_LAMPORTS
                too_much = order(user, wallet, mint, key="too much", spend_lamports=free + 1)
                assert isinstance(refused := await bot.desk.submit(too_much), Refused)
                assert refused.code == "funds"
                spend_lamports = free
            bought_so_far = (await world.store.day(0)).buys
            await bot.desk.submit(order(user, wallet, mint, key=f"buy {number}", spend_lamports=spend_lamports))
            await bought(world, bought_so_far + 1)
        assert kept_for_exits(3) <= await lamports_of(bot, wallet) <= kept_for_exits(3) + ENTRY_OVERHEAD_LAMPORTS
        world.chain.set_fault("drop-tx", for_s=16)
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "a test"))
        await until(lambda: bot.guard.state is State.HALTED, within_s=120)
        assert await world.store.open_positions() == []
        assert await world.books_equal_chain()
        spent: Counter[str] = Counter()
        for row in exits(world):
            spent[row.intent_id] += row.fee_lamports
        # Each had its whole reserve, whatever the others did: what is left of it pays for no further attempt.
        least_fee = SIGNATURE_FEE_LAMPORTS + Policy(ceilings=ceilings).priority_fee_lamports
        assert sum(lamports > EXIT_RESERVE_LAMPORTS - least_fee for lamports in spent.values()) >= len(mints)
        check_bounds(world)


async def lamports_of(bot: TradingBot, wallet: Wallet) -> int:
    return (await bot.adapters.chain.balances(wallet.address)).lamports


async def test_twenty_positions_of_one_wallet_leave_a_slow_chain_beside_each_other(autojump_clock: MockClock) -> None:
    """Every answer takes half a second: the last of them waits for few others, and for no purchase that is being made."""
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", replace(HOLD, stop_loss_bps=1_500))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(20)]
        await trio.sleep(1)
        for number, mint in enumerate(mints):
            crowd.buy(mint, 7 + number % 5, 4 * LAMPORTS_PER_SOL)
            await trio.sleep(1)
            submitted = await bot.desk.submit(order(user, wallet, mint, key=mint, spend_lamports=TENTH // 5))
            assert isinstance(submitted, Submitted), submitted
            await bought(world, number + 1)
        world.chain.set_fault("rpc-slow", for_s=60, delay_ms=500)
        began_ms = world.clock.now_ms()
        for number, mint in enumerate(mints):
            crowd.sell_all(mint, 7 + number % 5)
        await until(lambda: len({row.intent_id for row in exits(world)}) == 20, within_s=30)
        took_ms = max(row.created_at_ms for row in exits(world)) - began_ms
        assert took_ms < ALL_SIGNED_MS
        world.chain.set_fault("rpc-slow", for_s=0.1, delay_ms=1)
        await closed(world, 20)
        assert await world.books_equal_chain()


LEVELS = UserSettings(
    take_profit_levels=(1_000, 2_500, 3_000, 2_500, 10_000, 5_000), stop_loss_bps=None, max_hold_s=None
)


async def test_levels_sell_their_shares_once_across_a_crash_and_to_the_raw_unit(autojump_clock: MockClock) -> None:
    """The price is past two levels when the bot ends, with the sale of the first on its way; the third comes later."""
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", LEVELS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world) as bot:
            mint = await holding(world, bot, user, wallet, crowd)
            [position] = await world.store.open_positions()
            crowd.buy(mint, 8, 8 * LAMPORTS_PER_SOL)
            await until(lambda: bool(exits(world)), within_s=20)
        async with living_bot(world):
            with trio.fail_after(60):
                while (await world.store.day(0)).sells < 2:
                    await trio.sleep(0.1)
            await trio.sleep(20)
            assert (await world.store.day(0)).sells == 2
            crowd.buy(mint, 9, 30 * LAMPORTS_PER_SOL)
            await closed(world, 1)
        nursery.cancel_scope.cancel()
    sold = [trade.fill.token_raw for trade in world.store._trades.values() if trade.fill.side is Side.SELL]
    quarter, half = position.bought_raw * 2_500 // BPS, position.bought_raw * 5_000 // BPS
    assert sold == [quarter, half - quarter, position.bought_raw - half]
    check_bounds(world)
    assert await world.books_equal_chain()
