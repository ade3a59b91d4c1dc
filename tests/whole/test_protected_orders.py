"""Orders by block engines: the tip in the books, what happens while bundles vanish or no engine answers."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.chain.tip_floor import LOOK_EVERY_S
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import AttemptState, Protection, TradeRequest
from bot.trading.landing import PROTECTED_MS
from bot.trading.ledger import Account
from bot.trading.limits import FIXED, UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot, until

HOLD = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10


def buying(user: User, wallet: Wallet, mint: str, protection: Protection, key: str = "in") -> TradeRequest:
    return replace(order(user, wallet, mint, key=key, spend_lamports=TENTH), protection=protection)


async def a_token(world: World, bot: TradingBot) -> str:
    """A token on the market of a bot that is open for entries and knows its engine."""
    await open_for_entries(bot)
    crowd = Crowd(world.chain)
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 7, 5 * LAMPORTS_PER_SOL)
    await until(lambda: bot.adapters.chain.tip_account(mint) is not None, within_s=5)
    await trio.sleep(1)
    return mint


def tips(world: World) -> list[int]:
    """What the ledger has on the account of tips, entry by entry."""
    legs = [leg for entry in world.store.ledger for leg in entry.legs]
    return [leg.lamports for leg in legs if leg.account is Account.TIP]


async def test_a_protected_trade_tips_once_and_the_books_have_it_apart(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(HOLD, tip_buy_lamports=70_000, tip_sell_lamports=30_000))
    async with running_bot(world) as bot:
        mint = await a_token(world, bot)
        await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED))
        await bought(world, 1)
        sale = replace(order(user, wallet, mint, key="out", share_bps=BPS), protection=Protection.PROTECTED)
        await bot.desk.submit(sale)
        await closed(world, 1)
        assert tips(world) == [70_000, 30_000]
        await exact(bot, world)
        [region] = bot.adapters.engines.health() if bot.adapters.engines else []
        assert region.taken >= 2


async def test_who_wishes_for_more_than_what_lands_tips_what_lands(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    modest, _ = await world.user("demo-1", replace(HOLD, tip_buy_lamports=20_000))
    rich, _ = await world.user("demo-2", replace(HOLD, tip_buy_lamports=500_000))
    fixed, _ = await world.user("demo-3", replace(HOLD, tip_buy_lamports=90_000, fee_mode_buy=FIXED))
    async with running_bot(world) as bot:
        mint = await a_token(world, bot)
        for number, user in enumerate((modest, rich, fixed), start=1):
            [wallet] = await world.store.wallets(user.id)
            await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED, key=f"in {number}"))
            await bought(world, number)
            await trio.sleep(LOOK_EVERY_S + 1)
        assert tips(world) == [20_000, 20_000, 90_000]
        await exact(bot, world)


async def test_a_protected_order_whose_bundles_vanish_waits_and_takes_no_other_route(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await a_token(world, bot)
        world.chain.set_fault("bundle-drop", for_s=3_600)
        await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED))
        with trio.fail_after(200):
            while await world.store.in_flight():
                await trio.sleep(1)
        [attempt] = world.store._attempts.values()
        assert attempt.state is AttemptState.EXPIRED
        assert (await world.store.day(0)).buys == 0


async def test_the_same_bytes_take_every_route_after_twenty_slots_where_their_user_wants_it(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await a_token(world, bot)
        world.chain.set_fault("bundle-drop", for_s=3_600)
        began_ms = bot.adapters.clock.now_ms()
        await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED_FIRST))
        await bought(world, 1, within_s=30)
        assert bot.adapters.clock.now_ms() - began_ms >= PROTECTED_MS
        assert len(world.store._attempts) == 1, "nothing was signed again"


async def test_while_no_engine_answers_protected_buys_are_refused_and_open_ones_go_on(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        mint = await a_token(world, bot)
        world.chain.set_fault("engine-down", for_s=60)
        await until(lambda: bot.adapters.chain.tip_account(mint) is None, within_s=30)
        refused = await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED))
        assert isinstance(refused, Refused)
        assert refused.code == "no_engine"
        assert isinstance(await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED_FIRST, "b")), Submitted)
        await bought(world, 1, within_s=5)
        assert tips(world) == [], "what goes by every route tips nobody"
        await until(lambda: any("No block engine answers" in line for line in world.alerts), within_s=30)
        assert bot.guard.state == "OPEN"
        await until(lambda: any("answers again" in line for line in world.alerts), within_s=90)
        await bot.desk.submit(buying(user, wallet, mint, Protection.PROTECTED, "c"))
        await bought(world, 2)
