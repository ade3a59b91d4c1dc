"""The admin calls of a supervisor while one of its children takes its time to start and another one to stop."""

from __future__ import annotations

import random

import trio

from actors.runtime import Actor, ChildSpec, Context, Supervisor, SupervisorSpec, open_supervisor
from tests.bench.lifecycle import idle
from tests.bench.measure import Metrics, compete, percentile, wall_s
from tests.bench.table import Line, at_most, duration, line

ROUNDS = 5
CALLS = 500
WITHIN_S = 30


def admin(draw: random.Random) -> list[Line]:
    """Seconds of the wall clock, because what is asked is whether the calls wait for the slow ones."""
    rounds = compete([_busy, _quiet], rounds=ROUNDS, draw=draw)
    what = "admin calls beside a slow start and stop, p99"
    return [line(rounds, what, "busy", "with no slow child", duration, goal=at_most(0.05, duration))]


class Slow(Actor[None, object]):
    """An actor that begins to stop at once and is done when it is released; `start` is a child that starts like that."""

    def __init__(self) -> None:
        self.released = trio.Event()
        self.stopping = trio.Event()

    async def terminate(self, ctx: Context, state: None) -> None:
        self.stopping.set()
        await self.released.wait()

    async def start(self, ctx: Context) -> None:
        await self.released.wait()
        await idle(ctx)


def _busy() -> Metrics:
    async def main() -> float:
        slow = Slow()
        spec = SupervisorSpec("bench", "one_for_one", (ChildSpec("stops slowly", slow, shutdown_ms="infinity"),))
        async with open_supervisor(spec) as sup, trio.open_nursery() as nursery:
            nursery.start_soon(sup.start_child, ChildSpec("starts slowly", slow.start))
            nursery.start_soon(sup.terminate_child, "stops slowly")
            await slow.stopping.wait()
            took_s = await _calls(sup)
            slow.released.set()
        return took_s

    return {"busy": trio.run(main)}


def _quiet() -> Metrics:
    async def main() -> float:
        async with open_supervisor(SupervisorSpec("bench", "one_for_one")) as sup:
            return await _calls(sup)

    return {"with no slow child": trio.run(main)}


async def _calls(sup: Supervisor) -> float:
    """Start, look at, stop and forget a child again and again; the 99th percentile of all four together."""
    spec, took_s = ChildSpec("quick", idle), []
    with trio.fail_after(WITHIN_S):
        for _ in range(CALLS):
            began = wall_s()
            await sup.start_child(spec)
            sup.which_children()
            await sup.terminate_child("quick")
            await sup.delete_child("quick")
            took_s.append(wall_s() - began)
    return percentile(took_s, 99)
