"""Many wallets over Geyser streams: their records, a filter that changes, gaps that are filled or said, several calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain import base58
from bot.chain.endpoints import Endpoints
from bot.chain.geyser import CONFIRMED, Ping, SlotTold, subscribe_request
from bot.chain.geyser_records import RecordTold, decode_confirmed
from bot.chain.geyser_stream import Call, OpenCall
from bot.chain.protobuf import bytes_field, fields, number_field
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import virtual_clock
from bot.errors import DecodeError
from bot.localnet.inprocess import InProcessChain
from bot.localnet.rpc import base58 as told_by_a_node
from bot.ports import WalletTold
from tests.chain.chain_doubles import InProcessTransport, in_process_geyser, in_process_slot
from tests.chain.chain_scenario import EPOCH_MS, SOL
from tests.whole.crowd import Crowd

LEADER, FRIEND, STRANGER = 2, 3, 4


@dataclass(slots=True)
class Heard:
    """Keeps what it is told, in order."""

    news: list[WalletTold] = field(default_factory=list)
    covered: dict[str, int] = field(default_factory=dict)
    gaps: list[frozenset[str]] = field(default_factory=list)

    def told(self, told: WalletTold) -> None:
        self.news.append(told)

    def hinted(self, address: str, signature: str) -> None:
        raise AssertionError(f"{address} hinted by {signature}")

    def covers(self, addresses: Collection[str], slot: int) -> None:
        self.covered |= dict.fromkeys(addresses, slot)

    def lost(self, addresses: Collection[str], slot: int) -> None:
        self.gaps.append(frozenset(addresses))
        for address in addresses:
            del self.covered[address]


@dataclass(slots=True)
class Counted:
    """Opens calls and keeps what was asked of each."""

    open_call: OpenCall
    asked: list[list[bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Call]:
        async with self.open_call() as call:
            self.asked.append([])
            yield _CountedCall(call, self.asked[-1])


@dataclass(slots=True)
class _CountedCall:
    call: Call
    asked: list[bytes]

    async def send(self, message: bytes) -> None:
        self.asked.append(message)
        await self.call.send(message)

    async def receive(self) -> bytes:
        return await self.call.receive()


@dataclass(slots=True)
class World:
    net: InProcessChain
    crowd: Crowd
    calls: Counted
    news: GeyserWallets
    heard: Heard = field(default_factory=Heard)

    def address(self, trader: int) -> str:
        return str(self.crowd._trader(trader).pubkey())

    def want(self, *traders: int) -> None:
        wanted = {self.address(trader) for trader in traders}
        self.heard.covered = {one: slot for one, slot in self.heard.covered.items() if one in wanted}
        self.news.want(wanted)

    async def covers(self, *traders: int) -> None:
        with trio.fail_after(20):
            while not all(self.address(trader) in self.heard.covered for trader in traders):
                await trio.sleep(0.1)

    async def bought(self, trader: int) -> str:
        """A new coin that a trader bought; whoever follows him has heard of it when this returns."""
        mint = self.crowd.launch()
        await trio.sleep(1)
        self.crowd.buy(mint, trader, SOL // 10)
        await trio.sleep(2)
        return mint

    def told(self, trader: int) -> list[str]:
        """The mints that a trader is told to have swapped, in order."""
        return [swap.mint for one in self.heard.news if one.address == self.address(trader) for swap in one.swaps]


@asynccontextmanager
async def world(*, per_call: int = 100) -> AsyncIterator[World]:
    net = InProcessChain(seed=5)
    crowd = Crowd(net)
    for trader in (1, LEADER, FRIEND, STRANGER):
        crowd._trader(trader)
    calls = Counted(in_process_geyser(net))
    made = World(net, crowd, calls, GeyserWallets(calls.open, in_process_slot(net), silence_s=2, per_call=per_call))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        nursery.start_soon(made.news.follow, made.heard)
        yield made
        nursery.cancel_scope.cancel()


async def test_what_is_told_is_what_a_node_would_record(autojump_clock: MockClock) -> None:
    async with world() as here:
        here.want(LEADER)
        await here.covers(LEADER)
        mint = here.crowd.launch()
        await trio.sleep(1)
        here.crowd.buy(mint, LEADER, SOL)
        here.crowd.buy(mint, STRANGER, SOL)
        await trio.sleep(2)
        here.crowd.sell_all(mint, LEADER)
        await trio.sleep(2)
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        history = PumpWallets(Endpoints([RpcClient(InProcessTransport(here.net), 2.5)], clock))
        assert here.told(LEADER) == [mint, mint]
        for told in here.heard.news:
            assert await history.swaps(told.signature, told.address) == list(told.swaps)
        assert here.told(STRANGER) == []
        health = here.news.health()
        assert (health.wallets, health.calls, health.calls_up, health.lost) == (1, 1, 1, 0)
        assert health.age_s is not None
        assert health.age_s < 1


async def test_wallets_come_and_go_on_a_call_that_stands(autojump_clock: MockClock) -> None:
    async with world() as here:
        here.want(LEADER)
        await here.covers(LEADER)
        mints = []
        for step in range(6):
            mints.append(here.crowd.launch())
            await trio.sleep(0.5)
            here.crowd.buy(mints[-1], LEADER, SOL // 10)
            here.crowd.buy(mints[-1], FRIEND, SOL // 10)
            here.want(*((LEADER, FRIEND) if step % 2 else (LEADER,)))
        await trio.sleep(2)
        assert here.told(LEADER) == mints
        here.want(LEADER, FRIEND)
        await here.covers(LEADER, FRIEND)
        assert await here.bought(FRIEND) == here.told(FRIEND)[-1]
        here.want(FRIEND)
        await trio.sleep(1)
        await here.bought(LEADER)
        assert here.told(LEADER) == mints
        here.want()
        await trio.sleep(1)
        assert here.news.health().wallets == here.news.health().calls == 0
        [asked] = here.calls.asked
        assert len(asked) >= 5
        assert here.heard.gaps == []


async def test_a_short_outage_is_filled_by_the_replay(autojump_clock: MockClock) -> None:
    async with world() as here:
        here.want(LEADER)
        await here.covers(LEADER)
        mint = here.crowd.launch()
        await trio.sleep(1)
        here.net.set_fault("stream-drop", for_s=3, endpoint="grpc")
        here.crowd.buy(mint, LEADER, SOL)
        await trio.sleep(6)
        assert here.told(LEADER) == [mint]
        assert here.heard.gaps == []
        assert len(here.calls.asked) == 2
        assert any(number == 11 for number, _ in fields(here.calls.asked[-1][0]))


async def test_a_long_outage_is_said_and_so_is_its_end(autojump_clock: MockClock) -> None:
    async with world() as here:
        here.want(LEADER)
        await here.covers(LEADER)
        covered = here.heard.covered[here.address(LEADER)]
        here.net.set_fault("stream-drop", for_s=15, endpoint="grpc")
        await trio.sleep(14)
        assert here.heard.gaps == [{here.address(LEADER)}]
        assert (here.news.health().calls_up, here.news.health().gaps) == (0, 1)
        assert "takes no calls" in here.news.health().detail
        await here.covers(LEADER)
        assert here.heard.covered[here.address(LEADER)] > covered
        assert here.news.health().calls_up == 1


async def test_a_server_that_cannot_or_will_not_replay_leaves_a_gap_that_is_said(autojump_clock: MockClock) -> None:
    slots = [_slot(slot) for slot in range(100, 110)]
    script = _Script([*slots, None], [_slot(300), *[_slot(slot) for slot in range(301, 320)]])
    news, heard = GeyserWallets(script.open, lambda: 0, silence_s=2, per_call=10), Heard()
    news.want(["a"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(news.follow, heard)
        await trio.sleep(16)
        assert heard.gaps == [{"a"}]
        assert heard.covered["a"] > 300
        nursery.cancel_scope.cancel()
    assert heard.gaps == [{"a"}] * 2
    assert heard.covered == {}


async def test_more_wallets_than_a_filter_takes_are_spread_over_calls(autojump_clock: MockClock) -> None:
    async with world(per_call=1) as here:
        here.want(LEADER, FRIEND)
        await here.covers(LEADER, FRIEND)
        mint = here.crowd.launch()
        await trio.sleep(1)
        here.crowd.buy(mint, LEADER, SOL)
        here.crowd.buy(mint, FRIEND, SOL)
        await trio.sleep(2)
        assert here.told(LEADER) == here.told(FRIEND) == [mint]
        assert here.news.health().calls == len(here.calls.asked) == 2
        here.want(FRIEND, STRANGER)
        await here.covers(STRANGER)
        assert here.news.health().calls == len(here.calls.asked) == 2


def test_a_filter_without_accounts_is_refused_because_it_would_ask_for_everything() -> None:
    with pytest.raises(ValueError, match="every transaction"):
        subscribe_request([], None, CONFIRMED)


@given(st.binary(max_size=60))
def test_what_is_written_as_base58_is_read_again(data: bytes) -> None:
    assert base58.decode(told_by_a_node.encode(data)) == data


@given(st.binary(max_size=300))
def test_any_bytes_are_an_update_or_nothing_or_the_decode_error(data: bytes) -> None:
    try:
        update = decode_confirmed(data)
    except DecodeError:
        return
    assert update is None or isinstance(update, SlotTold | RecordTold | Ping)


class _Script:
    """Calls in turn, each an update per half a second; None ends one, and a call that is used up stays silent."""

    def __init__(self, *calls: list[bytes | None]) -> None:
        self.calls = list(calls)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Call]:
        await trio.lowlevel.checkpoint()
        yield _ScriptedCall(self.calls.pop(0) if self.calls else [])


class _ScriptedCall:
    def __init__(self, updates: list[bytes | None]) -> None:
        self._updates = updates

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def receive(self) -> bytes:
        await trio.sleep(0.5)
        update = self._updates.pop(0) if self._updates else None
        if update is None:
            await trio.sleep_forever()
            raise AssertionError
        return update


def _slot(number: int) -> bytes:
    return bytes_field(3, number_field(1, number) + number_field(3, CONFIRMED))
