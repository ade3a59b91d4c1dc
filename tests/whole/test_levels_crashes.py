"""A crash loop of one actor stays that actor's: nobody else restarts, no level changes, and what it watched is watched."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import TrackedWallet
from bot.trading.limits import UserSettings
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.outages import crash_until_given_up, incarnations
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot, until

SNIPES = UserSettings(snipe_enabled=True, max_hold_s=None)
STOPS = UserSettings(take_profit_bps=None, stop_loss_bps=1_000, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10


def restarted(before: dict[str, int], bot: TradingBot) -> set[str]:
    """The paths that were started again since then; what has ended by itself is not among them."""
    return {path for path, count in incarnations(bot).items() if count > before.get(path, 1)}


async def alone_gives_up(bot: TradingBot, supervisor: tuple[str, str], child_id: str) -> None:
    """Crash one child until it is quarantined; everybody else is still in the same incarnation, and trading is open."""
    path = "/".join(["root", *supervisor, child_id])
    before, changes = incarnations(bot), len(bot.guard.history)
    await crash_until_given_up(bot.supervisor(*supervisor), child_id)
    await trio.sleep(5)
    assert restarted(before, bot) == {path}
    assert (bot.guard.state, bot.guard.level, len(bot.guard.history)) == (State.OPEN, 1, changes)


async def test_a_sniper_that_keeps_crashing_is_given_up_alone(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", SNIPES)
    await world.user("demo-2", SNIPES)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await alone_gives_up(bot, ("hunt", "snipers"), user.id)
    assert any(user.id in line and "runbooks/quarantined.md" in line for line in world.alerts)


async def test_a_scanner_that_keeps_crashing_is_given_up_alone(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", STOPS)
    _, followed = await world.user("demo-2", STOPS)
    for address in (wallet.address, followed.address):
        await world.store.track(TrackedWallet(user.id, address, "", 0))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await alone_gives_up(bot, ("hunt", "wallet_scanners"), followed.address)


async def lose_a_monitor(world: World, bot: TradingBot, crowd: Crowd) -> tuple[str, str]:
    """Two users with a position in one token, one of whom loses his monitor: its position and the token."""
    crowd.buy(mint := crowd.launch(), 7, 5 * LAMPORTS_PER_SOL)
    await trio.sleep(2)
    for number in (1, 2):
        user, wallet = await world.user(f"demo-{number}", STOPS if number == 1 else replace(STOPS, stop_loss_bps=None))
        await bot.desk.submit(order(user, wallet, mint, key=f"buy-{number}", spend_lamports=TENTH))
        await bought(world, number)
    positions = await world.store.open_positions((await world.store.users())[0].id)
    await until(lambda: len(bot.looks) == 2, within_s=5)
    await alone_gives_up(bot, ("money", "position_monitors"), positions[0].id)
    return positions[0].id, mint


async def test_a_position_whose_monitor_keeps_crashing_passes_to_the_fallback_and_keeps_its_stop_loss(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        position_id, mint = await lose_a_monitor(world, bot, crowd)
        assert bot.fallback.watched == {position_id}
        assert any(position_id in line and "fallback" in line for line in world.alerts)
        crowd.sell_all(mint, 7)
        await closed(world, 1)
        position = await world.store.position(position_id)
        assert position is not None
        assert position.state == "closed"
        await until(lambda: any("stop-loss" in line for line in world.told), within_s=10)
        assert any("is out of order" in line for line in world.told)
        assert len(await world.store.open_positions()) == 1
        assert await world.books_equal_chain()
        await until(lambda: bot.fallback.watched == set(), within_s=5)


async def test_the_sale_of_the_fallback_climbs_the_same_ladder_as_a_monitors(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        position_id, mint = await lose_a_monitor(world, bot, crowd)
        crowd.sell_all(mint, 7)
        world.chain.step()
        world.chain.set_fault("drop-tx", for_s=8)
        await closed(world, 1)
        sales = {row.id for row in world.store._intents.values() if row.request.position_id == position_id}
        signed = [row for row in world.store._attempts.values() if row.intent_id in sales]
        assert len(sales) == 1
        assert len(signed) >= 2
        assert [row.fee_lamports for row in signed] == sorted({row.fee_lamports for row in signed})
        assert signed[-1].limit_raw < signed[0].limit_raw
        assert await world.books_equal_chain()


async def test_a_position_that_nobody_can_judge_is_told_of_and_takes_no_other_with_it(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        position_id, _ = await lose_a_monitor(world, bot, crowd)
        before = incarnations(bot)
        (position,) = [row for row in await world.store.open_positions() if row.id == position_id]
        world.database.broken = {"settings"}
        crowd.sell_all(position.mint, 7)
        await until(lambda: any("watched by nobody" in line for line in world.alerts), within_s=10)
        await trio.sleep(60)
        assert sum("watched by nobody" in line for line in world.alerts) == 1
        assert restarted(before, bot) == set()
        assert bot.guard.level == 1
        world.database.broken = set()
        await closed(world, 1)
