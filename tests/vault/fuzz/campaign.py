"""Asks a vault for signatures that it must not give: `make fuzz-vault REQUESTS=100000 SEED=7`.

The first line names the seed. It ends with 1 where a message was signed that moves value outside of the policy.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog
import trio
from trio.testing import MockClock

from tests.vault.fuzz.robbery import Robbed, rob


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 where nothing was stolen."""
    parser = argparse.ArgumentParser(
        prog="campaign", description="Requests to the vault by somebody who holds its socket."
    )
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    print(f"seed {arguments.seed}", flush=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    robbed: list[BaseException] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            clock = MockClock(autojump_threshold=0)
            seen = trio.run(rob, arguments.seed, arguments.requests, Path(folder), clock=clock)
        for what, count in sorted(seen.items()):
            print(f"{count:>9} {what}", flush=True)
    except* Robbed as group:
        robbed += group.exceptions
    for error in robbed:
        print(f"{error}: make fuzz-vault SEED={arguments.seed} REQUESTS={arguments.requests}", flush=True)
    return 1 if robbed else 0


if __name__ == "__main__":
    sys.exit(main())
