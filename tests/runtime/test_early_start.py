"""A child that somebody starts below a supervisor in the very moment in which that supervisor is itself being started."""

from __future__ import annotations

from collections import Counter

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, Context, SupervisorError, SupervisorSpec, open_supervisor

POOLS = 20


async def test_a_child_started_before_its_supervisor_has_begun_runs_once_and_its_starter_hears_of_it(
    autojump_clock: MockClock,
) -> None:
    running: Counter[str] = Counter()

    async def work(ctx: Context) -> None:
        running[ctx.path] += 1
        ctx.ready()
        await trio.sleep_forever()

    async def starter(ctx: Context) -> None:
        """At each turn it tries every pool that is not there yet, so that it finds one before that one's task has run."""
        ctx.ready()
        left = {f"pool-{number}" for number in range(POOLS)}
        while left:
            await trio.lowlevel.checkpoint()
            for name in sorted(left):
                try:
                    pool = root.child(name)
                except SupervisorError:
                    continue
                left.discard(name)
                await pool.start_child(ChildSpec("worker", work))
        done.set()
        await trio.sleep_forever()

    done = trio.Event()
    async with open_supervisor(SupervisorSpec("root", "one_for_one")) as root:
        await root.start_child(ChildSpec("starter", starter))
        for number in range(POOLS):
            await root.start_child(
                ChildSpec(f"pool-{number}", SupervisorSpec(f"pool-{number}", "dynamic"), type="supervisor")
            )
        with trio.fail_after(10):
            await done.wait()
        assert running == Counter({f"root/pool-{number}/worker": 1 for number in range(POOLS)})
