"""The launch stream over several endpoints in virtual time: lost, silent and refusing ones, and what is told twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.launch_stream import REMEMBERED, PumpLaunchStream
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import InProcessSubscriptions
from tests.chain.chain_scenario import EPOCH_MS, virtual_world
from tests.chain.test_chain_events import DATA, PUMP, TRADE

SLOT = Notification("slotNotification", msgspec.Raw(b'{"slot":7}'))
Step = float | Notification | ChainUnavailable


def trade(signature: str, events: int = 1) -> Notification:
    lines = [f"Program {PUMP} invoke [1]", *[DATA] * events, f"Program {PUMP} success"]
    return _logs(signature, lines)


def _logs(signature: str, lines: list[str]) -> Notification:
    value = {"context": {"slot": 9}, "value": {"signature": signature, "err": None, "logs": lines}}
    return Notification("logsNotification", msgspec.Raw(msgspec.json.encode(value)))


class Scripts:
    """An endpoint's subscriptions, one script for each connection in turn; refuses to connect when none is left."""

    def __init__(self, name: str, *scripts: Sequence[Step]) -> None:
        self.name = name
        self.connections = 0
        self._scripts = scripts

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        await trio.lowlevel.checkpoint()
        self.connections += 1
        if self.connections > len(self._scripts):
            raise ChainUnavailable(f"{self.name}: refused")
        opened()
        for step in self._scripts[self.connections - 1]:
            if isinstance(step, Notification):
                await deliver(step)
            elif isinstance(step, ChainUnavailable):
                raise step
            else:
                await trio.sleep(step)
        await trio.sleep_forever()


async def _no_transaction(signature: str) -> None:
    await trio.lowlevel.checkpoint()


def _stream(*sources: Scripts, fetch: Callable[[str], Awaitable[Any]] = _no_transaction) -> PumpLaunchStream:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    return PumpLaunchStream(sources, fetch, clock)


async def _until_lost(stream: PumpLaunchStream) -> tuple[list[str], str]:
    seen: list[str] = []
    with pytest.raises(ChainUnavailable) as raised:
        async with stream.events() as events:
            while True:
                seen.append((await anext(events)).signature)
    return seen, str(raised.value)


LOST = ChainUnavailable("lost")


async def test_the_next_endpoint_goes_on_where_one_was_lost(autojump_clock: MockClock) -> None:
    first, second = Scripts("a:2", [trade("1"), LOST]), Scripts("b:2", [trade("2")])
    stream = _stream(first, second)
    seen, told = await _until_lost(stream)
    assert seen == ["1", "2"]
    assert (first.connections, second.connections) == (2, 1)
    assert "b:2: nothing heard" in told
    assert "a:2: refused" in told


async def test_a_silent_endpoint_is_left_for_the_next(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2", [trade("1")]), Scripts("b:2", [trade("2")]))
    async with stream.events() as events:
        assert (await anext(events)).signature == "1"
        assert (await anext(events)).signature == "2"
        assert stream.source == "b:2"
    assert stream.statistics().switches == 1


async def test_an_endpoint_that_refuses_at_the_start_is_passed_over(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2"), Scripts("b:2", [trade("2")]))
    async with stream.events() as events:
        assert (await anext(events)).signature == "2"


async def test_the_door_tells_of_everybody_when_nobody_can_be_followed(autojump_clock: MockClock) -> None:
    with pytest.raises(ChainUnavailable, match=r"a:2: refused; b:2: refused"):
        async with _stream(Scripts("a:2"), Scripts("b:2")).events():
            raise AssertionError("the block was entered")


async def test_endpoints_that_open_and_say_nothing_are_not_tried_for_ever(autojump_clock: MockClock) -> None:
    first, second = Scripts("a:2", *[[LOST]] * 9), Scripts("b:2", *[[LOST]] * 9)
    _, told = await _until_lost(_stream(first, second))
    assert told == "lost; lost"
    assert (first.connections, second.connections) == (1, 1)


async def test_what_both_connections_tell_is_handed_on_once(autojump_clock: MockClock) -> None:
    first = Scripts("a:2", [trade("1"), trade("2", events=2), LOST])
    second = Scripts("b:2", [trade("2", events=3), trade("1"), trade("3")])
    stream = _stream(first, second)
    seen, _ = await _until_lost(stream)
    assert seen == ["1", "2", "2", "2", "3"]
    assert stream.statistics().repeated == 3


async def test_the_same_connection_may_tell_of_a_transaction_again(autojump_clock: MockClock) -> None:
    seen, _ = await _until_lost(_stream(Scripts("a:2", [trade("1"), trade("1")]), Scripts("b:2")))
    assert seen == ["1", "1"]


async def test_a_reopened_block_remembers_what_the_last_one_told(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2", [trade("1"), LOST], [trade("1"), trade("2")]))
    assert (await _until_lost(stream))[0] == ["1"]
    assert (await _until_lost(stream))[0] == ["2"]


async def test_what_is_remembered_is_bounded(autojump_clock: MockClock) -> None:
    flood = [trade(str(number)) for number in range(REMEMBERED + 1)]
    stream = _stream(Scripts("a:2", [*flood, LOST]), Scripts("b:2", [trade("0"), trade(str(REMEMBERED))]))
    seen: list[str] = []
    async with stream.events() as events:
        while len(seen) < REMEMBERED + 2:
            seen.append((await anext(events)).signature)
    assert seen[-1] == "0"
    assert len(stream._told._by_signature) == REMEMBERED


async def test_a_cut_log_that_is_read_after_a_switch_repeats_nothing(autojump_clock: MockClock) -> None:
    async def fetch(signature: str) -> tuple[bytes, ...]:
        await trio.sleep(1)
        return (TRADE,)

    cut = _logs("1", [f"Program {PUMP} invoke [1]", "Log truncated"])
    stream = _stream(Scripts("a:2", [cut, LOST]), Scripts("b:2", [trade("1"), 2.5, SLOT]), fetch=fetch)
    seen, _ = await _until_lost(stream)
    assert seen == ["1"]
    assert stream.statistics().repeated == 1


async def test_a_dropped_stream_of_one_endpoint_of_two_is_not_noticed_by_the_reader(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=33, endpoints=2)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        sources = [InProcessSubscriptions(net, endpoint) for endpoint in range(2)]
        stream = PumpLaunchStream(sources, world.chain.events_of, clock)
        creator = await world.funded()
        with trio.fail_after(60):
            async with stream.events() as events:
                first = await world.launched(creator)
                assert (await anext(events)).mint == first
                net.set_fault("stream-drop", for_s=30, endpoint="rpc-1")
                second = await world.launched(creator)
                assert (await anext(events)).mint == second
    assert stream.statistics().switches == 1
