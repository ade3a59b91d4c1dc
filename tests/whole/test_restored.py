"""A bot whose books came out of a backup starts halted: nothing is bought, and nothing is sold for the restore's sake."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.execution.alerts import halted
from bot.localnet.inprocess import InProcessChain
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.trading.intent import Mode
from bot.trading.runbooks import BACKUP
from bot.trading.trading_state import RESTORED, Halt, State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.watching import unwatched
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import closed, make_world, open_for_entries, running_bot, until

WHY = "restored from the backup of 2026-11-22T07:31:52Z; look at bot status, then bot rearm"


async def test_positions_are_watched_and_kept_until_an_operator_rearms_and_a_user_may_still_panic(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", KEEPS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
    halt = Halt(RESTORED, world.clock.now_ms(), "operator", WHY)
    world.halt.keep(halt)
    held = len(await world.store.open_positions())
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        await until(lambda: len(bot.looks) == held, within_s=30)
        await trio.sleep(60)
        assert len(await world.store.open_positions()) == held
        assert unwatched(bot) == []
        assert any(f"Halted by restored ({WHY})" in told and BACKUP in told for told in world.alerts)
        assert not any("being sold" in told for told in world.alerts)
        await bot.panic(user.id)
        await closed(world, 1)
        assert not await world.store.open_positions(user.id)
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.halt is None and bot.guard.state is not State.HALTED, within_s=60)


async def test_a_buy_that_the_backup_has_on_its_way_is_not_handed_over_again(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.chain.set_fault("drop-tx", for_s=600)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot.desk.submit, order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 20))
            await until(lambda: bool(bot.in_flight.all()), within_s=20)
            nursery.cancel_scope.cancel()
    assert len(await world.store.in_flight()) == 1
    world.chain.cluster.all_faults.clear()
    world.halt.keep(Halt(RESTORED, world.clock.now_ms(), "operator", WHY))
    async with running_bot(world) as bot:
        await trio.sleep(120)  # longer than its bytes could land
        assert bot.guard.state is State.HALTED
        assert await world.store.open_positions() == []
        assert await world.store.in_flight() == []


async def test_books_that_could_not_be_compared_before_the_halt_was_taken_up_are_compared_in_it(
    autojump_clock: MockClock,
) -> None:
    """Who waits for that before he rearms sees it in status, and need not rearm to hear of it."""
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    world.halt.keep(Halt(RESTORED, world.clock.now_ms(), "operator", WHY))
    world.chain.set_fault("rpc-down", for_s=8)
    async with running_bot(world) as bot:
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        before = await board.status()
        assert not before["reconciled"]
        assert "books: not every wallet was compared with the chain since the start" in status_text(before)
        await trio.sleep(15)
        after = await board.status()
        assert (after["state"], after["reconciled"]) == ("HALTED", True)
        assert "books: every wallet was compared with the chain since the start" in status_text(after)
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.state is State.OPEN and not bot.guard.causes(), within_s=60)


def test_only_a_halt_by_a_restore_sells_nothing() -> None:
    assert not Halt(RESTORED, 1, "operator", WHY).sells
    assert Halt("rpc", 1, "rpc watch", "away").sells
    assert "every position is being sold" in halted(Halt("rpc", 1, "rpc watch", "away")).text
    assert "positions keep their own exits" in halted(Halt(RESTORED, 1, "operator", WHY)).text
