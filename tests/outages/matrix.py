"""The outage matrix: which cells there are, and the table of what happened in each. `make outages` plays all of it.

`python -m tests.outages.matrix --cell "rpc down + database hung, mid-exit"` plays one cell again and prints its log.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random

from tests.outages.cell import Cell, Moment, Outcome, play
from tests.outages.faults import FAULTS

HASH_SEED = "0"  # the order of sets of text is part of what a cell plays


def singles() -> list[Cell]:
    """Each fault alone, at each moment."""
    return [Cell((fault,), moment) for fault in FAULTS for moment in Moment]


def pairs() -> list[Cell]:
    """Every two faults at once, at each moment."""
    return [Cell(two, moment) for two in combinations(FAULTS, 2) for moment in Moment]


def sample(seed: int, count: int) -> list[Cell]:
    """Some of the pairs, drawn by the seed."""
    return Random(seed).sample(pairs(), count)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The matrix as lines of text, in the order in which it was played."""
    yield f"{'faults':<36} {'begun':<9} {'paused by':<34} {'order':<9} {'stop-loss':>9} {'well':>7}  asked to buy"
    for one in outcomes:
        faults = " + ".join(fault.name for fault in one.cell.faults)
        paused = f"{', '.join(sorted(one.paused)) or 'nobody'}"
        yield (
            f"{faults:<36} {one.cell.moment.value:<9} {paused:<34} {one.order:<9} {_seconds(one.sold_after_s):>9}"
            f" {_seconds(one.well_after_s):>7}  {one.asked[:60]}"
        )
        yield from (f"    WRONG: {wrong}" for wrong in one.wrong)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _told(name: str) -> Outcome:
    """Play the cell of this name; whatever it raises went wrong too."""
    cell = _by_name(name)
    try:
        return play(cell)[0]
    except Exception as error:  # the bot, or the scene, did what nobody thought of: that is a finding
        last = "".join(traceback.format_exception(error)).splitlines()[-1]
        return Outcome(cell, wrong=[f"raised {error!r}: {last}"])


def _by_name(name: str) -> Cell:
    return next(cell for cell in [*singles(), *pairs()] if str(cell) == name)


def _one(name: str) -> int:
    outcome, trace = play(_by_name(name))
    print("\n".join([*trace.lines, "", *table([outcome])]))
    return 1 if outcome.wrong else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Play cells and print the matrix; the exit code is 1 when anything went wrong in one."""
    parser = argparse.ArgumentParser(prog="matrix", description="Take services away, alone and two at a time.")
    parser.add_argument("--singles", action="store_true", help="each fault alone")
    parser.add_argument("--cell", metavar="CELL", help="one cell, by its name in the table; its log is printed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args(argv)
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        # Only a new process can take it.
        again = [sys.executable, "-m", "tests.outages.matrix", *(sys.argv[1:] if argv is None else argv)]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    if arguments.cell is not None:
        return _one(arguments.cell)
    cells = singles() if arguments.singles else [*singles(), *pairs()]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        outcomes = list(pool.imap(_told, map(str, cells), chunksize=2))
    print("\n".join(table(outcomes)))
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    print(f"{len(wrong)} of {len(outcomes)} cells went wrong" if wrong else f"nothing wrong in {len(outcomes)} cells")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
