"""Starting, restarting and stopping children, one and ten thousand, each against trio doing the same unsupervised."""

from __future__ import annotations

import random
from functools import partial

import trio
import trio.testing

from actors.runtime import ChildSpec, Context, Report, Supervisor, SupervisorSpec, open_supervisor
from tests.bench.measure import Metrics, Turn, compete, cpu_s, percentile
from tests.bench.peers import pykka_spawn
from tests.bench.table import Line, at_most, duration, line, per_second, per_second_at_least

ROUNDS = 3
STORMS = 4
MANY = 10_000
SPAWNS = 2_000
CRASHES = 1_000
NEVER_USED_UP = 1_000_000


class Oops(Exception):
    """What the children of these benchmarks raise."""


def unread(_: Report) -> None:
    """A report function that is given every report, so that its text is made, and throws it away."""


async def idle(ctx: Context) -> None:
    """A child that is ready at once and does nothing."""
    ctx.ready()
    await trio.sleep_forever()


def dynamic(start: object) -> SupervisorSpec:
    """Children of one spec, started on demand, each with a budget of its own."""
    template = ChildSpec("template", start)  # type: ignore[arg-type]
    return SupervisorSpec("bench", "simple_one_for_one", (template,), intensity=NEVER_USED_UP)


async def start_many(sup: Supervisor, count: int) -> None:
    """Ask for all of them at once and wait until each is ready."""
    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(sup.start_child, str(number))


def spawn(draw: random.Random) -> list[Line]:
    """Start children and wait for their init: one after the other, and ten thousand at once."""
    turns = [_spawn_one_by_one, _spawn_together, _nursery_start, _nursery_start_together, pykka_spawn]
    rounds = compete(turns, rounds=ROUNDS, draw=draw, warm_up=False)
    one, many = per_second_at_least(8_000), per_second_at_least(15_000)
    return [
        line(rounds, "spawn with init, one by one", "spawn", "nursery.start", per_second, goal=one),
        line(rounds, "  the same by pykka, no init awaited", "pykka", "nursery.start", per_second),
        line(rounds, f"spawn with init, {MANY:,} at once", "together", "nursery.start at once", per_second, goal=many),
    ]


def _spawn_one_by_one() -> Metrics:
    async def main() -> float:
        async with open_supervisor(dynamic(idle)) as sup:
            began = cpu_s()
            for number in range(SPAWNS):
                await sup.start_child(str(number))
            return (cpu_s() - began) / SPAWNS

    return {"spawn": trio.run(main)}


def _spawn_together() -> Metrics:
    async def main() -> float:
        async with open_supervisor(dynamic(idle)) as sup:
            began = cpu_s()
            await start_many(sup, MANY)
            return (cpu_s() - began) / MANY

    return {"together": trio.run(main)}


async def _bare_idle(**given: trio.TaskStatus[None]) -> None:
    """Not named as a parameter, because the linter wants a list of every function that names its `task_status`."""
    given["task_status"].started()
    await trio.sleep_forever()


def _nursery_start() -> Metrics:
    async def main() -> float:
        async with trio.open_nursery() as nursery:
            began = cpu_s()
            for _ in range(SPAWNS):
                await nursery.start(_bare_idle)
            elapsed = cpu_s() - began
            nursery.cancel_scope.cancel()
        return elapsed / SPAWNS

    return {"nursery.start": trio.run(main)}


def _nursery_start_together() -> Metrics:
    async def main() -> float:
        async with trio.open_nursery() as nursery:
            began = cpu_s()
            async with trio.open_nursery() as starters:
                for _ in range(MANY):
                    starters.start_soon(nursery.start, _bare_idle)
            elapsed = cpu_s() - began
            nursery.cancel_scope.cancel()
        return elapsed / MANY

    return {"nursery.start at once": trio.run(main)}


def restart(draw: random.Random) -> list[Line]:
    """From the `raise` of one incarnation to the `ready` of the next, one child at a time."""
    rounds = compete([_crashes, _bare_crashes], rounds=ROUNDS, draw=draw)
    p50, p99 = at_most(100e-6, duration), at_most(1e-3, duration)
    return [
        line(rounds, "crash to restarted, p50", "p50", "loop with try, p50", duration, goal=p50),
        line(rounds, "crash to restarted, p99", "p99", "loop with try, p99", duration, goal=p99),
    ]


