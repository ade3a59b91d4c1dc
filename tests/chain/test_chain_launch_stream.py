"""The launch stream when the connection is silent, lost, late or cut, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch
from tests.chain.chain_doubles import InProcessSubscriptions
from tests.chain.chain_scenario import EPOCH_MS, SOL, launch_stream, virtual_world
from tests.chain.test_chain_events import DATA, PUMP


def _slot(number: int) -> Notification:
    return Notification("slotNotification", msgspec.Raw(b'{"slot":%d}' % number))


SLOT = _slot(7)


def _logs(*lines: str, err: Any = None) -> Notification:
    value = {"context": {"slot": 9}, "value": {"signature": "sig", "err": err, "logs": lines}}
    return Notification("logsNotification", msgspec.Raw(msgspec.json.encode(value)))


TRADE = _logs(f"Program {PUMP} invoke [1]", DATA, f"Program {PUMP} success")


class Script:
    """The other end of a subscription: seconds to wait and notifications to send, in turn; silence afterwards."""

    name = "a:2"

    def __init__(self, *steps: float | Notification | ChainUnavailable) -> None:
        self._steps = steps

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        opened()
        for step in self._steps:
            if isinstance(step, Notification):
                await deliver(step)
            elif isinstance(step, ChainUnavailable):
                raise step
            else:
                await trio.sleep(step)
        await trio.sleep_forever()


async def _no_transaction(signature: str) -> None:
    await trio.lowlevel.checkpoint()


async def _nothing_since(signature: str) -> list[tuple[str, int]]:
    await trio.lowlevel.checkpoint()
    return []


def _stream(*steps: Any) -> PumpLaunchStream:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    return PumpLaunchStream(Script(*steps), _no_transaction, _nothing_since, clock, silence_s=10)


async def _until_lost(stream: PumpLaunchStream) -> tuple[list[LaunchpadEvent], str]:
    seen: list[LaunchpadEvent] = []
    async with stream.events() as events:
        with pytest.raises(ChainUnavailable) as raised:
            while True:
                seen.append(await anext(events))
    return seen, str(raised.value)


async def test_silence_means_that_the_connection_is_dead(autojump_clock: MockClock) -> None:
    started = trio.current_time()
    seen, told = await _until_lost(_stream(TRADE))
    assert len(seen) == 1
    assert told == "a:2: nothing heard for 10 s, not even a new slot"
    assert trio.current_time() - started == 10


async def test_a_slot_that_is_told_again_and_again_is_no_sign_of_life(autojump_clock: MockClock) -> None:
    started = trio.current_time()
    seen, told = await _until_lost(_stream(SLOT, TRADE, *[1, SLOT, 1, TRADE] * 20))
    assert len(seen) >= 1
    assert told == "a:2: nothing heard for 10 s, not even a new slot"
    assert trio.current_time() - started == 10


async def test_a_stream_that_is_opened_again_and_repeats_itself_does_not_count_as_open(
    autojump_clock: MockClock,
) -> None:
    stream = _stream(SLOT, 1, SLOT)
    await _until_lost(stream)
    with pytest.raises(ChainUnavailable, match="not even a new slot"):
        async with stream.events():
            raise AssertionError("the block was entered")


async def test_slots_are_a_sign_of_life(autojump_clock: MockClock) -> None:
    stream = _stream(9, _slot(6), 9, SLOT, 9, TRADE)
    started = trio.current_time()
    seen, _ = await _until_lost(stream)
    assert len(seen) == 1
    assert trio.current_time() - started == 37
    assert stream.statistics().last_slot == 7


async def test_what_ended_the_connection_is_told_behind_the_events_before_it(autojump_clock: MockClock) -> None:
    seen, told = await _until_lost(_stream(TRADE, TRADE, ChainUnavailable("a:2: gone")))
    assert (len(seen), told) == (2, "a:2: gone")


async def test_a_connection_that_never_stands_is_told_at_the_door(autojump_clock: MockClock) -> None:
    class Refusing(Script):
        async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
            await trio.lowlevel.checkpoint()
            raise ChainUnavailable("a:2: refused")

    stream = PumpLaunchStream(Refusing(), _no_transaction, _nothing_since, _stream()._clock)
    with pytest.raises(ChainUnavailable, match="refused"):
        async with stream.events():
            raise AssertionError("the block was entered")


async def test_the_blocks_own_error_comes_out_as_it_is(autojump_clock: MockClock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with _stream(TRADE).events() as events:
            await anext(events)
            raise ZeroDivisionError


async def test_leaving_the_block_ends_the_subscription(autojump_clock: MockClock) -> None:
    stream = _stream(TRADE, 1, TRADE)
    async with stream.events() as events:
        await anext(events)
    assert stream.statistics().events == 1


async def test_a_slow_consumer_is_not_silence(autojump_clock: MockClock) -> None:
    steps = [TRADE] * 5_000
    stream = _stream(*steps, SLOT)
    async with stream.events() as events:
        await trio.sleep(60)
        seen = 0
        async for _ in events:
            seen += 1
            if seen == len(steps):
                break
    assert stream.statistics().events == len(steps)


async def test_logs_that_cannot_be_read_are_counted_and_passed_over(autojump_clock: MockClock) -> None:
    broken = _logs(f"Program {PUMP} success")
    stream = _stream(broken, TRADE, _logs(DATA, err={"InstructionError": [0, "x"]}))
    seen, _ = await _until_lost(stream)
    assert len(seen) == 1
    statistics = stream.statistics()
    assert (statistics.transactions, statistics.lost, statistics.failed_transactions) == (3, 1, 1)


async def test_a_notification_of_another_shape_ends_the_stream(autojump_clock: MockClock) -> None:
    _, told = await _until_lost(_stream(1, SLOT, Notification("logsNotification", msgspec.Raw(b'{"no":1}'))))
    assert told == "a:2: a notification of another shape"


async def test_a_cut_log_that_nobody_can_look_up_is_lost_and_counted(autojump_clock: MockClock) -> None:
    stream = _stream(_logs(f"Program {PUMP} invoke [1]", "Log truncated"))
    seen, _ = await _until_lost(stream)
    assert (seen, stream.statistics().cut, stream.statistics().lost) == ([], 1, 1)


class Cutting(InProcessSubscriptions):
    """A node that cuts every log after its first line, as nodes do with long ones."""

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        async def cut(notification: Notification) -> None:
            if notification.method == "logsNotification":
                result = msgspec.json.decode(notification.result)
                result["value"]["logs"] = [*result["value"]["logs"][:1], "Log truncated"]
                notification = Notification(notification.method, msgspec.Raw(msgspec.json.encode(result)))
            await deliver(notification)

        await super().follow(wanted, cut, opened)


async def test_cut_logs_are_completed_from_their_transactions(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        stream = launch_stream(Cutting(net), world.chain, clock)
        trader, creator = await world.funded(), await world.funded()
        async with stream.events() as events:
            mint = await world.launched(creator)
            launch = await _next(events)
            await world.landed(trader, await world.buy_order(trader, mint, SOL))
            trade = await _next(events)
    assert isinstance(launch, TokenLaunch)
    assert isinstance(trade, CurveTrade)
    assert (launch.mint, trade.mint, trade.trader) == (mint, mint, str(trader.pubkey()))
    assert (stream.statistics().cut, stream.statistics().lost) == (2, 0)


async def _next(events: AsyncIterator[LaunchpadEvent]) -> LaunchpadEvent:
    with trio.fail_after(60):
        return await anext(events)


async def test_an_outage_of_the_cluster_ends_the_stream_and_the_next_one_stands(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=32)
    async with virtual_world(net) as world:
        async with world.stream.events() as events:
            net.set_fault("rpc-down", for_s=5)
            with pytest.raises(ChainUnavailable):
                await anext(events)
        with pytest.raises(ChainUnavailable):
            async with world.stream.events():
                raise AssertionError("the block was entered")
        await trio.sleep(6)
        creator = await world.funded()
        async with world.stream.events() as events:
            mint = await world.launched(creator)
            assert (await _next(events)).mint == mint
