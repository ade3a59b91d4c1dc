"""What other endpoints say of reserves that one told: who is asked, and who is distrusted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from bot.chain.pump_chain import PumpChain
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.trading.curve import Curve
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.venue import same_reserves
from tests.chain.chain_scenario import EPOCH_MS, endpoints
from tests.whole.crowd import Crowd
from tests.whole.false_prices import FalsePrices


@asynccontextmanager
async def coin(count: int, prices: FalsePrices) -> AsyncIterator[tuple[InProcessChain, PumpChain, str, Curve]]:
    """A coin as the endpoint that is asked first tells it."""
    net = InProcessChain(seed=7, endpoints=count)
    net.step(40)
    crowd = Crowd(net)
    mint = crowd.launch()
    net.step(2)
    crowd.buy(mint, 7, 5 * LAMPORTS_PER_SOL)
    net.step(40)
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    pool = endpoints([prices.door(net, f"rpc-{number + 1}", number) for number in range(count)], clock)
    chain = PumpChain(pool)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        await pool.admit(None)
        told = await chain.venue(mint)
        assert isinstance(told, Curve)
        assert told.told_by == "rpc-1"
        yield net, chain, mint, told
        nursery.cancel_scope.cancel()


async def test_a_second_look_is_of_another_endpoint_at_no_older_slot(autojump_clock: MockClock) -> None:
    async with coin(2, FalsePrices(told_bps=BPS // 2)) as (_, chain, mint, told):
        second = await chain.venue_besides(mint, told)
        assert second.told_by == "rpc-2"
        assert second.slot >= told.slot
        assert not same_reserves(second, told)


async def test_who_tells_otherwise_than_two_at_the_same_slot_is_distrusted(autojump_clock: MockClock) -> None:
    async with coin(3, FalsePrices(told_bps=BPS // 2)) as (_, chain, mint, told):
        looks = await chain.looks(mint, told)
        assert sorted(look.told_by for look in looks) == ["rpc-1", "rpc-2", "rpc-3"]
        assert [health.state for health in chain.health()] == ["distrusted", "up", "up"]
        assert (await chain.venue(mint)).told_by != "rpc-1"  # type: ignore[union-attr]


async def test_of_two_that_contradict_each_other_neither_is_distrusted(autojump_clock: MockClock) -> None:
    async with coin(2, FalsePrices(told_bps=BPS // 2)) as (_, chain, mint, told):
        assert len(await chain.looks(mint, told)) == 2
        assert [health.state for health in chain.health()] == ["up", "up"]


async def test_endpoints_that_agree_are_trusted_and_who_is_alone_has_no_witness(autojump_clock: MockClock) -> None:
    async with coin(3, FalsePrices()) as (net, chain, mint, told):
        assert all(same_reserves(look, told) for look in await chain.looks(mint, told))
        for endpoint in ("rpc-2", "rpc-3"):
            net.set_fault("rpc-down", for_s=60, endpoint=endpoint)
        with pytest.raises(ChainUnavailable):
            await chain.venue_besides(mint, told)
        assert [look.told_by for look in await chain.looks(mint, told)] == ["rpc-1"]
        assert chain.health()[0].state == "up"
