"""Runs storms until so many seeds or minutes are over: `make supervision-storm SEEDS=5000 SEED=1`.

The first line names the seed that begins; a storm that breaks a rule names its own, with the line that repeats it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
import traceback
from collections.abc import Iterable, Sequence

from tests.runtime.storm.weather import STORMS, run_storm


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; 0 when no storm broke a rule, 1 when one did."""
    parser = argparse.ArgumentParser(prog="campaign", description="Random trees under random crashes.")
    parser.add_argument(
        "--seeds", type=int, default=1000, metavar="N", help="how many seeds, each for every kind of storm"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="go on for so long instead")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    print(f"seed {arguments.seed}", flush=True)
    seeds: Iterable[int] = range(arguments.seed, arguments.seed + arguments.seeds)
    until = None
    if arguments.minutes is not None:
        seeds = itertools.count(arguments.seed)
        until = time.monotonic() + arguments.minutes * 60
    done = broken = 0
    for seed in seeds:
        if until is not None and time.monotonic() >= until:
            break
        for kind in STORMS:
            broken += not _holds(kind, seed)
        done += 1
        if done % 1000 == 0:
            print(f"{done} seeds, {broken} broken", flush=True)
    print(f"{done} seeds of {len(STORMS)} kinds each, {broken} storms broke a rule", flush=True)
    return 1 if broken else 0


def _holds(kind: str, seed: int) -> bool:
    try:
        run_storm(kind, seed)
    except Exception as error:
        traceback.print_exception(error)
        print(f"{kind} storm: make supervision-storm SEED={seed} SEEDS=1", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
