"""Fifty thousand actors in one tree, from its start to its ordered stop; in a process of its own, for the memory's sake.

Run as a program it is that process: it prints what it measured as one JSON object.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import ClassVar

import trio

from actors.runtime import Actor, ChildSpec, Context, Supervisor, SupervisorSpec, open_supervisor
from bot.garbage import relax_collector
from bot.status_text import tree_text
from bot.tree_record import whole_tree, workers
from tests.bench.footprint import ROOT, resident_bytes
from tests.bench.lifecycle import NEVER_USED_UP, Oops, unread
from tests.bench.measure import Metrics, compete, cpu_s
from tests.bench.table import Line, alone, at_most, duration, kibibytes, per_second

SUBTREES = ("in_order", "first", "second", "third", "fourth")
EACH = 10_000
MANY = EACH * len(SUBTREES)
CRASHES_EACH = 2_000
CRASHES = CRASHES_EACH * len(SUBTREES)
AT_ONCE = 100
STATUS_WITHIN_S = 0.3
WITHIN_S = 120


def crowd(draw: random.Random) -> list[Line]:
    """One life of the crowd. It has no floor: nothing beside it supervises as many."""
    rounds = compete([_life], rounds=1, draw=draw, warm_up=False)
    within = at_most(STATUS_WITHIN_S, duration)
    return [
        alone(rounds, f"{MANY:,} actors: start, each", "start", per_second),
        alone(rounds, "  memory, each", "memory", kibibytes),
        alone(rounds, f"  storm of {CRASHES:,} crashes in them", "storm", duration),
        alone(rounds, "  longest stall of the loop in it", "stall", duration),
        alone(rounds, "  record and text of bot supervisor status", "status", duration, goal=within),
        alone(rounds, f"  stop, {EACH:,} of them in order", "stop", duration),
    ]


def _life() -> Metrics:
    command = [sys.executable, "-m", "tests.bench.crowd"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


class Member(Actor[int, str]):
    """Waits for messages, every one of which is too much for it. `begun` counts the incarnations of all of them."""

    begun: ClassVar[int] = 0

    async def init(self, ctx: Context) -> int:
        Member.begun += 1
        return 0

    async def handle(self, ctx: Context, state: int, message: str) -> None:
        raise Oops


def _spec() -> SupervisorSpec:
    """Five subtrees, started in order and stopped in reverse; the children of the first one are ordered too."""
    static = tuple(ChildSpec(str(number), Member) for number in range(EACH))
    specs = [SupervisorSpec(SUBTREES[0], "one_for_one", static, intensity=NEVER_USED_UP)]
    template = (ChildSpec("member", Member),)
    specs += [SupervisorSpec(name, "simple_one_for_one", template) for name in SUBTREES[1:]]
    return SupervisorSpec("crowd", "one_for_one", tuple(ChildSpec(one.name, one, type="supervisor") for one in specs))


async def _measure() -> dict[str, float]:
    before_bytes, began = resident_bytes(), cpu_s()
    async with open_supervisor(_spec(), report=unread) as root:
        for name in SUBTREES[1:]:
            await _fill(root.child(name))
        measured = {"start": (cpu_s() - began) / MANY, "memory": (resident_bytes() - before_bytes) / MANY}
        measured |= await _storm(root)
        began = cpu_s()
        _show(root)
        measured["status"] = cpu_s() - began
        began = cpu_s()
    return measured | {"stop": cpu_s() - began}


async def _fill(subtree: Supervisor) -> None:
    """A hundred at a time, as a busy program would; the memory of ten thousand callers at once is not an actor's."""
    for first in range(0, EACH, AT_ONCE):
        async with trio.open_nursery() as nursery:
            for number in range(first, first + AT_ONCE):
                nursery.start_soon(subtree.start_child, str(number))


async def _storm(root: Supervisor) -> dict[str, float]:
    """Send every fifth member a message that it fails on, until everybody runs again."""
    struck = [root.child(name).ref(str(number)) for name in SUBTREES for number in range(0, EACH, EACH // CRASHES_EACH)]
    began = last = cpu_s()
    stall_s = 0.0
    for ref in struck:
        ref.tell("boom")
    while Member.begun < MANY + CRASHES:
        await trio.lowlevel.checkpoint()
        now = cpu_s()
        stall_s, last = max(stall_s, now - last), now
    return {"storm": last - began, "stall": stall_s}


def _show(root: Supervisor) -> str:
    """What `bot supervisor status` costs the bot and its reader: who is in trouble, the tree's record, its lines."""
    troubled = sum(worker.last_failure is not None for worker in workers(root.statistics(CRASHES_EACH)))
    tree = whole_tree([root], 1, lambda at_s: round(at_s * 1000))
    sent = json.dumps({"sentence": f"{troubled} have failed", "level": 1, "causes": [], "tree": tree})
    return tree_text(json.loads(sent))


if __name__ == "__main__":
    relax_collector()
    print(json.dumps(trio.run(_measure)))
