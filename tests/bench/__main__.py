"""`python -m tests.bench [NAME ...] [--seed N]`: run every benchmark, or those that are named, and print one table.

Nothing here is a test: a slow machine fails nothing, and `make test` runs none of it.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from bot import logs
from bot.interpreter import tune_interpreter
from tests.bench.admin import admin
from tests.bench.analysis import analysis
from tests.bench.backtest import backtest
from tests.bench.copies import copies
from tests.bench.crowd import crowd
from tests.bench.entry import entry
from tests.bench.flatten import flatten
from tests.bench.footprint import footprint
from tests.bench.launch import launch, launch_alone
from tests.bench.lifecycle import restart, spawn, stop, storm
from tests.bench.log_lines import log_lines
from tests.bench.mail import mail
from tests.bench.market import decode, features
from tests.bench.measure import wall_s
from tests.bench.model import model
from tests.bench.positions import positions
from tests.bench.reads import reads
from tests.bench.scores import scores
from tests.bench.storage import storage
from tests.bench.table import Line, render_table
from tests.bench.tenants import tenants
from tests.bench.trade import trade
from tests.bench.vault import vault
from tests.bench.wallets import wallets

BENCHMARKS: dict[str, Callable[[random.Random], list[Line]]] = {
    "mail": mail,
    "spawn": spawn,
    "restart": restart,
    "storm": storm,
    "stop": stop,
    "footprint": footprint,
    "crowd": crowd,
    "admin": admin,
    "features": features,
    "analysis": analysis,
    "model": model,
    "backtest": backtest,
    "decode": decode,
    "positions": positions,
    "wallets": wallets,
    "scores": scores,
    "reads": reads,
    "vault": vault,
    "log_lines": log_lines,
    "trade": trade,
    "entry": entry,
    "launch": launch,
    "launch_alone": launch_alone,
    "copies": copies,
    "flatten": flatten,
    "tenants": tenants,
    "storage": storage,
}
DEFAULT_SEED = 1


def main(arguments: Sequence[str]) -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure CPU time against floors.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)}; none means all")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the drawn orders and markets")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    print(_machine(chosen.seed), flush=True)
    tune_interpreter()  # as `bot run` does
    lines: list[Line] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            # As in production, so that what a log line costs is in the numbers.
            logs.configure("info", file=Path(folder, "bench.log"))
            for name in chosen.names or BENCHMARKS:
                lines += _run(name, chosen.seed)
    finally:
        # What was measured before something broke is told too.
        print(f"\n{render_table(lines)}\n\n{_verdict(lines)}", flush=True)


def _run(name: str, seed: int) -> list[Line]:
    """Each benchmark draws from the seed alone, so that one that is run by itself does what it does among all."""
    began = wall_s()
    lines = BENCHMARKS[name](random.Random(seed))
    print(f"{name}: {wall_s() - began:.0f} s", file=sys.stderr, flush=True)
    return lines


def _machine(seed: int) -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"seed {seed}; {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; Python"
        f" {platform.python_version()}, trio {trio.__version__}; load average {load} before the first benchmark"
    )


def _verdict(lines: Sequence[Line]) -> str:
    with_figure = [one for one in lines if one.to_reach]
    if not with_figure:
        return "no figure was set for these"
    missed = [one.what.strip() for one in with_figure if one.reached != "yes"]
    told = f"{len(with_figure) - len(missed)} of {len(with_figure)} figures reached"
    return f"{told}; missed: {'; '.join(missed)}" if missed else told


if __name__ == "__main__":
    main(sys.argv[1:])
