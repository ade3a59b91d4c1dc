"""A Yellowstone Geyser stream: its wire format, its messages, and what the source makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain.geyser import (
    Ping,
    SlotTold,
    TransactionTold,
    decode_update,
    ping_request,
    subscribe_request,
)
from bot.chain.geyser_stream import Call, GeyserLaunches
from bot.chain.launch_sources import LaunchSources
from bot.chain.protobuf import bytes_field, fields, number_field, varint
from bot.chain.pumpfun import events_in_logs
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable, DecodeError
from bot.localnet.addresses import LAUNCHPAD_PROGRAM
from bot.localnet.geyser import Refusal
from bot.localnet.inprocess import GeyserStream, InProcessChain
from bot.ports import SourceLosses
from bot.trading.launch import StreamEvent, TokenLaunch
from tests.chain.chain_doubles import in_process_geyser, in_process_sources
from tests.chain.chain_scenario import EPOCH_MS, SOL, virtual_world
from tests.chain.test_chain_events import PUMP, TRADE
from tests.whole.crowd import Crowd

PROGRAM = str(LAUNCHPAD_PROGRAM)


def _clock() -> Any:
    return virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)


# ---------------------------------------------------------------------------------------------------- the wire format


def test_numbers_are_written_as_the_format_says() -> None:
    assert [varint(one).hex() for one in (0, 1, 127, 128, 300, 2**64 - 1)] == [
        "00",
        "01",
        "7f",
        "8001",
        "ac02",
        "ffffffffffffffffff01",
    ]
    assert list(fields(bytes.fromhex("089601") + bytes.fromhex("120774657374696e67"))) == [(1, 150), (2, b"testing")]
    assert list(fields(bytes.fromhex("0d01000000" + "110200000000000000"))) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    "wrong", ["08", "0a05aa", "00", "0b", "0c", "08" + "ff" * 11, "0d0000", "f8ffffffffffffffffff7f"]
)
def test_a_message_that_breaks_off_raises_the_decode_error(wrong: str) -> None:
    with pytest.raises(DecodeError):
        list(fields(bytes.fromhex(wrong)))


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1) | st.binary(max_size=40)), max_size=8))
def test_what_was_written_is_read_again(row: list[tuple[int, int | bytes]]) -> None:
    written = b"".join(
        number_field(number, value) if isinstance(value, int) else bytes_field(number, value) for number, value in row
    )
    assert list(fields(written)) == row


# ------------------------------------------------------------------------------------------------------------ messages


def _asked(net: InProcessChain, request: bytes) -> GeyserStream:
    stream = net.open_geyser()
    stream.send(request)
    return stream


async def _heard(stream: GeyserStream) -> list[bytes]:
    found = []
    with trio.move_on_after(0.01):
        while True:
            found.append(await stream.receive())
    return found


async def test_a_launch_and_its_trades_are_the_events_that_their_logs_tell(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    crowd, stream = Crowd(net), _asked(net, subscribe_request([PROGRAM], None))
    logs = net.open_stream()
    logs.request("logsSubscribe", [{"mentions": [PROGRAM]}, {"commitment": "processed"}])
    mint = crowd.launch()
    net.step()
    crowd.buy(mint, 2, SOL)
    net.step()
    crowd.sell_all(mint, 2)
    net.step()
    updates = [decode_update(one) for one in await _heard(stream)]
    told = [one for one in updates if isinstance(one, TransactionTold)]
    slots = [one.slot for one in updates if isinstance(one, SlotTold)]
    assert slots == sorted(slots)
    assert {one.slot for one in told} <= set(slots)
    for one in told:
        notification = logs.receive_nowait()
        assert notification is not None
        value = notification["params"]["result"]["value"]
        assert one.signature == value["signature"]
        assert one.payloads == events_in_logs(value["logs"]).payloads
        assert one.payloads
    assert len(told) == 3


async def test_failed_transactions_and_those_of_others_are_not_told(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    crowd, stream = Crowd(net), _asked(net, subscribe_request([PROGRAM], None))
    mint = crowd.launch()
    net.step()
    await _heard(stream)
    crowd.buy(mint, 2, SOL, creator=3)  # another creator's vault: the program refuses it
    net.call("requestAirdrop", PROGRAM, SOL)
    net.step(2)
    updates = [decode_update(one) for one in await _heard(stream)]
    assert not any(isinstance(one, TransactionTold) and one.payloads for one in updates)


async def test_a_replay_begins_with_the_slot_that_was_asked_for_or_is_refused(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    crowd = Crowd(net)
    crowd.launch()
    at_slot = net.step().slot
    net.step(5)
    again = [decode_update(one) for one in await _heard(_asked(net, subscribe_request([PROGRAM], at_slot)))]
    assert [one.slot for one in again if isinstance(one, SlotTold)] == list(range(at_slot, at_slot + 6))
    assert [one.slot for one in again if isinstance(one, TransactionTold)] == [at_slot]
    with pytest.raises(Refusal, match="not available"):
        _asked(net, subscribe_request([PROGRAM], at_slot - 1000))
    with pytest.raises(Refusal):
        _asked(net, b"\xff")


async def test_pings_are_told_and_answered(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    stream = net.open_geyser()
    stream._session.ping()
    stream.send(ping_request())
    ping, pong = await _heard(stream)
    assert decode_update(ping) == Ping()
    assert decode_update(pong) is None
    assert list(fields(pong)) == [(9, b"\x08\x01")]


def _update(
    *, keys: int = 2, index: int = 0, slot: int = 9, signature: bytes = b"s" * 64, call: bool = True, log: bool = False
) -> bytes:
    """An update with one inner instruction of a program at `index`, and with a log that was cut."""
    from bot.chain.addresses import EVENT_AUTHORITY, PUMP_PROGRAM
    from bot.chain.layouts import EVENT_CPI

    account_keys = [bytes(PUMP_PROGRAM), bytes(EVENT_AUTHORITY)][:keys]
    transaction = bytes_field(2, b"".join(bytes_field(2, key) for key in account_keys))
    inner = number_field(1, index) + bytes_field(2, b"\x01") + bytes_field(3, EVENT_CPI + TRADE)
    meta = bytes_field(5, bytes_field(2, inner)) if call else b""
    if log:
        meta += bytes_field(6, f"Program {PUMP} invoke [1]") + bytes_field(6, "Log truncated")
    info = bytes_field(1, signature) + bytes_field(3, transaction) + bytes_field(4, meta)
    return bytes_field(4, bytes_field(1, info) + number_field(2, slot))


def test_an_event_is_taken_from_the_program_that_emitted_it() -> None:
    told = decode_update(_update())
    assert isinstance(told, TransactionTold)
    assert (told.slot, told.payloads, told.truncated) == (9, (TRADE,), False)
    forged = decode_update(_update(index=1))
    assert isinstance(forged, TransactionTold)
    assert forged.payloads == ()
    plain = decode_update(_update(index=1, log=True))
    assert isinstance(plain, TransactionTold)
    assert (plain.payloads, plain.truncated) == ((), False)
    cut = decode_update(_update(call=False, log=True))
    assert isinstance(cut, TransactionTold)
    assert cut.truncated


@pytest.mark.parametrize("wrong", [_update(keys=0), _update(index=7), _update(slot=0), _update(signature=b"s")])
def test_an_update_that_contradicts_itself_raises_the_decode_error(wrong: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_update(wrong)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.integers(0, len(_update())).map(lambda length: _update()[:length]),
        st.tuples(st.integers(0, len(_update()) - 1), st.integers(0, 255)).map(
            lambda change: _update()[: change[0]] + bytes([change[1]]) + _update()[change[0] + 1 :]
        ),
    )
)
def test_any_bytes_are_an_update_or_nothing_or_the_decode_error(data: bytes) -> None:
    try:
        update = decode_update(data)
    except DecodeError:
        return
    assert update is None or isinstance(update, SlotTold | TransactionTold | Ping)


# ---------------------------------------------------------------------------------------------------------- the source


class Scripted:
    """Calls in turn: seconds to wait and updates to tell; what was asked of each is kept. An error refuses the call."""

    def __init__(self, *calls: list[float | bytes] | ChainUnavailable) -> None:
        self.calls = list(calls)
        self.asked: list[list[bytes]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Call]:
        await trio.lowlevel.checkpoint()
        self.asked.append([])
        yield _ScriptedCall(self.calls.pop(0) if self.calls else [], self.asked[-1])


class _ScriptedCall:
    def __init__(self, steps: list[float | bytes] | ChainUnavailable, asked: list[bytes]) -> None:
        self._steps, self._asked = steps, asked

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self._asked.append(message)

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if isinstance(self._steps, ChainUnavailable):
            raise self._steps
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                return step
            await trio.sleep(step)
        await trio.sleep_forever()
        raise AssertionError


def _slot(number: int) -> bytes:
    return bytes_field(3, number_field(1, number))


def _source(script: Scripted) -> GeyserLaunches:
    return GeyserLaunches(script.open, lambda: 0, _clock(), silence_s=2)


async def _until_lost(source: GeyserLaunches) -> tuple[list[StreamEvent], str]:
    seen: list[StreamEvent] = []
    with pytest.raises(ChainUnavailable) as raised:
        async with LaunchSources([source], _clock()).events() as events:
            while True:
                seen.append(await anext(events))
    return seen, str(raised.value)


def _from_slot(request: bytes) -> int | None:
    return next((value for number, value in fields(request) if number == 11 and isinstance(value, int)), None)


async def test_pings_are_no_sign_of_life_and_are_answered(autojump_clock: MockClock) -> None:
    ping = bytes_field(6, b"")
    script = Scripted([_slot(7), *[0.5, ping] * 40])
    began_s = trio.current_time()
    _, told = await _until_lost(_source(script))
    assert told == "grpc: nothing heard for 2 s, not even a new slot"
    assert trio.current_time() - began_s == 2
    assert script.asked[0][1:] == [ping_request()] * 3


async def test_a_lost_call_begins_again_with_its_last_slot_and_repeats_nothing(autojump_clock: MockClock) -> None:
    script = Scripted([_slot(7), _update(slot=7), 3.0], [_update(slot=7), _slot(7), _slot(8), 3.0])
    source = _source(script)
    sources = LaunchSources([source], _clock())
    seen = []
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            async with sources.events() as events:
                while True:
                    seen.append(await anext(events))
    assert len(seen) == 1
    assert [_from_slot(asked[0]) for asked in script.asked] == [None, 7]
    assert source.statistics().replays == 1
    assert source.losses() == SourceLosses(gaps=1)


async def test_a_server_that_has_lost_the_slot_is_asked_without_it(autojump_clock: MockClock) -> None:
    refused = ChainUnavailable("status 13: broadcast from 7 is not available")
    script = Scripted([_slot(7), 3.0], refused, [_slot(9), 3.0])
    source = _source(script)
    for _ in range(2):
        await _until_lost(source)
    async with LaunchSources([source], _clock()).events():
        assert [_from_slot(asked[0]) for asked in script.asked] == [None, 7, None]
    assert source.losses() == SourceLosses(gaps=1, unrepaired=1)


async def test_updates_that_cannot_be_read_are_counted_and_passed_over(autojump_clock: MockClock) -> None:
    source = _source(Scripted([_slot(7), b"\xff", _update(call=False, log=True), _update(slot=8), 3.0]))
    seen, _ = await _until_lost(source)
    assert len(seen) == 1
    assert source.losses() == SourceLosses(lost=2)


async def test_a_launch_is_the_same_record_as_from_the_logs(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=31)
    launches: dict[str, TokenLaunch] = {}
    async with virtual_world(net) as world:
        crowd = Crowd(net)
        each = {name: in_process_sources(net, world.chain, _clock(), (name,)) for name in ("logs", "grpc")}
        async with each["logs"].events() as logs, each["grpc"].events() as grpc:
            crowd.launch()
            for name, events in (("logs", logs), ("grpc", grpc)):
                launch = await anext(events)
                assert isinstance(launch, TokenLaunch)
                launches[name] = launch
    logged, told = launches["logs"], launches["grpc"]
    assert (logged.source, told.source) == ("logs", "grpc")
    assert (logged.curve, logged.signature, logged.slot, logged.mint) == (
        told.curve,
        told.signature,
        told.slot,
        told.mint,
    )


async def test_what_happened_while_a_call_was_away_is_told_by_the_replay(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        source = GeyserLaunches(in_process_geyser(net), world.chain.newest_slot, _clock(), silence_s=2)
        sources = LaunchSources([source], _clock())
        crowd = Crowd(net)
        with pytest.raises(ChainUnavailable):
            async with sources.events() as events:
                net.set_fault("stream-drop", for_s=3, endpoint="grpc")
                await anext(events)
        mint = crowd.launch()
        await trio.sleep(5)
        with trio.fail_after(5):
            async with sources.events() as events:
                assert (await anext(events)).mint == mint
