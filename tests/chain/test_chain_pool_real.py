"""Two doors of one local chain over sockets, the first of them broken on purpose: trading goes on through the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio

from bot.localnet.client import ask
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from tests.chain.chain_doubles import NEVER_SENT
from tests.chain.chain_scenario import SOL, World, real_pool

DEADLINE_S = 30
PROBE_PAUSE_S = 0.05


@pytest.fixture
async def broken(localnet: dict[str, Any]) -> AsyncIterator[Any]:
    """Switches a fault of the first endpoint on; it ends with the test."""

    async def switch(name: str, **values: Any) -> None:
        request = partial(ask, localnet["directory"], do="fault", name=name, for_s=60, endpoint="rpc-1", **values)
        await trio.to_thread.run_sync(request)

    yield switch
    await trio.to_thread.run_sync(partial(ask, localnet["directory"], do="clear"))


async def bought_and_sold(world: World) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    bought = fill_from(await world.landed(trader, await world.buy_order(trader, mint, SOL)), Side.BUY)
    await world.landed(trader, await world.sell_order(trader, mint, bought.token_raw))
    assert await world.held(trader, mint) == 0


@pytest.mark.parametrize(("fault", "values"), [("rpc-down", {}), ("rate-limit", {}), ("rpc-slow", {"delay_ms": 1_500})])
async def test_a_trade_goes_through_while_the_first_endpoint_is_broken(
    fault: str, values: dict[str, Any], localnet: dict[str, Any], broken: Any
) -> None:
    with trio.fail_after(DEADLINE_S):
        async with real_pool(localnet) as (world, _):
            await broken(fault, **values)
            await bought_and_sold(world)
            first, second = world.chain.health()
    assert second.healthy
    if fault == "rpc-slow":
        assert (first.latency_ms or 0) >= 100
    else:
        assert (first.healthy, first.breaker == "closed") == (False, False)


async def test_an_endpoint_that_is_back_is_found_by_the_probes(localnet: dict[str, Any], broken: Any) -> None:
    with trio.fail_after(DEADLINE_S):
        async with real_pool(localnet) as (world, pool):
            await broken("rpc-down")
            while world.chain.health()[0].healthy:
                assert (await pool.probe()).endswith("of 2 endpoints")
            await trio.to_thread.run_sync(partial(ask, localnet["directory"], do="clear", endpoint="rpc-1"))
            while not world.chain.health()[0].healthy:
                await pool.probe()
                await trio.sleep(PROBE_PAUSE_S)
            assert (await pool.probe()).endswith("2 of 2 endpoints")


async def test_the_stream_goes_on_at_the_other_endpoint(localnet: dict[str, Any], broken: Any) -> None:
    with trio.fail_after(DEADLINE_S):
        async with real_pool(localnet) as (world, _):
            creator = await world.funded()
            async with world.stream.events() as events:
                mint = await world.launched(creator)
                assert (await anext(events)).mint == mint
                await broken("stream-drop")
                while world.stream.statistics().switches == 0:
                    await trio.sleep(PROBE_PAUSE_S)
                heard = world.stream.statistics().heard
                while world.stream.statistics().heard == heard:
                    await trio.sleep(PROBE_PAUSE_S)
                mint = await world.launched(creator)
                assert (await anext(events)).mint == mint


async def test_a_history_search_hears_both_endpoints(localnet: dict[str, Any]) -> None:
    with trio.fail_after(DEADLINE_S):
        async with real_pool(localnet) as (world, _):
            absences = await world.chain.search_absences("5" * 86 + "1", NEVER_SENT)
    assert isinstance(absences, tuple)
    assert [absence.endpoint for absence in absences] == [health.name for health in world.chain.health()]
