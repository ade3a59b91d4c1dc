"""A provider's advice on priority fees: it raises a price, and whatever is wrong with it costs an order nothing."""

from __future__ import annotations

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.chain.transport import RateLimited
from bot.chain.unit_prices import HINT_REST_S, HINT_WITHIN_S, FeeHints, UnitPrices
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import InProcessTransport
from tests.chain.chain_scenario import SOL, virtual_world

MARKET = "So11111111111111111111111111111111111111112"


class Advisor:
    """A provider that answers what it is told to, that late."""

    name = "advice.test:443"

    def __init__(self, result: object, *, late_s: float = 0.0) -> None:
        self.result = result
        self.late_s = late_s
        self.asked = 0

    async def post(self, body: bytes) -> bytes:
        self.asked += 1
        await trio.sleep(self.late_s)
        if isinstance(self.result, ChainUnavailable):
            raise self.result
        if isinstance(self.result, bytes):
            return self.result
        return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": self.result})


def prices(advisor: Advisor | None) -> UnitPrices:
    endpoints = Endpoints([RpcClient(InProcessTransport(InProcessChain(seed=3)), 3.0)], Clock(lambda: 0, lambda: "id"))
    return UnitPrices(endpoints, None if advisor is None else FeeHints(advisor))


async def test_advice_above_the_network_counts_and_is_asked_once_for_some_seconds(autojump_clock: MockClock) -> None:
    advisor = Advisor({"priorityFeeEstimate": 120_000.5})
    asked = prices(advisor)
    assert await asked.of(MARKET) == 120_001
    assert await asked.of(MARKET) == 120_001
    assert advisor.asked == 1
    assert await prices(None).of(MARKET) == 0


@pytest.mark.parametrize(
    "result",
    [
        {"priorityFeeEstimate": -1},
        {"priorityFeeEstimate": 1e30},
        {"priorityFeeEstimate": "NaN"},
        {"priorityFeeEstimate": None},
        [],
        b"<html>",
        b"\xff",
        b'{"error":{"code":-32601,"message":"Method not found"}}',
        ChainUnavailable("advice.test:443: HTTP status 500"),
        RateLimited("advice.test:443: 429", 5.0),
    ],
    ids=repr,
)
async def test_what_is_no_advice_is_none_and_its_giver_rests(result: object, autojump_clock: MockClock) -> None:
    advisor = Advisor(result)
    asked = prices(advisor)
    assert await asked.of(MARKET) == 0
    await trio.sleep(HINT_REST_S - 1)
    assert await asked.of(MARKET) == 0
    assert advisor.asked == 1
    await trio.sleep(HINT_REST_S)
    await asked.of(MARKET)
    assert advisor.asked == 2


async def test_a_chain_that_cannot_be_asked_is_one_typed_error_with_advice_and_without(
    autojump_clock: MockClock,
) -> None:
    net = InProcessChain(seed=3)
    net.set_fault("rpc-down", for_s=60)
    endpoints = Endpoints([RpcClient(InProcessTransport(net), 3.0)], Clock(lambda: 0, lambda: "id"))
    for hints in (None, FeeHints(Advisor({"priorityFeeEstimate": 5}, late_s=0.1))):
        with pytest.raises(ChainUnavailable):
            await UnitPrices(endpoints, hints).of(MARKET)


async def test_nobody_waits_for_advice(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    assert await prices(Advisor({"priorityFeeEstimate": 5}, late_s=60)).of(MARKET) == 0
    assert trio.current_time() - began_s <= HINT_WITHIN_S


async def test_the_local_chain_advises_what_was_paid_there(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        wallet = await world.funded()
        mint = await world.launched(wallet)
        await world.landed(wallet, await world.buy_order(wallet, mint, SOL // 10))
        hints = FeeHints(InProcessTransport(net))
        assert await world.chain.market_unit_price(mint) > 0
        assert await hints.unit_price(str(wallet.pubkey())) > 0
