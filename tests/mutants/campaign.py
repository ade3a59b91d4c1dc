"""Brings classic mistakes back into a copy of the source, one at a time, and prints which check catches each.

`make mutants`, or `python -m tests.mutants.campaign --only "buys while it is paused"`. The unchanged copy comes first and
must pass. Exit code 1 when a mutant survives, or no longer applies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.mutants.chain_mutants import CHAIN_MUTANTS
from tests.mutants.copy_mutants import COPY_MUTANTS
from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("bot", "actors", "tests", "supervision.toml", "pyproject.toml")
ALL = (*MUTANTS, *CHAIN_MUTANTS, *COPY_MUTANTS)
EVERY_TEST = tuple(dict.fromkeys(test for mutant in ALL for test in mutant.tests))
UNCHANGED = Mutant("the source as it is", (), EVERY_TEST)
SEEDS = 60
WITHIN_S = 900.0
ROW = "{:<55} {:<38} {}"


class DoesNotApply(Exception):
    """A mutant's text is not in the source exactly once; the mutant has to follow the source."""


def main(argv: Sequence[str] | None = None) -> int:
    """Try every mutant and print the table; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Hold the checks against classic mistakes.")
    parser.add_argument("--only", metavar="NAME", help="just this mutant")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="seeds of the simulation for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args(argv)
    chosen = [mutant for mutant in ALL if arguments.only in (None, mutant.name)]
    print(ROW.format("mutant", "caught by", "which said"), flush=True)
    survived: list[str] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        tried = pool.map(partial(caught_by, seeds=arguments.seeds), [UNCHANGED, *chosen])
        for mutant, (check, said) in zip([UNCHANGED, *chosen], tried, strict=True):
            print(ROW.format(mutant.name, check or "nothing", said[:160]), flush=True)
            if bool(check) is (mutant is UNCHANGED):
                survived.append(mutant.name)
    print(f"\nnot as it should be: {'; '.join(survived)}" if survived else f"\nall {len(chosen)} were caught")
    return 1 if survived else 0


def caught_by(mutant: Mutant, *, seeds: int) -> tuple[str, str]:
    """The check that objects to a mutant, and what it said; empty when none does."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        try:
            apply(mutant, copy)
        except DoesNotApply as error:
            return "", f"DOES NOT APPLY: {error}"
        return _checked(copy, seeds, mutant.tests)


def apply(mutant: Mutant, copy: Path) -> None:
    """Change the copy; raises DoesNotApply."""
    for edit in mutant.edits:
        file = copy / edit.file
        text = file.read_text("utf-8")
        if text.count(edit.old) != 1:
            raise DoesNotApply(f"{edit.file} has {text.count(edit.old)} times {edit.old.strip()!r}")
        file.write_text(text.replace(edit.old, edit.new), "utf-8")


def _checked(copy: Path, seeds: int, tests: Sequence[str]) -> tuple[str, str]:
    command = [sys.executable, "-m", "tests.mutants.checks", str(seeds), *tests]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env={**environment, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "the clock", f"not done within {WITHIN_S:.0f} s"
    if done.returncode != 0:
        return "the interpreter", done.stderr.strip().splitlines()[-1]
    told = json.loads(done.stdout.splitlines()[-1])
    return told["check"], told["said"]


if __name__ == "__main__":
    sys.exit(main())
