"""Plays many seeds: `make simulate SEEDS=1000`, or one of them again with everything it said: `make simulate SEED=7`.

The seed that failed first is printed with what was violated, the last lines of its trace, the events of its plan that
matter, and the command that plays it again. Exit code 1 when any seed failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.simulation.plan import Plan, plan_of
from tests.simulation.play import play

TAIL = 40
FAILURES_SHOWN = 5
RAISED = "raised"
HASH_SEED = "0"  # the order of sets of text is part of what a seed decides


@dataclass(frozen=True, slots=True)
class Played:
    """What one seed came to, as it travels between processes."""

    seed: int
    digest: str
    violation: str
    tail: tuple[str, ...]
    counts: Counter[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Play the seeds that were asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Simulate the whole bot under seeded faults.")
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--seed", type=int, metavar="SEED", help="play just this one and print all of it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args(argv)
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        # Only a new process can take it.
        again = [sys.executable, "-m", "tests.simulation.campaign", *(sys.argv[1:] if argv is None else argv)]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    if arguments.seed is not None:
        return _one(arguments.seed)
    return _many(range(arguments.first, arguments.first + arguments.seeds), arguments.jobs)


def played(seed: int) -> Played:
    """Play one seed; whatever it raises is a violation too."""
    return _played(plan_of(seed))


def _played(plan: Plan) -> Played:
    try:
        outcome = play(plan)
    except Exception as error:  # the bot, or the simulation, did what nobody thought of: that is a finding
        told = "".join(traceback.format_exception(error)).splitlines()
        return Played(plan.seed, "", f"{RAISED} {error!r}", tuple(told[-TAIL:]), Counter())
    lines = tuple(outcome.trace.lines)
    return Played(plan.seed, outcome.trace.digest, outcome.violation, lines, outcome.counts)


def _one(seed: int) -> int:
    """Everything about one seed."""
    plan = plan_of(seed)
    print(f"seed {seed}: {plan}\n" + "\n".join(str(event) for event in plan.events) + "\n")
    done = _played(plan)
    print("\n".join(done.tail))
    print(f"\nseed {seed}: trace {done.digest}, {_told(done.counts)}")
    print(f"violation: {done.violation}" if done.violation else "no violation")
    return 1 if done.violation else 0


def _many(seeds: range, jobs: int) -> int:
    failed: list[Played] = []
    sums: Counter[str] = Counter()
    print(f"seeds {seeds.start} to {seeds.stop - 1}", flush=True)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for number, done in enumerate(pool.imap_unordered(played, seeds, chunksize=4), 1):
            sums += done.counts
            if done.violation:
                failed.append(done)
                print(f"seed {done.seed}: {done.violation}", flush=True)
            if number % 100 == 0:
                print(f"{number} played, {len(failed)} failed", flush=True)
    print(_told(sums))
    for done in sorted(failed, key=lambda done: done.seed)[:FAILURES_SHOWN]:
        print("\n" + "\n".join(done.tail[-TAIL:]))
        print(f"seed {done.seed}: {done.violation}")
        kept = smallest(plan_of(done.seed))
        print("it takes no more than:\n" + "\n".join(str(event) for event in kept.events))
        print(f"play it again with: make simulate SEED={done.seed}")
    print(f"{len(failed)} of {len(seeds)} seeds failed" if failed else f"no violation in {len(seeds)} seeds")
    return 1 if failed else 0


def smallest(plan: Plan) -> Plan:
    """The plan without the events that its violation does not need, dropped one after the other."""
    for event in plan.events:
        fewer = replace(plan, events=tuple(kept for kept in plan.events if kept is not event))
        violation = _played(fewer).violation
        if violation and not violation.startswith(RAISED):  # a sale of a token that never came out is no finding
            plan = fewer
    return plan


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
