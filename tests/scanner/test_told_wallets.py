"""Followed wallets that a stream of confirmed transactions tells of: nothing is asked for what it told, and nothing is lost."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

import actors.wallet_scanner as module
from bot.execution.scan_schedule import ScanRule
from bot.ports import WalletTold
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from tests.scanner.scanner_world import FRIEND, LEADER, scanner_world, scanners

TENTH = LAMPORTS_PER_SOL // 10


async def test_what_the_stream_tells_is_recorded_and_nobody_is_asked(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        life.schedule.rule = ScanRule(least_s=1, told_least_s=100)
        scanner = await life.follow()
        await life.told(LEADER)
        world.door.asked.clear()
        mint = await world.buys(TENTH)
        world.crowd.sell_all(mint, LEADER)
        bought, sold = await world.recorded(2, within_s=5)
        assert (bought.side, sold.side, bought.mint, sold.mint) == (Side.BUY, Side.SELL, mint, mint)
        assert bought.block_time_s > 0
        await trio.sleep(30)
        assert world.door.asked == []
        cursor = await world.store.cursor(world.address(LEADER))
        assert cursor is not None
        assert cursor.signature == sold.signature
        scanner.hint(bought.signature)
        await trio.sleep(5)
        assert world.door.asked == []
        await trio.sleep(100)
        assert world.door.asked == ["getSignaturesForAddress"]
        assert len(await world.signals()) == 2
        assert world.reports == []


async def test_a_gap_is_read_back_by_the_signatures_of_those_wallets_alone(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600, per_call=1) as life:
        await life.follow()
        await life.follow(FRIEND)
        await life.told(LEADER, FRIEND)
        first = await world.buys(TENTH)
        world.door.asked.clear()
        world.chain.set_fault("stream-drop", for_s=15, endpoint="grpc")
        second = await world.buys(TENTH)
        await trio.sleep(12)
        assert life.followed.covered == {}
        await life.told(LEADER, FRIEND)
        third = await world.buys(TENTH)
        signals = await world.recorded(3)
        assert [signal.mint for signal in signals] == [first, second, third]
        assert sorted(world.door.asked) == ["getSignaturesForAddress"] * 2 + ["getTransaction"]


async def test_nothing_is_lost_or_doubled_through_restarts_and_outages(autojump_clock: MockClock) -> None:
    async with scanner_world() as world:
        async with scanners(world, poll_s=5) as life:
            await life.follow()
            await life.told(LEADER)
            await world.buys(TENTH)
            await world.recorded(1)
        await world.buys(TENTH)
        async with scanners(world, poll_s=5) as life:
            scanner = await life.follow()
            world.chain.set_fault("stream-drop", for_s=4, endpoint="grpc")
            await world.buys(TENTH)
            await life.told(LEADER)
            world.chain.set_fault("rpc-down", for_s=10, endpoint="rpc-1")
            await world.buys(TENTH)
            await world.recorded(4, within_s=5)
            assert scanner.look.trouble == ""
            await trio.sleep(20)
            assert len({signal.signature for signal in await world.signals()}) == 4


async def test_a_new_life_of_a_scanner_reads_what_was_told_while_it_was_away(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life:
        scanner = await life.follow()
        await life.told(LEADER)
        await life.supervisor.terminate_child(scanner.address, mode="stop")
        mint = await world.buys(TENTH)
        assert await world.signals() == []
        await life.follow()
        assert [signal.mint for signal in await world.recorded(1)] == [mint]
        await life.told(LEADER)


async def test_more_than_a_scanner_can_take_is_read_from_the_history(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLD_MAX", 0)
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life:
        await life.follow()
        await life.told(LEADER)
        mint = await world.buys(TENTH)
        assert [signal.mint for signal in await world.recorded(1)] == [mint]


async def test_a_transaction_that_was_told_and_could_not_be_read_is_asked_for(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life:
        scanner = await life.follow()
        mint = await world.buys(TENTH)
        [listed] = await world.history().transactions(scanner.address, limit=1)
        for _ in range(2):
            life.followed.told(WalletTold(scanner.address, listed.signature, listed.slot, (), unread="cut short"))
        assert [signal.mint for signal in await world.recorded(1, within_s=5)] == [mint]
        assert world.door.asked.count("getTransaction") == 1