class Crasher:
    """A child that raises when its fuse is lit, and notes the CPU seconds from there to its next `ready`."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.fuse = trio.Event()
        self.back = trio.Event()
        self._raised_at_s: float | None = None

    async def start(self, ctx: Context) -> None:
        ctx.ready()
        await self.live()

    async def live(self) -> None:
        """One incarnation after its init."""
        if self._raised_at_s is not None:
            self.took_s.append(cpu_s() - self._raised_at_s)
        self.back.set()
        await self.fuse.wait()
        self._raised_at_s = cpu_s()
        raise Oops

    async def crash(self, times: int) -> None:
        """Light the fuse so often, each time waiting for the restart."""
        for _ in range(times):
            self.back = trio.Event()
            fuse, self.fuse = self.fuse, trio.Event()
            fuse.set()
            await self.back.wait()


def _crashes() -> Metrics:
    async def main() -> Metrics:
        crasher = Crasher()
        spec = SupervisorSpec(
            "bench", "one_for_one", (ChildSpec("crasher", crasher.start),), intensity=NEVER_USED_UP, period_s=1
        )
        async with open_supervisor(spec, report=unread):
            await crasher.crash(CRASHES)
        return {"p50": percentile(crasher.took_s, 50), "p99": percentile(crasher.took_s, 99)}

    return trio.run(main)


def _bare_crashes() -> Metrics:
    """A task that catches its own error and begins again; nobody supervises it."""

    async def main() -> Metrics:
        crasher = Crasher()

        async def loop() -> None:
            while True:
                try:
                    await crasher.live()
                except Oops:
                    await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop)
            await crasher.back.wait()
            await crasher.crash(CRASHES)
            nursery.cancel_scope.cancel()
        took = crasher.took_s
        return {"loop with try, p50": percentile(took, 50), "loop with try, p99": percentile(took, 99)}

    return trio.run(main)


def storm(draw: random.Random) -> list[Line]:
    """Ten thousand children that fail in the same tick, until the last one is ready again."""
    rounds = compete([_storm, _bare_storm], rounds=STORMS, draw=draw, warm_up=False)
    whole, stall = at_most(1.0, duration), at_most(0.25, duration)
    return [
        line(rounds, f"restart storm of {MANY:,}", "storm", "start_soon again", duration, goal=whole),
        line(rounds, "  longest stall of the loop in it", "stall", "stall of that", duration, goal=stall),
    ]


class Storm:
    """Waits with everybody for the lightning, and counts who came back.

    `stall_s` is the longest time between two turns of a task that was ready all the while.
    """

    def __init__(self) -> None:
        self.stall_s = 0.0
        self._lightning = trio.Event()
        self._struck = False
        self._over = trio.Event()
        self._back = 0

    async def live(self) -> None:
        """One incarnation: the first one of each child fails, the second one stays."""
        if self._struck:
            self._back += 1
            if self._back == MANY:
                self._over.set()
            await trio.sleep_forever()
        await self._lightning.wait()
        raise Oops

    async def start(self, ctx: Context) -> None:
        ctx.ready()
        await self.live()

    async def strike(self) -> float:
        """Let everybody fail; return the CPU seconds until all are back."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feel_stalls)
            await trio.lowlevel.checkpoint()
            began = cpu_s()
            self._struck = True
            self._lightning.set()
            await self._over.wait()
            elapsed = cpu_s() - began
            nursery.cancel_scope.cancel()
        return elapsed

    async def _feel_stalls(self) -> None:
        last = cpu_s()
        while True:
            await trio.lowlevel.checkpoint()
            now = cpu_s()
            self.stall_s = max(self.stall_s, now - last)
            last = now


def _storm() -> Metrics:
    async def main() -> Metrics:
        storm = Storm()
        async with open_supervisor(dynamic(storm.start), report=unread) as sup:
            await start_many(sup, MANY)
            return {"storm": await storm.strike(), "stall": storm.stall_s}

    return trio.run(main)


def _bare_storm() -> Metrics:
    """The same without supervision: who fails puts its successor into the nursery."""

    async def main() -> Metrics:
        storm = Storm()

        async def cell(nursery: trio.Nursery) -> None:
            try:
                await storm.live()
            except Oops:
                nursery.start_soon(cell, nursery)

        async with trio.open_nursery() as nursery:
            for _ in range(MANY):
                nursery.start_soon(cell, nursery)
            await trio.testing.wait_all_tasks_blocked()
            elapsed = await storm.strike()
            nursery.cancel_scope.cancel()
        return {"start_soon again": elapsed, "stall of that": storm.stall_s}

    return trio.run(main)


def stop(draw: random.Random) -> list[Line]:
    """Ten thousand children: the static ones from the last to the first, each joined before the next is asked to end."""
    turns: list[Turn] = [_stop_static, _stop_dynamic, partial(_bare_stop, "in order"), partial(_bare_stop, "at once")]
    rounds = compete(turns, rounds=ROUNDS, draw=draw, warm_up=False)
    in_order, at_once = at_most(2.0, duration), at_most(1.0, duration)
    return [
        line(
            rounds, f"stop of {MANY:,} static, in order", "static", "cancel and join in order", duration, goal=in_order
        ),
        line(
            rounds, f"stop of {MANY:,} dynamic, at once", "dynamic", "cancel and join at once", duration, goal=at_once
        ),
    ]


def _stop_static() -> Metrics:
    async def main() -> float:
        children = tuple(ChildSpec(str(number), idle) for number in range(MANY))
        async with open_supervisor(SupervisorSpec("bench", "one_for_one", children)):
            began = cpu_s()
        return cpu_s() - began

    return {"static": trio.run(main)}


def _stop_dynamic() -> Metrics:
    async def main() -> float:
        async with open_supervisor(dynamic(idle)) as sup:
            await start_many(sup, MANY)
            began = cpu_s()
        return cpu_s() - began

    return {"dynamic": trio.run(main)}


class BareCell:
    """A task with a cancel scope of its own and an event for whoever waits for its end."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.gone = trio.Event()

    async def run(self) -> None:
        with self.scope:
            await trio.sleep_forever()
        self.gone.set()


def _bare_stop(way: str) -> Metrics:
    async def main() -> float:
        async with trio.open_nursery() as nursery:
            cells = [BareCell() for _ in range(MANY)]
            for cell in cells:
                nursery.start_soon(cell.run)
            await trio.testing.wait_all_tasks_blocked()
            began = cpu_s()
            if way == "at once":
                for cell in cells:
                    cell.scope.cancel()
            for cell in reversed(cells):
                cell.scope.cancel()
                await cell.gone.wait()
        return cpu_s() - began

    return {f"cancel and join {way}": trio.run(main)}
