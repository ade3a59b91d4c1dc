"""Hints about followed wallets from an enhanced stream: the scanner looks sooner, and believes nothing but the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.wallet_hints import EnhancedHints
from bot.localnet.addresses import LAUNCHPAD_PROGRAM
from bot.trading.units import LAMPORTS_PER_SOL
from tests.chain.chain_doubles import InProcessSubscriptions, in_process_slot
from tests.scanner.scanner_world import FRIEND, LEADER, Scanners, ScannerWorld, scanner_world, scanners

TENTH = LAMPORTS_PER_SOL // 10


@asynccontextmanager
async def hinted(world: ScannerWorld, life: Scanners) -> AsyncIterator[EnhancedHints]:
    hints = EnhancedHints(InProcessSubscriptions(world.chain), in_process_slot(world.chain), silence_s=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hints.follow, life.followed)
        yield hints
        nursery.cancel_scope.cancel()


async def test_a_hint_makes_the_scanner_look_long_before_its_turn(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life, hinted(world, life) as hints:
        scanner = await life.follow()
        await life.follow(FRIEND)
        hints.want([world.address(LEADER)])
        await trio.sleep(2)
        world.door.asked.clear()
        mint = await world.buys(TENTH)
        assert [signal.mint for signal in await world.recorded(1, within_s=5)] == [mint]
        assert not scanner.is_told
        assert world.door.asked.count("getTransaction") == 1
        health = hints.health()
        assert (health.name, health.calls_up, health.told, health.is_believed) == ("helius", 1, 1, False)
        await world.buys(TENTH, FRIEND)
        assert await world.signals(FRIEND) == []
        hints.want([world.address(LEADER), world.address(FRIEND)])
        await trio.sleep(3)
        await world.buys(TENTH, FRIEND)
        await trio.sleep(2)
        assert len(await world.signals(FRIEND)) == 2


async def test_a_hint_of_what_never_was_records_nothing(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life:
        scanner = await life.follow()
        life.followed.hinted(scanner.address, "5" * 88)
        life.followed.hinted(world.address(FRIEND), "5" * 88)
        await trio.sleep(60)
        assert await world.signals() == []
        assert "getTransaction" not in world.door.asked
        assert scanner.look.unread == 0


async def test_a_stream_that_is_away_or_silent_is_opened_again_and_says_so(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life, hinted(world, life) as hints:
        await life.follow()
        hints.want([world.address(LEADER)])
        await trio.sleep(2)
        world.chain.set_fault("stream-silent", for_s=10)
        await trio.sleep(8)
        assert hints.health().calls_up == 0
        assert "nothing heard" in hints.health().detail
        await trio.sleep(20)
        assert hints.health().calls_up == 1
        await world.buys(TENTH)
        await world.recorded(1, within_s=5)
        hints.want([])
        await trio.sleep(3)
        assert hints.health().calls == 0


async def test_what_cannot_be_read_is_counted_and_both_places_of_the_accounts_are_read(
    autojump_clock: MockClock,
) -> None:
    async with scanner_world() as world, scanners(world, poll_s=3_600) as life:
        scanner = await life.follow()
        hints = EnhancedHints(InProcessSubscriptions(world.chain), in_process_slot(world.chain), silence_s=2)
        hints.want([scanner.address])
        keys = [{"pubkey": scanner.address, "signer": True}]
        for wrong in (b"{}", b'{"signature": 1}', b"[]"):
            hints._hint(msgspec.Raw(wrong), life.followed)
        assert hints.health().lost == 3
        for number, body in enumerate(({"accountKeys": keys}, {"message": {"accountKeys": keys}})):
            told = {"signature": str(number), "transaction": {"transaction": body}}
            hints._hint(msgspec.Raw(msgspec.json.encode(told)), life.followed)
        assert list(scanner._hints) == ["0", "1"]


async def test_the_stand_in_filters_as_it_is_asked(autojump_clock: MockClock) -> None:
    async with scanner_world() as world:
        stream = world.chain.open_stream()
        leader, friend, program = world.address(LEADER), world.address(FRIEND), str(LAUNCHPAD_PROGRAM)
        confirmed = {"commitment": "confirmed"}
        numbers = [
            stream.request("transactionSubscribe", [one, {**confirmed, "transactionDetails": details}])
            for one, details in (
                ({"accountInclude": [leader], "failed": False}, "accounts"),
                ({"accountInclude": [leader, friend], "accountRequired": [program]}, "signatures"),
                ({"accountInclude": [leader], "accountExclude": [program]}, "none"),
            )
        ]
        mint = await world.buys(TENTH)
        world.fails_to_sell(mint)
        await world.settle()
        heard = []
        while (message := stream.receive_nowait()) is not None:
            assert message["method"] == "transactionNotification"
            heard.append(message["params"])
        assert [one["subscription"] for one in heard] == [numbers[0], numbers[1], numbers[1]]
        keys = [one["pubkey"] for one in heard[0]["result"]["transaction"]["transaction"]["accountKeys"]]
        assert keys[0] == leader
        assert set(heard[1]["result"]) == {"signature", "slot"}
        for wrong in ([None], [{"accountInclude": "x"}], [{}, {"transactionDetails": "full"}]):
            with pytest.raises(ValueError, match="Invalid params"):
                stream.request("transactionSubscribe", wrong)
