"""The blockhash of an exit has about thirty blocks of life left, also in the first second of a process."""

from __future__ import annotations

import base64

import pytest
import trio
from trio.testing import MockClock

from bot.chain.blockhashes import (
    EXIT_LIFE_BLOCKS,
    LIFE_BLOCKS,
    LISTED_EVERY_BLOCKS,
    Blockhashes,
    SeenBlockhashes,
    listed_blockhashes,
)
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.clock import virtual_clock
from bot.localnet.inprocess import InProcessChain
from bot.ports import Blockhash
from tests.chain.chain_doubles import InProcessTransport
from tests.chain.chain_scenario import EPOCH_MS

OLD_ENOUGH = 200  # blocks
CONFIRMED_BEHIND = (
    3  # how far the confirmed block that a life is counted from may be behind the newest, and a block made
)


def blockhashes(net: InProcessChain) -> Blockhashes:
    """Those of a process that has just started."""
    return Blockhashes(
        Endpoints(
            [RpcClient(InProcessTransport(net), 2.5)], virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        )
    )


def life(net: InProcessChain, blockhash: Blockhash) -> int:
    """How many blocks the chain still takes it for."""
    return blockhash.last_valid_block_height - net.cluster.chain.position.height


async def test_the_first_exit_of_a_process_is_proven_dead_as_soon_as_any_other(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    first = await blockhashes(net).short()
    assert EXIT_LIFE_BLOCKS - CONFIRMED_BEHIND <= life(net, first) <= EXIT_LIFE_BLOCKS
    valid = net.call("isBlockhashValid", first.value)["value"]
    assert valid
    net.step(life(net, first) + CONFIRMED_BEHIND)
    assert not net.call("isBlockhashValid", first.value)["value"]


async def test_a_process_that_stood_still_does_not_take_what_is_young_for_what_is_short_lived(
    autojump_clock: MockClock,
) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    seen = blockhashes(net)
    await seen.remember()
    net.step(LIFE_BLOCKS - EXIT_LIFE_BLOCKS - 5)
    await trio.sleep(60)
    again = await seen.short()
    assert EXIT_LIFE_BLOCKS - CONFIRMED_BEHIND <= life(net, again) <= EXIT_LIFE_BLOCKS


async def test_who_remembers_from_look_to_look_asks_for_the_list_now_and_then_alone(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    asked: list[str] = []

    class Listening(InProcessTransport):
        async def post(self, body: bytes) -> bytes:
            asked.append("list" if b"getMultipleAccounts" in body else "latest")
            return await super().post(body)

    seen = Blockhashes(
        Endpoints([RpcClient(Listening(net), 2.5)], virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1))
    )
    for _ in range(70):
        await seen.remember()
        net.step(2)
        await trio.sleep(1)
        assert EXIT_LIFE_BLOCKS - 2 * CONFIRMED_BEHIND <= life(net, await seen.short()) <= EXIT_LIFE_BLOCKS
    assert asked.count("list") == 1 + 140 // LISTED_EVERY_BLOCKS


@pytest.mark.parametrize("slots", [3, 12, 30])
async def test_no_exit_is_signed_on_a_blockhash_of_a_branch_that_was_lost(
    autojump_clock: MockClock, slots: int
) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    seen = blockhashes(net)
    for look in range(120):
        await seen.remember()
        exits_on = await seen.short()
        if look > 15:  # what the look itself has just seen may be lost a moment later, and is asked for anew
            assert net.call("isBlockhashValid", exits_on.value, {"commitment": "processed"})["value"], look
        if look in {10, 50}:
            net.fork(slots)
        net.step(2)
        await trio.sleep(1)


async def test_where_nobody_lists_what_was_before_an_exit_is_signed_all_the_same(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    net.set_fault("empty", for_s=60)
    newest = await blockhashes(net).short()
    assert life(net, newest) > LIFE_BLOCKS - CONFIRMED_BEHIND


async def test_a_chain_that_is_younger_has_what_it_has(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    net.step(20)
    oldest = await blockhashes(net).short()
    assert LIFE_BLOCKS - 20 <= life(net, oldest) + CONFIRMED_BEHIND <= LIFE_BLOCKS


def test_a_list_of_another_fork_replaces_what_was_seen_and_one_of_another_chain_says_nothing() -> None:
    seen = SeenBlockhashes()
    seen.learn(Blockhash("a7", 157), 0.0)
    seen.learn(Blockhash("a8", 158), 0.4)
    assert not seen.learn_back(["z9", "z8"])
    assert not seen.reaches_back
    assert seen.learn_back(["b9", "a8", "b7", "b6"])
    assert seen.reaches_back
    assert [one.value for one in seen._seen] == ["b6", "b7", "a8"], "nothing is newer than the latest look"
    seen.learn(Blockhash("a90", 240), 40.0)
    assert not seen.reaches_back


def test_what_was_seen_above_a_lost_block_is_forgotten_and_what_an_endpoint_does_not_list_yet_is_not() -> None:
    seen = SeenBlockhashes()
    for height in range(150, 161):
        seen.learn(Blockhash(f"a{height}", height), height * 0.4)
    assert seen.learn_back(["a157", "a156", "a155"])
    assert seen._seen[-1].value == "a160", "the list of somebody who is a little behind"
    assert seen.learn_back(["b158", "b157", "a156", "a155"])
    assert [one.value for one in seen._seen][-4:] == ["a155", "a156", "b157", "b158"]
    assert not seen.wants_list
    seen.learn(Blockhash("b199", 199), 70.0)
    assert seen.wants_list


def test_the_local_chain_lists_its_blockhashes_as_the_network_does(mock_clock: MockClock) -> None:
    net = InProcessChain(seed=1)
    net.step(OLD_ENOUGH)
    asked = ["SysvarRecentB1ockHashes11111111111111111111", {"commitment": "confirmed", "encoding": "base64"}]
    account = net.call("getAccountInfo", *asked)["value"]
    assert account["owner"] == "Sysvar1111111111111111111111111111111111111"
    assert account["space"] == 8 + LIFE_BLOCKS * 40
    values = listed_blockhashes(base64.b64decode(account["data"][0]))
    assert values[0] == net.call("getLatestBlockhash", {"commitment": "confirmed"})["value"]["blockhash"]
    assert len(set(values)) == LIFE_BLOCKS


def test_the_blocks_of_a_quick_chain_since_the_last_look_are_counted() -> None:
    """Twenty blocks a second, as on a local chain: what had thirty blocks left a second ago has ten."""
    seen = SeenBlockhashes()
    for height in range(LIFE_BLOCKS, 3 * LIFE_BLOCKS):
        seen.learn(Blockhash(str(height), height), now_s=height / 20)
    told_at_s, told = (3 * LIFE_BLOCKS - 1) / 20, 3 * LIFE_BLOCKS - 1
    now = seen.short_lived(told_at_s)
    later = seen.short_lived(told_at_s + 1)
    assert now is not None
    assert later is not None
    assert now.last_valid_block_height == told - LIFE_BLOCKS + EXIT_LIFE_BLOCKS
    assert later.last_valid_block_height == told + 20 - LIFE_BLOCKS + EXIT_LIFE_BLOCKS


def test_no_pace_asks_for_more_life_than_a_blockhash_has() -> None:
    """Who tells of a chain that runs away is not believed beyond the newest that is known."""
    seen = SeenBlockhashes()
    seen.learn(Blockhash("old", LIFE_BLOCKS), now_s=0.0)
    seen.learn(Blockhash("new", 100 * LIFE_BLOCKS), now_s=1.0)
    short = seen.short_lived(2.4)
    assert short is not None
    assert short.value == "new"
