"""One storm: a random tree under random crashes, messages and calls, all of it drawn from one seed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import trio
import trio.testing

from actors.runtime import (
    ActorError,
    Backoff,
    ChildSpec,
    InitFailed,
    Mailbox,
    Report,
    SpecError,
    Supervisor,
    SupervisorError,
    SupervisorSpec,
    SupervisorStatistics,
    open_supervisor,
)
from actors.runtime.spec import StopMode, Strategy
from tests.runtime.storm.world import (
    Clerk,
    Temper,
    World,
    check_budget,
    check_final_stop,
    check_groups_in_order,
    check_no_error_lost,
    check_no_message_lost,
    check_one_incarnation,
    worker,
)

KEYS = "abcdef"
GROUPS: Final[tuple[Strategy, ...]] = ("one_for_one", "one_for_all", "rest_for_one")
MODES: Final[tuple[StopMode, ...]] = ("cancel", "stop", "drain")
CALM_S = 120.0
"""Longer than every delay of a storm: afterwards nothing happens by itself any more."""


class Sky:
    """Draws the trees of one storm."""

    def __init__(self, chance: random.Random, world: World) -> None:
        self.chance = chance
        self.world = world
        self.specs: dict[str, SupervisorSpec] = {}

    def worker(self, key: str) -> ChildSpec:
        """A worker of any temper; it fails some of its starts after the first."""
        chance = self.chance
        temper = Temper(
            init_s=chance.choice((0, 0, 0.5, 3)),
            cleanup_s=chance.choice((0, 0, 0.5, 3)),
            failing_starts=frozenset(number for number in range(2, 9) if chance.random() < 0.2),
            fails_to_clean=chance.random() < 0.1,
        )
        return ChildSpec(
            key,
            worker(self.world, temper),
            restart=chance.choice(("permanent", "permanent", "transient", "temporary")),
            shutdown_ms=chance.choice((None, 1000, "brutal_kill")),
            init_timeout_ms=chance.choice((None, None, 1000, 10_000)),
            backoff=chance.choice((None, None, Backoff(0.5, 4))),
        )

    def clerk(self, key: str) -> ChildSpec:
        """An actor with a small mailbox of any rule."""
        chance = self.chance
        mailbox = Mailbox(
            chance.choice((1, 3, 30)),
            chance.choice(("reject", "drop_oldest", "block")),
            hung_after_ms=chance.choice((None, None, 700)),
        )
        return ChildSpec(
            key,
            Clerk(self.world),
            restart=chance.choice(("permanent", "transient")),
            backoff=chance.choice((None, Backoff(0.5, 4))),
            mailbox=mailbox,
        )

    def child(self, path: str, key: str, depth: int) -> ChildSpec:
        """Any sort of child."""
        kind = self.chance.choice(("worker", "worker", "clerk", "supervisor" if depth else "worker"))
        if kind == "supervisor":
            inner = self.tree(f"{path}/{key}", depth - 1)
            return ChildSpec(key, inner, type="supervisor", restart=self.chance.choice(("permanent", "transient")))
        return self.clerk(key) if kind == "clerk" else self.worker(key)

    def tree(self, path: str, depth: int, strategies: tuple[Strategy, ...] = (*GROUPS, "dynamic")) -> SupervisorSpec:
        """A supervisor with everything below it."""
        chance = self.chance
        strategy = chance.choice(strategies)
        keys = "" if strategy == "dynamic" else KEYS[: chance.randint(2, 6)]
        spec = SupervisorSpec(
            path.rpartition("/")[2],
            strategy,
            tuple(self.child(path, key, depth) for key in keys),
            # The root bears much, because a storm over no tree is none.
            intensity=chance.randint(0, 6) if "/" in path else 40,
            period_s=chance.choice((2.0, 30.0)),
        )
        self.specs[path] = spec
        return spec


def supervisors_of(sup: Supervisor) -> list[Supervisor]:
    """This supervisor and those below it that run."""
    found = [sup]
    for info in sup.which_children():
        if info.type == "supervisor" and info.state == "running":
            found += supervisors_of(sup.child(info.id))
    return found


async def tolerant(call: Callable[..., Awaitable[object]], *args: object) -> None:
    """Make a call that may be refused."""
    with suppress(SupervisorError, ActorError, SpecError):
        await call(*args)


class WildStorm:
    """Everything at once: crashes, ends, kills, messages, and every admin call."""

    ACTS = (
        "crash",
        "crash",
        "end",
        "kill",
        "tell",
        "tell",
        "tell",
        "terminate",
        "restart",
        "delete",
        "start",
        "reload",
    )

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World()
        self.sky = Sky(chance, self.world)
        self.spec = self.sky.tree("root", 2)

    async def run(self) -> None:
        """Let it happen, then hold the events against the rules."""
        with suppress(InitFailed):  # by an init timeout, which the tree may have drawn
            async with open_supervisor(self.spec, report=self.world.report) as sup:
                async with trio.open_nursery() as nursery:
                    for _ in range(self.chance.randint(5, 40)):
                        self.act(sup, nursery)
                        await trio.sleep(self.chance.choice((0, 0, 0.1, 1, 7)))
                        check_views(sup)
                await trio.sleep(CALM_S)
                check_views(sup)
                begin = len(self.world.events)
                static = [one for one in supervisors_of(sup) if not one.spec.is_dynamic]
                orders = {one.path: tuple(child.id for child in one.which_children()) for one in static}
            check_final_stop(self.world, orders, begin)
            assert (await sup.wait()).kind == "shutdown"
            assert {child.state for child in sup.which_children()} <= {"undefined", "quarantined"}
        check_one_incarnation(self.world)
        check_no_error_lost(self.world)
        check_no_message_lost(self.world)

    def act(self, root: Supervisor, nursery: trio.Nursery) -> None:
        """Do one thing to one child."""
        chance = self.chance
        what = chance.choice(self.ACTS)
        sup = chance.choice(supervisors_of(root))
        children = sup.which_children()
        key = chance.choice(children).id if children else chance.choice(KEYS)
        if what in ("crash", "end"):
            self.world.blow(f"{sup.path}/{key}", crash=what == "crash")
        elif what == "tell":
            for _ in range(chance.choice((1, 2, 6))):
                self.world.send(sup, key)
        elif what == "kill" and children:
            sup.kill(key)
        elif what == "start":
            make = chance.choice((self.sky.worker, self.sky.clerk))
            nursery.start_soon(tolerant, sup.start_child, make(chance.choice(KEYS)))
        elif what == "reload":
            nursery.start_soon(tolerant, sup.reload, sup.spec)
        elif what == "terminate":
            mode = chance.choice(MODES)
            nursery.start_soon(tolerant, partial(sup.terminate_child, mode=mode), key)
        elif what in ("restart", "delete"):
            nursery.start_soon(tolerant, getattr(sup, f"{what}_child"), key)


class OrderlyStorm:
    """Crashes, ends and kills alone, so that every start and stop is the supervisors' own and has its order."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World()
        self.sky = Sky(chance, self.world)
        self.spec = self.sky.tree("root", 2, GROUPS)
        self.killed: set[str] = set()

    async def run(self) -> None:
        """Let it happen, then hold the events against the rules."""
        chance, world = self.chance, self.world
        with suppress(InitFailed):  # by an init timeout, which the tree may have drawn
            async with open_supervisor(self.spec, report=world.report) as sup:
                for _ in range(chance.randint(5, 40)):
                    home = chance.choice(supervisors_of(sup))
                    children = home.which_children()
                    key = chance.choice(children).id if children else ""
                    if chance.random() < 0.1 and children:
                        self.killed.add(f"{home.path}/{key}")
                        home.kill(key)
                    else:
                        world.blow(f"{home.path}/{key}", crash=chance.random() < 0.8)
                    await trio.sleep(chance.choice((0, 0, 0.1, 1, 7)))
                    check_views(sup)
        check_groups_in_order(world, self.sky.specs, self.killed)
        check_one_incarnation(world)
        check_no_error_lost(world)


