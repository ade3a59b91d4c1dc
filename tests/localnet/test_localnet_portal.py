"""The stand-in of PumpPortal: what it tells of the local chain, to whom, and when it is silent."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.faults import FaultError
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, PortalStream, StreamDropped
from tests.whole.crowd import Crowd

SOL = 1_000_000_000


async def _heard(stream: PortalStream) -> list[dict[str, Any]]:
    """All that waits."""
    found = []
    with trio.move_on_after(0.01):
        while True:
            found.append(await stream.receive())
    return found


async def _opened(chain: InProcessChain, path: str = "/api/data?api-key=k") -> PortalStream:
    stream = chain.open_portal(path)
    stream.request({"method": "subscribeNewToken"})
    stream.request({"method": "subscribeMigration"})
    assert [list(message) for message in await _heard(stream)] == [["message"], ["message"]]
    return stream


async def test_a_launch_and_its_trades_are_told_in_the_words_of_the_service(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    crowd, stream = Crowd(chain), await _opened(chain)
    mint = crowd.launch()
    chain.step()
    [created] = await _heard(stream)
    assert (created["txType"], created["mint"], created["pool"]) == ("create", mint, "pump")
    assert (created["vTokensInBondingCurve"], created["vSolInBondingCurve"]) == (1_073_000_000.0, 30.0)
    assert created["name"].startswith("Token")
    stream.request({"method": "subscribeTokenTrade", "keys": [mint]})
    crowd.buy(mint, 2, SOL)
    chain.step()
    crowd.sell_all(mint, 2)
    chain.step()
    _, bought, sold = await _heard(stream)
    assert (bought["txType"], sold["txType"], bought["mint"]) == ("buy", "sell", mint)
    assert bought["tokenAmount"] == sold["tokenAmount"]
    assert 30.9 < bought["vSolInBondingCurve"] < 31


async def test_a_curve_that_is_bought_whole_migrates_and_that_is_told(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1, migration_slots=1)
    crowd, stream = Crowd(chain), await _opened(chain)
    mint = crowd.launch()
    chain.step(2)
    crowd.buy(mint, 2, 120 * SOL)
    chain.step(6)
    heard = await _heard(stream)
    assert [message["txType"] for message in heard if message["mint"] == mint] == ["create", "migrate"]


async def test_without_a_key_trades_are_refused(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    stream = await _opened(chain, "/api/data")
    for request in ({"method": "subscribeTokenTrade", "keys": []}, {"method": "sing"}, [], "x"):
        stream.request(request)
    assert [list(message) for message in await _heard(stream)] == [["errors"]] * 4


async def test_a_silent_source_stays_open_and_the_others_go_on(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    crowd, stream = Crowd(chain), await _opened(chain)
    logs = chain.open_stream()
    logs.request("slotSubscribe", [])
    chain.set_fault("stream-silent", for_s=5, endpoint="pumpportal")
    crowd.launch()
    chain.step(2)
    assert await _heard(stream) == []
    assert logs.receive_nowait() is not None
    chain.set_fault("stream-silent", for_s=5, endpoint="logs")
    while logs.receive_nowait() is not None:
        pass
    chain.step(2)
    assert logs.receive_nowait() is None
    assert [(one["endpoint"], one["name"]) for one in chain.cluster.all_faults.active()] == [
        ("rpc-1", "stream-silent"),
        ("pumpportal", "stream-silent"),
    ]
    assert chain.cluster.all_faults.clear() == 2
    crowd.launch()
    chain.step()
    assert len(await _heard(stream)) == 1


async def test_dropped_streams_are_every_source_unless_one_is_named(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    stream = await _opened(chain)
    chain.set_fault("stream-drop", for_s=5, endpoint="logs")
    assert await _heard(stream) == []
    chain.set_fault("stream-drop", for_s=5)
    with pytest.raises(StreamDropped):
        await stream.receive()
    with pytest.raises(NodeUnreachable):
        chain.open_portal()
    with pytest.raises(FaultError, match="unknown endpoint nobody"):
        chain.set_fault("stream-silent", for_s=5, endpoint="nobody")
