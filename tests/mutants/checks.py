"""The fast checks that every mutant is held against, run inside the mutated copy; the first that objects is printed.

`python -m tests.mutants.checks SEEDS [TEST ...]` prints one JSON object: which check objected, and what it said, or
nothing. The tests that a mutant names come first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import bot
from tests.crash.matrix import walk
from tests.crash.scenarios import BY_NAME
from tests.simulation.campaign import played
from tests.simulation.determinism import run_seeded
from tests.simulation.rules import RULES

SCENARIOS = (
    "buy",
    "sell",
    "flatten",
    "sold too late",
    "boot with a planned buy",
    "boot with a buy that never left",
    "boot long after a landed buy",
    "taken back",
)

Check = Callable[[], str]


def main(seeds: int, tests: Sequence[str]) -> int:
    """Run the checks in order of their price until one objects."""
    assert Path(str(bot.__path__[0])).is_relative_to(Path.cwd()), f"this is {bot.__path__}, not the copy"
    caught = {"check": "", "said": ""}
    for name, check in _checks(seeds, tests):
        try:
            said = check()
        except Exception as error:  # a check that cannot even run objects as well
            said = f"raised {_leaf(error)!r} in {_place(error)}"
        if said:
            caught = {"check": name, "said": said}
            break
    print(json.dumps(caught))
    return 0


def _checks(seeds: int, tests: Sequence[str]) -> Iterator[tuple[str, Check]]:
    for test in tests:
        yield test, partial(_tested, test)
    for name, rule in RULES.items():
        yield f"rule {name}", rule
    for name in SCENARIOS:
        yield f"crash matrix, {name}", partial(_crashes, name)
    for seed in range(seeds):
        yield f"simulation, seed {seed}", partial(_simulates, seed)


def _tested(test: str) -> str:
    """What pytest says of a test that fails, in its last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED")] or done.stdout.splitlines()
    return "" if done.returncode == 0 else (lines or [done.stderr.strip()])[-1]


def _crashes(name: str) -> str:
    walked, _ = run_seeded(1, partial(walk, BY_NAME[name]))
    return "; ".join(walked.findings[:3])


def _simulates(seed: int) -> str:
    return played(seed).violation


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(_leaf(error).__traceback__)
    ours = [frame for frame in frames if "/tests/" in frame.filename or "/bot/" in frame.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "nowhere of ours"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
