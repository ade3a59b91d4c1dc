"""The client of the block engine against the local chain's, in this process and over sockets, and its queue at work."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.block_engines import BlockEngines, Region
from bot.chain.engine_client import EngineClient, open_engine
from bot.chain.transport import RateLimited
from bot.clock import Clock, virtual_clock
from bot.errors import ChainUnavailable, SendRejected
from bot.localnet.addresses import TIP_ACCOUNTS
from bot.localnet.client import ask
from bot.localnet.inprocess import InProcessChain
from bot.ports import Routing
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from tests.chain.chain_doubles import InProcessEngine
from tests.chain.chain_scenario import EPOCH_MS, SOL, World, real_world, virtual_world

TIP = 25_000
ACCOUNT = str(TIP_ACCOUNTS[3])


def in_process(net: InProcessChain) -> EngineClient:
    door = InProcessEngine(net)
    return EngineClient(door, door, door)


async def lands_by_bundle(world: World, engine: EngineClient) -> None:
    """A buy whose tip is inside it lands by the engine alone, and its fill has the tip apart."""
    wallet = await world.funded()
    mint = await world.launched(wallet)
    assert ACCOUNT in await engine.tip_accounts()
    order = replace(await world.buy_order(wallet, mint, SOL // 10), tip_lamports=TIP, tip_account=ACCOUNT)
    raw, signature = await world.signed(wallet, order)
    bundle_id = await engine.send(raw)
    await world.settled(signature)
    landed = await world.chain.landed(signature, str(wallet.pubkey()), mint)
    assert landed is not None
    fill = fill_from(landed, Side.BUY)
    assert (landed.tip_lamports, fill.tip_lamports) == (TIP, TIP)
    assert await engine.inflight([bundle_id]) == {bundle_id: "Landed"}
    untipped, _ = await world.signed(wallet, replace(order, tip_lamports=0))
    with pytest.raises(SendRejected):
        await engine.send(untipped)


async def test_an_order_lands_by_its_bundle_in_process(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        await lands_by_bundle(world, in_process(net))


async def test_an_order_lands_by_its_bundle_over_sockets(localnet: dict[str, Any]) -> None:
    with trio.fail_after(20):
        async with (
            real_world(localnet["http_url"], localnet["ws_url"]) as world,
            open_engine(localnet["engine_url"]) as engine,
        ):
            await lands_by_bundle(world, engine)


async def test_an_engine_that_refuses_for_its_rate_says_how_long_over_sockets(localnet: dict[str, Any]) -> None:
    with trio.fail_after(20):
        async with open_engine(localnet["engine_url"]) as engine:
            tell = partial(ask, localnet["directory"], endpoint="engine")
            await trio.to_thread.run_sync(partial(tell, do="fault", name="rate-limit", for_s=60, delay_ms=0))
            try:
                with pytest.raises(RateLimited) as refused:
                    await engine.tip_accounts()
            finally:
                await trio.to_thread.run_sync(partial(tell, do="clear"))
            assert refused.value.wait_s == 1.0


@dataclass(slots=True)
class EngineDoor:
    """A block engine at the wire that takes everything and notes when which bytes came; it can also be in trouble."""

    name: str = "region"
    trouble: ChainUnavailable | None = None
    sent: list[tuple[float, bytes]] = field(default_factory=list)

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise self.trouble
        request = msgspec.json.decode(body)
        result: Any = [ACCOUNT]
        if request["method"] == "sendBundle":
            raw = base64.b64decode(request["params"][0][0])
            self.sent.append((trio.current_time(), raw))
            result = raw.hex()
        elif request["method"] == "getInflightBundleStatuses":
            known = [{"bundle_id": one, "status": "Landed", "landed_slot": 1} for one in request["params"][0]]
            result = {"context": {"slot": 1}, "value": known}
        return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": result})


def routing(user: str, side: Side = Side.BUY) -> Routing:
    return Routing(protected=True, user_id=user, side=side)


def clock() -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)


@asynccontextmanager
async def at_work(*doors: EngineDoor) -> AsyncIterator[BlockEngines]:
    """The queue before regions that take one request a second; each was asked once."""
    engines = BlockEngines([Region(EngineClient(door, door, door), 1.0) for door in doors], clock())
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, engines)
        await trio.sleep(1.5)
        yield engines
        nursery.cancel_scope.cancel()


async def serve(engines: BlockEngines, *, task_status: trio.TaskStatus[None]) -> None:
    await engines.run(task_status.started)


async def test_one_request_a_second_and_users_in_turn(autojump_clock: MockClock) -> None:
    door = EngineDoor()
    async with at_work(door) as engines:
        for number in range(5):
            engines.offer(f"a{number}".encode(), routing("a"))
        engines.offer(b"b0", routing("b"))
        engines.offer(b"exit", routing("c", Side.SELL))
        await trio.sleep(20)
    order = [raw for _, raw in door.sent]
    assert order[:4] == [b"exit", b"a0", b"b0", b"a1"]
    times = [at_s for at_s, _ in door.sent]
    assert all(later - sooner >= 1.0 for sooner, later in pairwise(times))
    assert sorted(order[4:]) == [b"a2", b"a3", b"a4"]
    assert [(region.taken, region.landed) for region in engines.health()] == [(7, 7)]


async def test_what_a_region_does_not_take_goes_to_the_next(autojump_clock: MockClock) -> None:
    ill, well = EngineDoor("ill"), EngineDoor("well")
    async with at_work(ill, well) as engines:
        ill.trouble = RateLimited("ill: 429", 30.0)
        for number in range(3):
            engines.offer(f"{number}".encode(), routing("a"))
        await trio.sleep(10)
        assert sorted(raw for _, raw in well.sent) == [b"0", b"1", b"2"]
        assert [region.healthy for region in engines.health()] == [True, True], "who asks for rest is not ill"
        ill.trouble = ChainUnavailable("ill: refused")
        await trio.sleep(60)
        assert [region.healthy for region in engines.health()] == [False, True]
        assert engines.tip_account("mint") == ACCOUNT


async def test_while_nobody_answers_orders_keep_their_turn_and_no_new_one_is_signed(autojump_clock: MockClock) -> None:
    door = EngineDoor(trouble=ChainUnavailable("region: refused"))
    async with at_work(door) as engines:
        assert engines.tip_account("mint") is None
        engines.offer(b"kept", routing("a"))
        await trio.sleep(20)
        assert engines.waiting == 1
        door.trouble = None
        await trio.sleep(15)
    assert [raw for _, raw in door.sent] == [b"kept"]


async def test_without_any_region_nothing_is_taken(autojump_clock: MockClock) -> None:
    engines = BlockEngines([], clock())
    with pytest.raises(ChainUnavailable):
        engines.offer(b"x", routing("a"))
