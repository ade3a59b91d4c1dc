"""The memory of an idle actor, measured in a process of its own, because a process seldom gives memory back.

Run as a program it is that process: it starts so many children of one sort and prints the bytes that each one took.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pykka
import trio
import trio.testing

from actors.runtime import Actor, ChildSpec, Context, SupervisorSpec, open_supervisor
from bot.garbage import collect_everything, relax_collector
from tests.bench.measure import Metrics, compete
from tests.bench.peers import PykkaActor
from tests.bench.table import Line, at_most, kibibytes, line

ROOT = Path(__file__).parents[2]
ROUNDS = 1  # the same to the byte every time
WARM_UP = 500
MANY = 10_000
THREADS = 1_000
WITHIN_S = 60
STATM_RESIDENT = 1


def footprint(draw: random.Random) -> list[Line]:
    """Resident memory per child, over ten thousand of them, the first five hundred not counted."""
    rounds = compete([_actors, _tasks, _pykka], rounds=ROUNDS, draw=draw, warm_up=False)
    return [
        line(rounds, f"idle actor, of {MANY:,}", "actor", "task", kibibytes, goal=at_most(4096, kibibytes)),
        line(rounds, f"  idle actor of pykka, of {THREADS:,}", "pykka", "task", kibibytes),
    ]


def _actors() -> Metrics:
    return {"actor": _in_own_process("actors")}


def _tasks() -> Metrics:
    return {"task": _in_own_process("tasks")}


def _pykka() -> Metrics:
    return {"pykka": _in_own_process("pykka")}


def _in_own_process(sort: str) -> float:
    command = [sys.executable, "-m", "tests.bench.footprint", sort]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    return float(done.stdout)


class Idle(Actor[int, object]):
    """An actor that nobody writes to."""

    async def init(self, ctx: Context) -> int:
        return 0


async def _measure_actors() -> float:
    spec = SupervisorSpec("bench", "simple_one_for_one", (ChildSpec("template", Idle),))
    async with open_supervisor(spec) as sup:
        for number in range(WARM_UP):
            await sup.start_child(str(number))
        before = resident_bytes()
        for number in range(WARM_UP, WARM_UP + MANY):
            await sup.start_child(str(number))
        return (resident_bytes() - before) / MANY


async def _measure_tasks() -> float:
    """The floor: a task in a nursery that sleeps."""
    async with trio.open_nursery() as nursery:
        for _ in range(WARM_UP):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        before = resident_bytes()
        for _ in range(MANY):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        per_task = (resident_bytes() - before) / MANY
        nursery.cancel_scope.cancel()
    return per_task


def _measure_pykka() -> float:
    """Actors that are threads: a stack each, of which what was touched is resident."""
    refs = [PykkaActor.start(-1) for _ in range(WARM_UP)]
    before = resident_bytes()
    refs += [PykkaActor.start(-1) for _ in range(THREADS)]
    per_actor = (resident_bytes() - before) / THREADS
    pykka.ActorRegistry.stop_all()
    return per_actor


def resident_bytes() -> int:
    """Memory of this process that is in RAM, after a collection."""
    collect_everything()
    pages = Path("/proc/self/statm").read_text("ascii").split()[STATM_RESIDENT]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


_OF_SORT = {"actors": _measure_actors, "tasks": _measure_tasks}

if __name__ == "__main__":
    relax_collector()
    print(_measure_pykka() if sys.argv[1] == "pykka" else trio.run(_OF_SORT[sys.argv[1]]))
