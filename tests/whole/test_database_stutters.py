"""A database that answers one call in two, and of half of the others does what was asked and does not say so.

The whole bot in virtual time: nothing crashes over it, and when it is over everything is as it would be without.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from bot.errors import StoreUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.storage.memory import MemoryStore
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.outages import CutStore
from tests.whole.virtual import World, bought, make_world, open_for_entries, running_bot

SNIPES = UserSettings(
    snipe_enabled=True, take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=20, slippage_buy_bps=1_500
)
FAILS = 0.5
TOKENS = 8
SETTLES_WITHIN_S = 300
UNFINISHED = {"ANALYZED", "MONITORING", "EXECUTING"}
TRADERS = range(2, 40)


class StutteringStore(CutStore):
    """While it stutters, half of its calls fail: one half of those before and the other half after they took effect.

    A probe always succeeds, so that nothing pauses and everybody runs into it.
    """

    def __init__(self, store: MemoryStore, seed: int) -> None:
        super().__init__(store)
        self.stutters = False
        self.failed = 0
        self._random = Random(seed)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = super().__getattr__(name)

        async def call(*arguments: Any, **named: Any) -> Any:
            fails = self.stutters and name not in PROBES and self._random.random() < FAILS
            self.failed += fails
            if fails and self._random.random() < FAILS:
                raise StoreUnavailable(f"{name} was lost on its way")
            answer = await method(*arguments, **named)
            if fails:
                raise StoreUnavailable(f"the answer to {name} was lost")
            return answer

        return method if name in PLAIN else call


# What the probe of the database asks.
PROBES = {"ping", "take_a_write"}
# What a store answers without asking the database.
PLAIN = {"statistics"}


async def stir(crowd: Crowd, tokens: int) -> None:
    """Launches that every sniper wants, one after the other."""
    for _ in range(tokens):
        mint = crowd.launch()
        await trio.sleep(0.5)
        await crowd.rush(mint, TRADERS[:14], LAMPORTS_PER_SOL // 2)
        await trio.sleep(4)


async def until_settled(world: World) -> None:
    """Until no order is on its way, no position is open and no snipe run unfinished."""
    deadline_s = trio.current_time() + SETTLES_WITHIN_S
    while left := [
        *[f"{intent.id} {intent.state}" for intent, _ in await world.store.in_flight()],
        *[f"{position.id} open" for position in await world.store.open_positions()],
        *[f"{run.id} {run.status} {run.reason}" for run in await runs(world) if run.status in UNFINISHED],
    ]:
        assert trio.current_time() < deadline_s, left
        await trio.sleep(1)


async def runs(world: World) -> list[Any]:
    return [run for user in await world.store.users() for run in await world.store.runs_since(user.id, 0)]


@pytest.mark.parametrize("seed", [1, 3, 25])
async def test_a_database_that_stutters_costs_nothing_but_time(autojump_clock: MockClock, seed: int) -> None:
    world = make_world(InProcessChain(seed=seed))
    stuttering = StutteringStore(world.store, seed)
    world.database = cast(CutStore, stuttering)
    for handle in ("demo-1", "demo-2"):
        await world.user(handle, SNIPES)
    crowd = Crowd(world.chain)
    for trader in TRADERS:
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await stir(crowd, 1)
        await bought(world, 1)
        stuttering.stutters = True
        await stir(crowd, TOKENS)
        stuttering.stutters = False
        assert stuttering.failed > 60
        before = (await world.store.day(0)).buys
        await stir(crowd, 1)
        await bought(world, before + 1)
        await until_settled(world)
        assert [report for report in world.reports if report.path.startswith("root")] == []
        assert bot.guard.level == 1
        assert await world.books_equal_chain()
        bought_by = [(run.user_id, run.mint) for run in await runs(world) if run.status == "COMPLETED"]
        assert len(bought_by) == len(set(bought_by)) == (await world.store.day(0)).buys
