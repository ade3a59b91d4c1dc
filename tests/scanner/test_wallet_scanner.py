"""A followed wallet's swaps become signals once: live, after restarts and gaps, through outages and failures."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

import actors.wallet_scanner as module
from bot.ports import WalletCursor
from bot.trading.intent import Side
from bot.trading.leader_swap import LeaderSwap
from bot.trading.units import LAMPORTS_PER_SOL
from tests.scanner.scanner_world import FRIEND, LEADER, scanner_world, scanners

TENTH = LAMPORTS_PER_SOL // 10


async def test_each_swap_is_recorded_with_its_amounts(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world) as life:
        scanner = await life.follow()
        mint = world.crowd.launch()
        await world.settle()
        world.crowd.buy(mint, LEADER, TENTH)
        await world.settle()
        world.crowd.sell_all(mint, LEADER)
        bought, sold = await world.recorded(2)
        assert (bought.side, sold.side, bought.mint, sold.mint) == (Side.BUY, Side.SELL, mint, mint)
        assert bought.token_raw == sold.token_raw > 0
        assert bought.quote_lamports < TENTH
        assert 0 <= bought.quote_lamports - sold.quote_lamports <= 1
        assert bought.slot < sold.slot
        assert scanner.look.signals == 2
        assert world.reports == []


async def test_each_swap_is_handed_on_once_with_what_its_wallet_held_before(autojump_clock: MockClock) -> None:
    heard: list[LeaderSwap] = []
    async with scanner_world() as world:
        async with scanners(world) as life:
            life.swaps.listen(heard.append)
            await life.follow()
            mint = world.crowd.launch()
            await world.settle()
            world.crowd.buy(mint, LEADER, TENTH)
            await world.settle()
            world.crowd.sell_all(mint, LEADER)
            bought, sold = await world.recorded(2)
        async with scanners(world) as again:
            again.swaps.listen(heard.append)
            await again.follow()
    assert [(swap.side, swap.signature, swap.instruction) for swap in heard] == [
        (Side.BUY, bought.signature, 0),
        (Side.SELL, sold.signature, 0),
    ]
    assert [swap.held_before_raw for swap in heard] == [0, bought.token_raw]
    assert all(swap.seen_at_ms >= swap.block_time_s * 1000 > 0 for swap in heard)


async def test_what_a_wallet_did_before_it_was_followed_is_no_signal(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        await world.buys(TENTH)
        await life.follow()
        await trio.sleep(5)
        assert await world.signals() == []
        mint = await world.buys(TENTH)
        assert [signal.mint for signal in await world.recorded(1)] == [mint]


async def test_a_wallet_without_any_transaction_is_followed_from_its_first_one(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        mint = world.crowd.launch()
        stranger = 77
        world.crowd._funded.add(stranger)
        await life.follow(stranger)
        assert await world.store.cursor(world.address(stranger)) == WalletCursor(world.address(stranger), None, 0)
        world.crowd._funded.remove(stranger)
        await world.settle()
        world.crowd.buy(mint, stranger, TENTH)
        with trio.fail_after(30):
            while not await world.signals(stranger):
                await trio.sleep(0.1)


async def test_a_hint_of_the_stream_brings_the_signal_long_before_the_next_poll(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600, stream=True) as life:
        await life.follow()
        mint = world.crowd.launch()
        await world.settle()
        world.crowd.buy(mint, FRIEND, TENTH)
        world.crowd.buy(mint, LEADER, TENTH)
        await world.recorded(1, within_s=5)
        assert await world.signals(FRIEND) == []


async def test_without_a_stream_polling_finds_the_same(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=30) as life:
        await life.follow()
        mint = world.crowd.launch()
        await world.settle()
        world.crowd.buy(mint, LEADER, TENTH)
        await world.recorded(1, within_s=40)


async def test_a_restart_reads_what_happened_in_between_and_nothing_twice(autojump_clock: MockClock) -> None:
    async with scanner_world() as world:
        async with scanners(world, poll_s=1) as life:
            await life.follow()
            await world.buys(TENTH)
            await world.recorded(1)
        for _ in range(3):
            await world.buys(TENTH)
        async with scanners(world, poll_s=1) as life:
            await life.follow()
            signals = await world.recorded(4)
            assert len({signal.signature for signal in signals}) == 4
            await trio.sleep(5)
            assert len(await world.signals()) == 4


async def test_a_crash_between_signal_and_cursor_records_nothing_twice(autojump_clock: MockClock) -> None:
    async with scanner_world() as world:
        async with scanners(world, poll_s=1) as life:
            await life.follow()
            before = await world.store.cursor(world.address(LEADER))
            await world.buys(TENTH)
            await world.recorded(1)
        assert before is not None
        world.store._cursors[before.address] = before
        async with scanners(world, poll_s=1) as life:
            scanner = await life.follow()
            assert len(await world.signals()) == 1
            assert scanner.look.signals == 0


async def test_failed_transactions_are_no_signals(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        await life.follow()
        mint = world.crowd.launch()
        await world.settle()
        world.crowd.buy(mint, LEADER, TENTH)
        await world.recorded(1)
        world.fails_to_sell(mint)
        await trio.sleep(5)
        [listed] = await world.history().transactions(world.address(LEADER), limit=1)
        assert listed.failed
        assert [signal.side for signal in await world.signals()] == [Side.BUY]
        assert await world.store.cursor(world.address(LEADER)) == WalletCursor(
            world.address(LEADER), listed.signature, listed.slot
        )


async def test_an_outage_delays_signals_and_crashes_nothing(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        scanner = await life.follow()
        mint = world.crowd.launch()
        await world.settle()
        world.chain.set_fault("rpc-down", for_s=60)
        world.crowd.buy(mint, LEADER, TENTH)
        await trio.sleep(30)
        assert await world.signals() == []
        assert "down" in scanner.look.trouble
        await world.recorded(1, within_s=90)
        await trio.sleep(2)
        assert scanner.look.trouble == ""
        assert world.reports == []


async def test_two_scanners_share_nothing_but_the_chain(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        await life.follow()
        await life.follow(FRIEND)
        mint = world.crowd.launch()
        await world.settle()
        world.crowd.buy(mint, LEADER, TENTH)
        world.crowd.buy(mint, FRIEND, 2 * TENTH)
        await trio.sleep(5)
        [mine], [other] = await world.signals(), await world.signals(FRIEND)
        assert other.quote_lamports > mine.quote_lamports
        await life.supervisor.terminate_child(world.address(LEADER), mode="stop")
        assert list(life.followed.scanners) == [world.address(FRIEND)]


@pytest.mark.parametrize("swaps", [6, 8])
async def test_a_gap_beyond_the_bound_is_said_once_and_the_newest_part_is_read(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, swaps: int
) -> None:
    monkeypatch.setattr(module, "BACKLOG_MAX", 6)
    monkeypatch.setattr(module, "PAGE", 4)
    async with scanner_world() as world:
        async with scanners(world) as life:
            await life.follow()
        for _ in range(swaps):
            await world.buys(TENTH)
        every = await world.history().transactions(world.address(LEADER), limit=swaps)
        async with scanners(world, poll_s=1) as life:
            scanner = await life.follow()
            signals = await world.recorded(6)
            assert [signal.signature for signal in signals] == [one.signature for one in every[5::-1]]
            assert scanner.look.left_out_gaps == (swaps > 6)
        async with scanners(world, poll_s=1) as life:
            again = await life.follow()
            assert again.look.left_out_gaps == 0
            assert len(await world.signals()) == 6


async def test_a_cursor_that_no_node_knows_any_more_does_not_bring_the_past_back(autojump_clock: MockClock) -> None:
    async with scanner_world() as world:
        await world.buys(TENTH)
        address = world.address(LEADER)
        [newest] = await world.history().transactions(address, limit=1)
        unknown = str(world.crowd._trader(FRIEND).sign_message(b"rolled back"))
        await world.store.move_cursor(WalletCursor(address, unknown, newest.slot + 1))
        async with scanners(world, poll_s=1) as life:
            await life.follow()
            await trio.sleep(3)
            assert await world.signals() == []
            await world.buys(TENTH)
            assert len(await world.recorded(1)) == 1
