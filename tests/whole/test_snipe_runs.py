"""Snipe runs whose sniper is gone before it heard what became of its order."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import SnipeRun
from bot.trading.limits import UserSettings
from tests.whole.virtual import make_world, open_for_entries, running_bot


async def test_a_run_that_nobody_decides_any_more_ends_by_itself(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", UserSettings())
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        run = SnipeRun(
            "run", user.id, "mint", 0, "MONITORING", "a strong signal", 8_000, "launch", world.clock.now_ms()
        )
        await world.store.open_run(run)
        await trio.sleep(60)
        assert [row.status for row in await world.store.runs_since(user.id, 0)] == ["EXPIRED"]
