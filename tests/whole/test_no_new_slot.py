"""A chain that answers and does not move: the slots of all endpoints that are ours stand still."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.trading.trading_state import State
from bot.tree import TradingBot
from tests.outages.faults import LIAR, OTHER
from tests.outages.world import OutageWorld, make_outage_world
from tests.whole.virtual import open_for_entries, running_bot

REFUSED_WITHIN_S = 31
SEEN_WITHIN_S = 9


async def _paused_by(bot: TradingBot) -> set[str]:
    await trio.sleep(SEEN_WITHIN_S)
    return {cause.name for cause in bot.guard.causes()}


async def test_one_endpoint_cut_off_and_the_other_of_another_chain_leave_no_route(autojump_clock: MockClock) -> None:
    world = make_outage_world(1)
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    await world.boot()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault("genesis", for_s=600, endpoint=LIAR)
        await trio.sleep(REFUSED_WITHIN_S)
        assert bot.guard.state is State.OPEN, "one endpoint of two is enough"
        world.chain.set_fault("stale", for_s=600, endpoint=OTHER)
        assert await _paused_by(bot) == {"rpc", "stream"}
        assert bot.guard.level == 2
        states = {one.name: one.state for one in bot.adapters.chain.health()}
        assert states == {LIAR: "refused", OTHER: "behind"}
        assert "its slot stands at" in bot.health["rpc"].detail
        assert not bot.health["stream"].healthy
        critical_ms = world.rules["rpc"].critical_after_ms
        assert critical_ms is not None
        await trio.sleep(critical_ms / 1000 + 1)
        assert bot.guard.halt is not None
        assert bot.guard.halt.cause == "rpc"


async def test_a_chain_that_stands_still_pauses_and_opens_again_when_it_moves(autojump_clock: MockClock) -> None:
    world: OutageWorld = make_outage_world(1)
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    await world.boot()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        for endpoint in (LIAR, OTHER):
            world.chain.set_fault("stale", for_s=600, endpoint=endpoint)
        assert await _paused_by(bot) == {"rpc", "stream"}
        world.chain.cluster.all_faults.clear()
        await trio.sleep(30)
        assert bot.guard.state is State.OPEN