class BudgetStorm:
    """One flat supervisor whose children crash, or fail to start again, at times that fall inside and outside its period."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World()
        self.times: list[float] = []
        pool: Strategy = "dynamic"
        strategy = chance.choice((*GROUPS, pool, pool))
        self.children = [self.child(key) for key in KEYS[: chance.randint(1, 5)]]
        self.spec = SupervisorSpec(
            "root",
            strategy,
            () if strategy == "dynamic" else tuple(self.children),
            intensity=chance.randint(0, 6),
            period_s=chance.choice((1.0, 5.0, 30.0)),
            budget=chance.choice(("own", "shared")),
        )

    def child(self, key: str) -> ChildSpec:
        """A worker that is always restarted and fails some of its starts."""
        failing = frozenset(number for number in range(2, 30) if self.chance.random() < 0.15)
        backoff = self.chance.choice((None, None, Backoff(0.5, 2)))
        return ChildSpec(key, worker(self.world, Temper(0, 0, failing)), restart="permanent", backoff=backoff)

    def report(self, report: Report) -> None:
        """Keep a report with its time."""
        self.world.report(report)
        self.times.append(trio.current_time())

    async def run(self) -> None:
        """Let it happen, then count again."""
        chance = self.chance
        async with open_supervisor(self.spec, report=self.report) as sup:
            if self.spec.is_dynamic:
                for child in self.children:
                    await sup.start_child(child)
            for _ in range(chance.randint(5, 60)):
                key = chance.choice(self.children).id
                self.world.blow(f"root/{key}", crash=True)
                await trio.sleep(chance.choice((0, 0.25, 1, 5, 20)))
                if sup.statistics().state != "running":
                    break
        spec = self.spec
        own = spec.is_dynamic and spec.budget == "own"
        check_budget(self.world.reports, spec.intensity, spec.period_s, self.times, own=own)
        check_one_incarnation(self.world)
        check_no_error_lost(self.world)


def check_views(sup: Supervisor) -> None:
    """The views of one moment agree with each other."""
    counts, children = sup.count_children(), sup.which_children()
    assert counts.active == sum(child.state == "running" for child in children)
    assert counts.specs == counts.supervisors + counts.workers == len(children)
    check_paths(sup.statistics())


def check_paths(tree: SupervisorStatistics) -> None:
    """Each child's path begins with its supervisor's."""
    for child in tree.children:
        assert child.path.startswith(f"{tree.path}/")
        if isinstance(child, SupervisorStatistics):
            check_paths(child)


class Storm(Protocol):
    """What every kind of storm is: something that runs, and raises when a rule is broken."""

    async def run(self) -> None: ...


STORMS: Final[Mapping[str, Callable[[random.Random], Storm]]] = {
    "wild": WildStorm,
    "orderly": OrderlyStorm,
    "budget": BudgetStorm,
}


def run_storm(kind: str, seed: int) -> None:
    """Run one storm in virtual time; the same kind and seed give the same storm."""
    random.seed(seed)
    trio._core._run._r.seed(seed)  # the order in which trio wakes the tasks of one tick
    storm = STORMS[kind](random.Random(seed))
    trio.run(storm.run, clock=trio.testing.MockClock(autojump_threshold=0))
