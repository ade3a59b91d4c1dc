"""Faults on demand, in virtual time."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import trio

from bot.localnet.faults import FORK, KINDS, RPC_DOWN, FaultError, FaultTable
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, StreamDropped

SLOT = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"commitment": "processed"}]})


async def test_an_outage_lasts_as_long_as_asked_and_the_chain_goes_on_behind_it(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        await trio.sleep(4.1)
        before = msgspec.json.decode(await chain.request(SLOT))["result"]
        chain.set_fault("rpc-down", for_s=20)
        await trio.sleep(19.9)
        with pytest.raises(NodeUnreachable):
            await chain.request(SLOT)
        await trio.sleep(0.2)
        assert msgspec.json.decode(await chain.request(SLOT))["result"] == before + 50
        nursery.cancel_scope.cancel()


async def test_a_slow_node_answers_late_until_the_faults_are_cleared(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    chain.set_fault("rpc-slow", for_s=60, delay_ms=1_500)
    start_s = trio.current_time()
    await chain.request(SLOT)
    assert trio.current_time() - start_s == pytest.approx(1.5)
    assert chain.cluster.faults.clear() == 1
    start_s = trio.current_time()
    await chain.request(SLOT)
    assert trio.current_time() == start_s


@pytest.mark.parametrize(
    ("name", "for_s", "delay_ms"),
    [("meteor", 1, 0), ("rpc-down", 0, 0), ("rpc-down", 1e9, 0), ("rpc-slow", 5, 0), ("rpc-slow", 5, -3)],
)
def test_an_impossible_fault_is_refused_with_a_reason(name: str, for_s: float, delay_ms: int) -> None:
    with pytest.raises(FaultError):
        FaultTable(lambda: 0.0).set(name, for_s=for_s, delay_ms=delay_ms)


def test_observers_hear_of_every_switch() -> None:
    table, heard = FaultTable(lambda: 5.0), []
    table.observe(lambda: heard.append(table.get(RPC_DOWN) is not None))
    table.set("rpc-down", for_s=1)
    table.clear()
    assert heard == [True, False]
    assert table.active() == []


async def test_a_fault_of_one_endpoint_leaves_the_others_as_they_are(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    first, second = chain.open_stream(0), chain.open_stream(1)
    second.request("slotSubscribe", [])
    chain.set_fault("rpc-down", for_s=5, endpoint="rpc-1")
    with pytest.raises(NodeUnreachable):
        await chain.request(SLOT, endpoint=0)
    with pytest.raises(StreamDropped):
        await first.receive()
    chain.step()
    assert "result" in msgspec.json.decode(await chain.request(SLOT, endpoint=1))
    assert (await second.receive())["method"] == "slotNotification"
    assert [(one["endpoint"], one["name"]) for one in chain.cluster.all_faults.active()] == [("rpc-1", "rpc-down")]
    assert chain.cluster.all_faults.clear("rpc-2") == 0
    assert chain.cluster.all_faults.clear() == 1


def test_a_fault_of_an_endpoint_that_does_not_exist_is_refused_with_the_names_that_do() -> None:
    with pytest.raises(FaultError, match=r"known: rpc-1, rpc-2, engine, .*all"):
        InProcessChain(endpoints=2).set_fault("rpc-down", for_s=1, endpoint="rpc-3")


@pytest.mark.parametrize(
    ("name", "endpoint", "told"),
    [
        ("fail-tx", "rpc-1", "fail-tx is a fault of the whole chain, not of rpc-1; leave the endpoint out"),
        ("skip-slots", "grpc", "is a fault of the whole chain"),
        ("honeypot", "logs", "is a fault of the whole chain"),
        ("engine-down", "rpc-1", "engine-down is a fault of engine, not of rpc-1; leave the endpoint out"),
        ("jupiter-lies", "engine", "is a fault of jupiter, not of engine"),
        ("stale", "engine", "stale has no effect at engine, which takes bundle-drop, drop-tx, engine-down, "),
        ("cut-logs", "pumpportal", "has no effect at pumpportal"),
        ("rpc-slow", "grpc", "has no effect at grpc"),
        ("drop-tx", "jupiter", "has no effect at jupiter"),
    ],
)
async def test_a_fault_without_effect_where_it_is_asked_for_is_refused(
    autojump_clock: object, name: str, endpoint: str, told: str
) -> None:
    await trio.lowlevel.checkpoint()
    chain = InProcessChain(seed=6)
    with pytest.raises(FaultError, match=re.escape(told)):
        chain.set_fault(name, for_s=1, delay_ms=1, endpoint=endpoint)
    assert chain.cluster.all_faults.active() == []


async def test_every_fault_can_be_asked_for_everywhere_and_is_on_only_where_it_has_an_effect(
    autojump_clock: object,
) -> None:
    chain = InProcessChain(seed=6)
    for name in KINDS:
        chain.set_fault(name, for_s=60, delay_ms=1)
    on = {(str(one["endpoint"]), str(one["name"])) for one in chain.cluster.all_faults.active()}
    assert {name for _, name in on} == set(KINDS)
    assert sorted(name for at, name in on if at == "engine") == ["bundle-drop", "drop-tx", "engine-down"]
    assert sorted(name for at, name in on if at == "pumpportal") == ["stream-drop", "stream-silent"]
    await trio.lowlevel.checkpoint()
    for at, name in on - {("rpc-1", one) for one in ("fail-tx", "skip-slots", "honeypot", "upgraded")}:
        chain.set_fault(name, for_s=60, delay_ms=1, endpoint=at)


def test_the_page_about_the_local_chain_explains_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "local_chain.md").read_text("utf-8")
    missing = [name for name in (*KINDS, FORK) if f"| `{name}` |" not in page]
    assert not missing
