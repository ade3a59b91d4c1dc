"""What the bot says of itself to systemd: one line, whether it has booted, and what has stopped making progress."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from actors.runtime import Actor, ChildSpec, Context, loop_watchdog
from bot.liveness import MESSAGE_AGE_MAX_S, has_booted, hung, log_loop_stall, status_line, watched
from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.trading_state import Halt
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, living_bot, make_world, open_for_entries, running_bot, until

STALL_S = 0.02
GREEN_S = 3600.0  # virtual time runs away from the watchdog's real clock; here only mailboxes are looked at


class Stuck(Actor[None, str]):
    """Never finishes its first message."""

    async def handle(self, ctx: Context, state: None, message: str) -> None:
        await trio.sleep_forever()


def block_until(condition: Callable[[], bool]) -> None:
    give_up_at_s = time.monotonic() + 10
    while not condition() and time.monotonic() < give_up_at_s:
        time.sleep(0.001)


async def test_line_tells_state_level_causes_and_positions(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert status_line(bot) == "OPEN, level 1; positions watched: 0"
        bot.guard.pause("panic", by="u", why="by his own command", scope="user:u")
        assert status_line(bot) == "OPEN, level 1; 1 user paused; positions watched: 0"
        bot.guard.resume("panic", scope="user:u")
        bot.guard.pause("rpc", by="rpc watch", why="no answer")
        assert status_line(bot) == "PAUSED, level 2; paused by rpc; positions watched: 0"
        bot.guard.latch(Halt("rpc", world.clock.now_ms(), "rpc watch", "away for too long"))
        assert status_line(bot) == "FLATTENING, level 3; halted by rpc; paused by rpc; positions watched: 0"


async def test_boot_is_over_when_the_books_are_compared(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", UserSettings())
    async with running_bot(world) as bot:
        await until(lambda: has_booted(bot), within_s=10)
        assert bot.reconciler.reconciled


async def test_boot_does_not_wait_for_a_chain_that_is_away(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", UserSettings())
    world.chain.set_fault("rpc-down", for_s=600)
    async with running_bot(world) as bot:
        assert not has_booted(bot)
        await until(lambda: has_booted(bot), within_s=20)
        assert not bot.reconciler.reconciled
        assert status_line(bot) == "PAUSED, level 2; paused by stream, rpc; 1 user paused; positions watched: 0"


async def test_whoever_takes_over_waits_for_no_order_on_its_way_and_counts_no_position_that_nobody_has(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", UserSettings(max_hold_s=3_600))
    crowd = Crowd(world.chain)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world) as bot:
            await open_for_entries(bot)
            mint = crowd.launch()
            await trio.sleep(1)
            await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
            await bought(world, 1)
            assert watched(bot) == 1
            world.chain.set_fault("drop-tx", for_s=600)
            await bot.desk.submit(order(user, wallet, mint, key="half", share_bps=5_000))
            await until(lambda: len(bot.in_flight.all()) == 1, within_s=5)
        async with living_bot(world) as bot:
            await until(lambda: watched(bot) == 1, within_s=5)
            assert not bot.reconciler.reconciled, "the order may be on its way for minutes"
            [(position, look)] = bot.looks.items()
            del bot.looks[position]
            await until(lambda: watched(bot) is None, within_s=5)
            bot.looks[position] = look
            await until(lambda: watched(bot) == 1, within_s=5)
        nursery.cancel_scope.cancel()


async def test_actor_with_one_message_for_too_long_is_named_and_an_idle_one_is_not(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with loop_watchdog(GREEN_S, world.reports.append) as loop, running_bot(world) as bot:
        await open_for_entries(bot)
        snipers = bot.supervisor("hunt", "snipers")
        for name in ("idle", "stuck"):
            await snipers.start_child(ChildSpec(name, Stuck()))
        snipers.ref("stuck").tell("a look")
        await trio.sleep(MESSAGE_AGE_MAX_S - 1)
        assert hung(bot, loop) == []
        await trio.sleep(2)
        assert hung(bot, loop) == ["root/hunt/snipers/stuck"]


async def test_stack_of_a_blocked_loop_is_in_the_log_while_it_is_blocked() -> None:
    with capture_logs() as logs, trio.fail_after(10):
        async with loop_watchdog(STALL_S, lambda _: None, log_loop_stall) as loop:
            await trio.sleep(STALL_S)
            before = len(logs)  # a machine that stood still meanwhile is told of as well
            block_until(lambda: len(logs) > before)
            assert not loop.statistics().is_green
    stalled = logs[before]
    assert stalled["event"] == "loop_stalled"
    assert stalled["log_level"] == "error"
    assert "block_until" in stalled["stack"]
    assert stalled["lag_s"] >= STALL_S / 2
