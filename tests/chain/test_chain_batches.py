"""Requests that are made at once share an HTTP request; what goes wrong with one of them is its own trouble."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from bot.chain.batches import PATIENCE_S, batching
from bot.chain.endpoint import ORDINARY_CALLS
from bot.chain.endpoints import Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.rpc_errors import RpcFault
from bot.chain.transport import RateLimited, StatusRefused, TooMuchAtOnce
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import FaultyDoor

Reply = Callable[[list[dict[str, object]]], object]


def _answer(request: dict[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request["id"], "result": request["id"]}


def _backwards(requests: list[dict[str, object]]) -> object:
    """JSON-RPC 2.0 lets the answers of a batch come in any order."""
    return [_answer(request) for request in reversed(requests)]


class Node:
    """An endpoint that holds each answer back until it is let go, and keeps what it was asked."""

    name = "node:1"

    def __init__(self, reply: Reply = _backwards) -> None:
        self.reply = reply
        self.asked: list[list[str]] = []
        self.cut_off = 0
        self.go = trio.Event()
        self.error: ChainUnavailable | None = None

    async def post(self, body: bytes) -> bytes:
        told = msgspec.json.decode(body)
        requests = told if isinstance(told, list) else [told]
        self.asked.append([request["method"] for request in requests])
        try:
            await self.go.wait()
        except trio.Cancelled:
            self.cut_off += 1
            raise
        if self.error is not None:
            raise self.error
        return msgspec.json.encode(self.reply(requests) if isinstance(told, list) else _answer(told))


async def _outcomes(node: Node, count: int, most: int = 100) -> list[int | Exception]:
    """What so many heights, asked for at once, came to; the first ones are under way while the others wait."""
    told: list[int | Exception] = []
    async with batching(node, most) as transport:
        client = RpcClient(transport, 3.0)

        async def ask() -> None:
            try:
                told.append(await client.block_height("finalized"))
            except ChainUnavailable as error:
                told.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            node.go.set()
    return told


async def test_what_is_asked_at_once_is_one_request_and_each_gets_its_own_answer(autojump_clock: None) -> None:
    node = Node()
    assert sorted(await _outcomes(node, 50), key=str) == sorted(range(1, 51), key=str)
    assert sum(len(asked) for asked in node.asked) == 50
    assert len(node.asked) <= 3


async def test_an_answer_goes_to_the_question_that_its_id_names(autojump_clock: None) -> None:
    node, told = Node(), dict[int, int]()
    async with batching(node, 100) as transport, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            request = {"jsonrpc": "2.0", "id": number, "method": "getSlot", "params": []}
            told[number] = msgspec.json.decode(await transport.post(msgspec.json.encode(request)))["result"]

        for number in range(1, 51):
            nursery.start_soon(ask, number)
        await trio.testing.wait_all_tasks_blocked()
        node.go.set()
    assert told == {number: number for number in range(1, 51)}


async def test_a_batch_has_no_more_than_the_endpoint_takes(autojump_clock: None) -> None:
    node = Node()
    await _outcomes(node, 25, most=10)
    assert max(len(asked) for asked in node.asked) == 10


async def test_one_refused_entry_of_a_batch_fails_alone(autojump_clock: None) -> None:
    def reply(requests: list[dict[str, object]]) -> object:
        refused = {"jsonrpc": "2.0", "id": requests[0]["id"], "error": {"code": -32602, "message": "no"}}
        return [refused, *(_answer(request) for request in requests[1:])]

    told = await _outcomes(Node(reply), 20)
    errors = [one for one in told if isinstance(one, Exception)]
    assert len(errors) == 1
    assert isinstance(errors[0], RpcFault)


async def test_an_answer_that_is_missing_fails_its_question_alone(autojump_clock: None) -> None:
    told = await _outcomes(Node(lambda requests: [_answer(request) for request in requests[1:]]), 20)
    (error,) = [one for one in told if isinstance(one, Exception)]
    assert "answered without this question" in str(error)


@pytest.mark.parametrize("garbage", [[1, None, "x"], [{"id": 1}, []]])
async def test_a_batch_whose_answer_cannot_be_read_fails_each_that_is_in_it(garbage: object) -> None:
    told = await _outcomes(Node(lambda _: garbage), 20)
    assert all(isinstance(one, ChainUnavailable) for one in told)


async def test_an_error_about_the_whole_batch_reaches_each_caller(autojump_clock: None) -> None:
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": 429, "message": "slow down"}}
    told = await _outcomes(Node(lambda _: refusal), 20)
    assert all(isinstance(one, RateLimited) for one in told)


async def test_a_result_alone_is_for_its_own_question_only(autojump_clock: None) -> None:
    """An endpoint that takes the first of a batch for all of it must not show one wallet's balance as another's."""
    told = await _outcomes(Node(lambda requests: _answer(requests[0])), 20)
    heights = [one for one in told if isinstance(one, int)]
    assert len(heights) == len(set(heights)) < 20
    assert all(isinstance(one, int | ChainUnavailable) for one in told)


async def test_what_is_answered_twice_and_differently_is_not_answered(autojump_clock: None) -> None:
    def reply(requests: list[dict[str, object]]) -> object:
        first = requests[0]
        return [*(_answer(request) for request in requests), {**_answer(first), "result": 7_000}]

    told = await _outcomes(Node(reply), 20)
    (error,) = [one for one in told if isinstance(one, Exception)]
    assert "answered twice, and differently" in str(error)
    assert 7_000 not in told


@pytest.mark.parametrize("as_list", [False, True])
async def test_batches_that_are_refused_for_their_size_become_smaller_and_stay_so(
    autojump_clock: None, as_list: bool
) -> None:
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}

    def reply(requests: list[dict[str, object]]) -> object:
        if len(requests) > 5:
            return [refusal] if as_list else refusal
        return _backwards(requests)

    node = Node(reply)
    assert sorted(await _outcomes(node, 42), key=str) == sorted(range(1, 43), key=str)
    assert [len(asked) for asked in node.asked if len(asked) > 5] == [42, 21, 10]


async def test_batches_too_large_for_a_gateway_become_smaller(autojump_clock: None) -> None:
    class Gateway(Node):
        async def post(self, body: bytes) -> bytes:
            if body.count(b"jsonrpc") > 3:
                raise TooMuchAtOnce("node:1: HTTP status 413", 413)
            return await super().post(body)

    node = Gateway()
    assert sorted(await _outcomes(node, 30), key=str) == sorted(range(1, 31), key=str)


async def test_a_method_that_is_not_allowed_spoils_no_other_of_its_batch(autojump_clock: None) -> None:
    class Gateway(Node):
        async def post(self, body: bytes) -> bytes:
            answer = await super().post(body)
            if "getGenesisHash" in self.asked[-1]:
                raise StatusRefused("node:1: HTTP status 403", 403)
            return answer

    node, heights = Gateway(), list[int]()
    async with batching(node, 100) as transport:
        client = RpcClient(transport, 3.0)

        async def ask_forbidden() -> None:
            with pytest.raises(ChainUnavailable, match="403"):
                await client.genesis_hash()

        async def ask() -> None:
            heights.append(await client.block_height("finalized"))

        async with trio.open_nursery() as nursery:
            for question in (ask, ask, ask_forbidden, ask_forbidden, ask, ask, ask):
                nursery.start_soon(question)
            await trio.testing.wait_all_tasks_blocked()
            node.go.set()
    assert len(heights) == 5
    assert sum("getGenesisHash" in asked for asked in node.asked) <= 4


async def test_an_endpoint_that_fails_fails_each_caller(autojump_clock: None) -> None:
    node = Node()
    node.error = RateLimited("node:1: 429", 7.0)
    told = await _outcomes(node, 20)
    assert [one.wait_s for one in told if isinstance(one, RateLimited)] == [7.0] * 20


async def test_an_exit_waits_for_no_batch_of_others_and_a_send_for_no_read(autojump_clock: None) -> None:
    node = Node()
    async with batching(node, 100) as transport, trio.open_nursery() as nursery:
        client = RpcClient(transport, 3.0)
        for _ in range(3):
            nursery.start_soon(client.block_height, "finalized")
            await trio.testing.wait_all_tasks_blocked()
        assert node.asked == [["getBlockHeight"], ["getBlockHeight"]]
        with exit_lane():
            nursery.start_soon(client.genesis_hash)
            nursery.start_soon(client._call, "sendTransaction", [], msgspec.json.Decoder(int))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(node.asked[2:]) == [["getGenesisHash"], ["sendTransaction"]]
        nursery.cancel_scope.cancel()


async def test_batches_that_hang_hold_up_the_next_only_for_a_moment(autojump_clock: None) -> None:
    node = Node()
    async with batching(node, 100) as transport, trio.open_nursery() as nursery:
        client = RpcClient(transport, 3.0)
        for _ in range(3):
            nursery.start_soon(client.block_height, "finalized")
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(2 * PATIENCE_S)
        assert len(node.asked) == 3
        nursery.cancel_scope.cancel()


async def test_a_batch_ends_when_nobody_waits_for_it_any_more(autojump_clock: None) -> None:
    node = Node()
    async with batching(node, 100) as transport:
        client = RpcClient(transport, 0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_given_up, client)
            nursery.start_soon(_given_up, client)
        await trio.testing.wait_all_tasks_blocked()
        assert node.cut_off == len(node.asked)
        node.go.set()
        assert await client.block_height("finalized") == 3


async def _given_up(client: RpcClient) -> None:
    with pytest.raises(ChainUnavailable, match=r"no answer within 0\.5 s"):
        await client.block_height("finalized")


async def test_what_the_block_raises_is_in_no_group() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with batching(Node(), 100):
            raise LookupError("mine")


async def test_an_endpoint_that_takes_no_batches_is_asked_one_by_one() -> None:
    node = Node()
    async with batching(node, 1) as transport:
        assert transport is node


async def test_as_many_more_calls_are_under_way_as_share_a_request(autojump_clock: MockClock) -> None:
    """A launch lets the entry of every user ask at once; they wait for nothing that a batch has room for."""
    net = InProcessChain(seed=41)
    net.step(3)
    door = FaultyDoor(net, "a:1")
    door.delay_s = 0.5
    clock = virtual_clock(trio.current_time, epoch_ms=10**12, seed=1)
    chain = PumpChain(Endpoints([RpcClient(door, 2.5, at_once=10)], clock))
    async with trio.open_nursery() as nursery:
        for _ in range(10 * ORDINARY_CALLS + 1):
            nursery.start_soon(chain.finalized_height)
        await trio.testing.wait_all_tasks_blocked()
        assert len(door.asked) == 10 * ORDINARY_CALLS
