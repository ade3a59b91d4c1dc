"""The launch stream over several endpoints in virtual time: lost, silent and refusing ones, and what is told twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.named_transactions import Recorded
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.chain.told import REMEMBERED
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.ports import SourceLosses
from tests.chain.chain_doubles import InProcessSubscriptions
from tests.chain.chain_scenario import EPOCH_MS, virtual_world
from tests.chain.test_chain_events import DATA, PUMP, TRADE


def slot(number: int) -> Notification:
    return Notification("slotNotification", msgspec.Raw(b'{"slot":%d}' % number))


Step = float | Notification | ChainUnavailable


def trade(signature: str, events: int = 1, at_slot: int = 9) -> Notification:
    lines = [f"Program {PUMP} invoke [1]", *[DATA] * events, f"Program {PUMP} success"]
    return _logs(signature, lines, at_slot)


def _logs(signature: str, lines: list[str], at_slot: int = 9) -> Notification:
    value = {"context": {"slot": at_slot}, "value": {"signature": signature, "err": None, "logs": lines}}
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


async def _nothing_since(signature: str) -> list[tuple[str, int]]:
    await trio.lowlevel.checkpoint()
    return []


def _stream(
    *sources: Scripts,
    fetch: Callable[[str], Awaitable[Any]] = _no_transaction,
    since: Callable[[str], Awaitable[list[tuple[str, int]]]] = _nothing_since,
) -> PumpLaunchStream:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    return PumpLaunchStream(sources, fetch, since, clock)


async def _until_lost(stream: PumpLaunchStream) -> tuple[list[str], str]:
    seen: list[str] = []
    with pytest.raises(ChainUnavailable) as raised:
        async with stream.events() as events:
            while True:
                seen.append((await anext(events)).signature)
    return seen, str(raised.value)


LOST = ChainUnavailable("lost")


async def test_the_next_endpoint_goes_on_where_one_was_lost(autojump_clock: MockClock) -> None:
    first, second = Scripts("a:2", [trade("1"), LOST]), Scripts("b:2", [1.0, trade("2")])
    stream = _stream(first, second)
    seen, told = await _until_lost(stream)
    assert seen == ["1", "2"]
    assert second.connections >= 1
    assert "b:2: nothing heard" in told
    assert "refused" in told


async def test_a_silent_endpoint_is_left_for_the_next(autojump_clock: MockClock) -> None:
    talking = [step for number in range(10, 19) for step in (1.0, slot(number))]
    stream = _stream(Scripts("a:2", [trade("1")]), Scripts("b:2", [*talking, trade("2")]), Scripts("c:2", talking))
    started = trio.current_time()
    async with stream.events() as events:
        assert (await anext(events)).signature == "1"
        assert stream.source == "a:2, b:2"
        await trio.sleep(SILENCE_S + 0.1)
        assert stream.source == "b:2, c:2"
        assert (await anext(events)).signature == "2"
    assert trio.current_time() - started == 9
    assert stream.statistics().switches >= 1


async def test_an_endpoint_that_refuses_at_the_start_is_passed_over(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2"), Scripts("b:2", [trade("2")]))
    async with stream.events() as events:
        assert (await anext(events)).signature == "2"


async def test_the_door_tells_of_everybody_when_nobody_can_be_followed(autojump_clock: MockClock) -> None:
    with pytest.raises(ChainUnavailable, match=r"[ab]:2: refused; [ab]:2: refused"):
        async with _stream(Scripts("a:2"), Scripts("b:2")).events():
            raise AssertionError("the block was entered")


async def test_endpoints_that_open_and_say_nothing_are_not_tried_for_ever(autojump_clock: MockClock) -> None:
    first, second = Scripts("a:2", *[[LOST]] * 9), Scripts("b:2", *[[LOST]] * 9)
    _, told = await _until_lost(_stream(first, second))
    assert told == "lost; lost"
    assert (first.connections, second.connections) == (1, 1)


async def test_what_both_connections_tell_is_handed_on_once(autojump_clock: MockClock) -> None:
    first = Scripts("a:2", [trade("1"), trade("2", events=2), LOST])
    second = Scripts("b:2", [0.1, trade("2", events=3), trade("1"), trade("3")])
    stream = _stream(first, second)
    seen, _ = await _until_lost(stream)
    assert seen == ["1", "2", "2", "2", "3"]
    assert stream.statistics().repeated == 3


async def test_the_same_connection_may_tell_of_a_transaction_again(autojump_clock: MockClock) -> None:
    seen, _ = await _until_lost(_stream(Scripts("a:2", [trade("1"), trade("1")]), Scripts("b:2")))
    assert seen == ["1", "1"]


async def test_a_reopened_block_remembers_what_the_last_one_told(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2", [trade("1"), LOST], [trade("1"), trade("2", at_slot=10)]))
    assert (await _until_lost(stream))[0] == ["1"]
    assert (await _until_lost(stream))[0] == ["2"]


async def test_what_is_remembered_is_bounded(autojump_clock: MockClock) -> None:
    flood = [trade(str(number)) for number in range(REMEMBERED + 1)]
    stream = _stream(Scripts("a:2", [*flood, LOST]), Scripts("b:2", [1.0, trade("0"), trade(str(REMEMBERED))]))
    seen: list[str] = []
    async with stream.events() as events:
        while len(seen) < REMEMBERED + 2:
            seen.append((await anext(events)).signature)
    assert seen[-1] == "0"
    assert len(stream._told._by_signature) == REMEMBERED


async def test_a_cut_log_that_is_read_after_a_switch_repeats_nothing(autojump_clock: MockClock) -> None:
    async def fetch(signature: str) -> Recorded:
        await trio.sleep(1)
        return Recorded(9, (TRADE,))

    cut = _logs("1", [f"Program {PUMP} invoke [1]", "Log truncated"])
    stream = _stream(Scripts("a:2", [cut, LOST]), Scripts("b:2", [trade("1"), 1.8, slot(10)]), fetch=fetch)
    seen, _ = await _until_lost(stream)
    assert seen == ["1"]
    assert stream.statistics().repeated == 1


async def test_a_dropped_stream_of_one_endpoint_of_two_is_not_noticed_by_the_reader(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=33, endpoints=2)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        sources = [InProcessSubscriptions(net, endpoint) for endpoint in range(2)]
        stream = PumpLaunchStream(sources, world.chain.recorded, world.chain.signatures_since, clock)
        creator = await world.funded()
        with trio.fail_after(60):
            async with stream.events() as events:
                first = await world.launched(creator)
                assert (await anext(events)).mint == first
                net.set_fault("stream-drop", for_s=30, endpoint="rpc-1")
                second = await world.launched(creator)
                assert (await anext(events)).mint == second
    assert stream.statistics().switches >= 1


async def test_two_endpoints_are_raced_and_the_quicker_one_counts(autojump_clock: MockClock) -> None:
    slow = [step for number in range(4) for step in (0.3, trade(str(number)))]
    quick = [step for number in range(4) for step in (0.2, trade(str(number)))]
    stream = _stream(Scripts("a:2", slow), Scripts("b:2", quick))
    started = trio.current_time()
    async with stream.events() as events:
        seen = [(await anext(events)).signature for _ in range(4)]
        assert trio.current_time() - started == pytest.approx(0.8)
        await trio.sleep(1)
    assert seen == ["0", "1", "2", "3"]
    assert stream.statistics().repeated == 4


async def test_what_was_logged_while_nobody_was_followed_is_read_afterwards_once_and_in_order(
    autojump_clock: MockClock,
) -> None:
    asked: list[str] = []

    async def since(signature: str) -> list[tuple[str, int]]:
        await trio.lowlevel.checkpoint()
        asked.append(signature)
        return [("4", 12), ("3", 11), ("2", 10)]

    async def fetch(signature: str) -> Recorded:
        await trio.sleep(0.1)
        return Recorded(9, (TRADE,))

    stream = _stream(
        Scripts("a:2", [trade("1"), LOST], [trade("4", at_slot=12), 1.9, slot(13), 1.9]), fetch=fetch, since=since
    )
    assert (await _until_lost(stream))[0] == ["1"]
    assert sorted((await _until_lost(stream))[0]) == ["2", "3", "4"]
    assert asked == ["1"]
    assert stream.losses() == SourceLosses(gaps=1, repaired=2)


async def _trade_of(signature: str) -> Recorded:
    await trio.sleep(0.1)
    return Recorded(9, (TRADE,))


class History:
    """What the chain lists of slots 8 to 10, newest first, and who asks; for a while nobody answers."""

    def __init__(self, *listed: tuple[str, int], away_for: int = 0) -> None:
        self.asked: list[str] = []
        self._listed, self._away_for = listed, away_for

    async def since(self, signature: str) -> list[tuple[str, int]]:
        await trio.lowlevel.checkpoint()
        self.asked.append(signature)
        if len(self.asked) <= self._away_for:
            raise ChainUnavailable("nobody answers")
        names = [name for name, _ in self._listed]
        return list(self._listed[: names.index(signature) if signature in names else None])


async def test_what_stands_before_the_last_message_in_its_slot_is_found_when_all_fell_silent_there(
    autojump_clock: MockClock,
) -> None:
    """Slot 9 lists `launch` before `c`, which was done and told first, when both connections fell silent."""
    history = History(("d", 10), ("c", 9), ("launch", 9), ("b", 8), ("a", 6))
    told = [trade("a", at_slot=6), slot(7), trade("b", at_slot=8), trade("c", at_slot=9)]
    stream = _stream(
        Scripts("a:2", [*told, LOST], [2.0, slot(20), 1.9, slot(21), 1.9]),
        Scripts("b:2", [*told, LOST]),
        fetch=_trade_of,
        since=history.since,
    )
    seen: list[str] = []
    for _ in range(2):
        seen += (await _until_lost(stream))[0]
    assert set(history.asked) == {"a"}
    assert sorted(seen) == ["a", "b", "c", "d", "launch"]


async def test_a_gap_is_not_forgotten_because_all_connections_end_while_it_is_read(autojump_clock: MockClock) -> None:
    history = History(("z", 20), ("b", 9), ("a", 6))
    next_block = [trade("z", at_slot=20), slot(22), 0.5, LOST]
    scripts = [trade("a", at_slot=6), slot(8), LOST], next_block, [slot(30), 1.9, slot(31), 1.9]
    stream = _stream(Scripts("a:2", *scripts), fetch=_trade_of, since=history.since)
    seen = [(await _until_lost(stream))[0] for _ in scripts]
    assert seen == [["a"], ["z"], ["b"]]


async def test_a_gap_is_read_once_somebody_answers(autojump_clock: MockClock) -> None:
    history = History(("b", 9), ("a", 6), away_for=3)
    talking = [step for number in range(20, 26) for step in (slot(number), 1.9)]
    stream = _stream(
        Scripts("a:2", [trade("a", at_slot=6), slot(8), LOST], talking), fetch=_trade_of, since=history.since
    )
    seen = [(await _until_lost(stream))[0] for _ in range(2)]
    assert (seen, len(history.asked)) == ([["a"], ["b"]], 4)


async def test_who_was_opened_as_another_fell_silent_has_not_followed_for_it(autojump_clock: MockClock) -> None:
    """The connection that is left was opened within the slots that the lost one has not told whole."""
    history = History(("launch", 9), ("b", 9), ("a", 6))
    first = [trade("a", at_slot=6), slot(8), 1.0, trade("b", at_slot=9), 0.3, slot(10), LOST]
    second = [slot(8), 0.9, LOST], [slot(10), *[step for number in range(20, 26) for step in (1.9, slot(number))]]
    stream = _stream(Scripts("a:2", first), Scripts("b:2", *second), fetch=_trade_of, since=history.since)
    seen, _ = await _until_lost(stream)
    assert sorted(seen) == ["a", "b", "launch"]


async def test_a_loss_while_another_endpoint_is_followed_leaves_no_gap(autojump_clock: MockClock) -> None:
    stream = _stream(Scripts("a:2", [1.0, trade("1"), LOST]), Scripts("b:2", [trade("1"), 1.9, slot(10)]))
    await _until_lost(stream)
    assert stream.statistics().gaps == 0


async def test_a_stream_that_went_silent_under_a_market_loses_nothing(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=33, endpoints=2)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        source = InProcessSubscriptions(net, 1)
        stream = PumpLaunchStream(source, world.chain.recorded, world.chain.signatures_since, clock)
        creator = await world.funded()
        seen: list[str] = []

        async def read() -> None:
            while True:
                try:
                    async with stream.events() as events:
                        while True:
                            seen.append((await anext(events)).mint)
                except ChainUnavailable:
                    await trio.sleep(0.1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            launched = [await world.launched(creator)]
            net.set_fault("stale", for_s=6, endpoint="rpc-2")
            launched += [await world.launched(creator) for _ in range(4)]
            await trio.sleep(12)
            launched.append(await world.launched(creator))
            await trio.sleep(3)
            nursery.cancel_scope.cancel()
    assert sorted(seen) == sorted(launched)
    assert stream.statistics().gaps == 1


async def test_notifications_out_of_order_are_all_handed_on(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=33, endpoints=2)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        sources = [InProcessSubscriptions(net, endpoint) for endpoint in range(2)]
        stream = PumpLaunchStream(sources, world.chain.recorded, world.chain.signatures_since, clock)
        net.set_fault("reorder", for_s=600, endpoint="rpc-1")
        creator = await world.funded()
        with trio.fail_after(60):
            async with stream.events() as events:
                launched = [await world.launched(creator) for _ in range(5)]
                assert [(await anext(events)).mint for _ in launched] == launched
