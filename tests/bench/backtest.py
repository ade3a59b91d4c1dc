"""A backtest beside reading its file alone: rows a second, and how many seconds of market a second of CPU plays."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from bot.backtest.market import read_market
from bot.backtest.parameters import DEFAULT
from bot.backtest.play import Terms, play
from tests.backtest.small_market import moved, riser, write
from tests.bench.measure import Metrics, compete, cpu_s
from tests.bench.table import Line, alone, line, per_second, times

ROUNDS = 3
TOKENS = 120
LAUNCH_EVERY_MS = 5_000
TRADES = 60


def backtest(draw: random.Random) -> list[Line]:
    """Ten minutes of a market with a launch every five seconds, of which each trades for some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "market.csv", _rows(draw))
        market = read_market(path)
        rows, span_s = market.rows.height, (market.last_ms - market.first_ms) / 1000

        def played() -> Metrics:
            began = cpu_s()
            play(read_market(path), (DEFAULT,), Terms())
            spent_s = cpu_s() - began
            return {"backtest": spent_s / rows, "speed": span_s / spent_s}

        def parsed() -> Metrics:
            began = cpu_s()
            for told in read_market(path).told():
                assert told.at_ms
            return {"parsing the file": (cpu_s() - began) / rows}

        rounds = compete([played, parsed], rounds=ROUNDS, draw=draw)
    return [
        line(rounds, "backtest: rows through the whole bot", "backtest", "parsing the file", per_second),
        alone(rounds, "backtest: seconds of market in a second of CPU", "speed", times),
    ]


def _rows(draw: random.Random) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for number in range(TOKENS):
        mint, at_ms = f"Bench{number:038d}", number * LAUNCH_EVERY_MS
        rows += riser(mint, at_ms, to_sol=draw.uniform(31, 45), rises_ms=draw.randrange(5_000, 60_000))
        sol, later_ms = draw.uniform(31, 45), 60_000
        for trade in range(TRADES):
            after = max(30.5, sol * draw.uniform(0.95, 1.05))
            later_ms += draw.randrange(100, 4_000)
            rows.append(moved(mint, at_ms + later_ms, sol, after, f"trader {trade}"))
            sol = after
    return rows
