"""Accounts asked for at once share a request, in virtual time: each gets its own, as new as it asked for, or its own error."""

from __future__ import annotations

import gc

import pytest
import trio
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain.endpoints import Endpoints
from bot.chain.rpc import MAX_ACCOUNTS
from bot.chain.rpc_errors import SlotNotReached
from bot.chain.shared_accounts import PATIENCE_S, Seen, SharedAccounts, _Read
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import FaultyDoor
from tests.chain.chain_scenario import EPOCH_MS, endpoints

NEVER = 10**12  # a slot that nobody reaches in a test


class Scene:
    """One endpoint that answers after a moment, and the reads that share its requests."""

    def __init__(self) -> None:
        self.net = InProcessChain(seed=3)
        self.net.step(5)
        self.door = FaultyDoor(self.net, "a:1")
        self.door.delay_s = 0.01
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        self.pool: Endpoints = endpoints([self.door], clock)
        self.shared = SharedAccounts(self.pool)
        self.seen: dict[str, Seen] = {}
        self.errors: list[ChainUnavailable] = []

    async def read(self, address: str, not_before: int = 0) -> None:
        try:
            self.seen[address] = await self.shared.read([address], "confirmed", not_before=not_before)
        except ChainUnavailable as error:
            self.errors.append(error)


def _addresses(count: int) -> list[str]:
    return [str(Pubkey.new_unique()) for _ in range(count)]


async def test_many_reads_at_once_cost_few_requests_and_each_gets_its_own(autojump_clock: MockClock) -> None:
    scene = Scene()
    asked = _addresses(90)
    async with trio.open_nursery() as nursery:
        for address in asked + asked:
            nursery.start_soon(scene.read, address)
    assert {address: list(seen.accounts) for address, seen in scene.seen.items()} == {one: [one] for one in asked}
    assert scene.door.asked == ["getMultipleAccounts"]


async def test_more_accounts_than_a_request_takes_go_in_several(autojump_clock: MockClock) -> None:
    scene = Scene()
    async with trio.open_nursery() as nursery:
        for address in _addresses(2 * MAX_ACCOUNTS + 1):
            nursery.start_soon(scene.read, address)
    assert len(scene.seen) == 2 * MAX_ACCOUNTS + 1
    assert len(scene.door.asked) == 3


async def test_what_is_asked_while_a_read_is_under_way_is_not_answered_by_it(autojump_clock: MockClock) -> None:
    """The answer to a question is never older than the question."""
    scene = Scene()
    (address,) = _addresses(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.read, address)
        await trio.sleep(0.005)
        nursery.start_soon(scene.read, address)
    assert len(scene.door.asked) == 2


async def test_who_needs_a_slot_that_is_not_reached_hears_so_alone(autojump_clock: MockClock) -> None:
    scene = Scene()
    early, late = _addresses(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.read, early)
        nursery.start_soon(scene.read, late, NEVER)
    assert list(scene.seen) == [early]
    assert [type(error) for error in scene.errors] == [SlotNotReached]


async def test_trouble_of_the_endpoint_reaches_each_caller(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.door.refusal = ChainUnavailable("a:1: ConnectError")
    async with trio.open_nursery() as nursery:
        for address in _addresses(5):
            nursery.start_soon(scene.read, address)
    assert len(scene.errors) == 5


async def test_who_gives_up_takes_nobody_with_him(autojump_clock: MockClock) -> None:
    scene = Scene()
    first, *others = _addresses(5)

    async def give_up() -> None:
        with trio.move_on_after(0.005):
            await scene.read(first)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        for address in others:
            nursery.start_soon(scene.read, address)
    assert set(scene.seen) == set(others)


@pytest.mark.parametrize("of_exits", [False, True])
async def test_a_read_that_hangs_holds_up_the_next_for_a_moment_and_an_exit_not_at_all(
    autojump_clock: MockClock, of_exits: bool
) -> None:
    scene = Scene()
    stuck, other = _addresses(2)
    scene.door.hangs = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.read, stuck)
        await trio.sleep(0.01)
        scene.door.hangs = False
        began_s = trio.current_time()
        if of_exits:
            with exit_lane():
                await scene.read(other)
        else:
            await scene.read(other)
        waited_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    assert other in scene.seen
    assert waited_s == pytest.approx(0.01 if of_exits else PATIENCE_S + 0.01)


async def test_reads_that_fail_for_hours_keep_none_of_those_before_them(autojump_clock: MockClock) -> None:
    scene = Scene()
    [alone] = [one.name for one in scene.pool.health()]
    for address in _addresses(30):
        with pytest.raises(ChainUnavailable):
            await scene.shared.read([address], "confirmed", besides=alone)
    gc.collect()
    assert sum(isinstance(one, _Read) for one in gc.get_objects()) <= 2
