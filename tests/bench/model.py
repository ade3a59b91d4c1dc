"""What asking a model of entries costs: through the C interface, against the package's own prediction of the same row."""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path

import lightgbm
import numpy as np

from bot.analysis.model import HEADS, Model
from bot.analysis.token_analysis import TokenAnalysis
from bot.analysis.training.dataset import JUDGED_AT_S, Dataset
from bot.analysis.training.fit import fit, write
from bot.analysis.vector import FEATURES, row
from tests.bench.market import busy_launch
from tests.bench.measure import Metrics, compete, cpu_s
from tests.bench.table import Line, duration, line

ROUNDS = 9
MOMENTS = 4_000
CALLS = 300


def model(draw: random.Random) -> list[Line]:
    """One row of an analysis, and what the seven heads of a model of ordinary size say of it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = _drawn(draw.randrange(2**31))
        facts = {"payoff": {"won": 0.2, "lost": 0.1}}
        write(place, fit(data, data, 1), data, 1, facts)
        served = Model.load(place)
        boosters = [lightgbm.Booster(model_file=str(place / f"{name}.txt")) for name in HEADS]
    rows = [[float(value) for value in one] for one in data.rows[:CALLS]]
    arrays = [data.rows[place : place + 1] for place in range(CALLS)]
    trades, launch = busy_launch(draw)
    analysis = TokenAnalysis(launch)
    for trade in trades:
        analysis.add(trade)
    at_ms = trades[-1].seen_at_ms
    seen = analysis.analysis(at_ms)

    def outcome() -> Metrics:
        began = cpu_s()
        for one in rows:
            served.predict(one)
        return {"outcome": (cpu_s() - began) / CALLS}

    def package() -> Metrics:
        began = cpu_s()
        for one in arrays:
            for booster in boosters:
                booster.predict(one, num_threads=1)
        return {"Booster.predict": (cpu_s() - began) / CALLS}

    def vector() -> Metrics:
        began = cpu_s()
        for _ in range(CALLS):
            row(seen)
        return {"row": (cpu_s() - began) / CALLS}

    def measured() -> Metrics:
        began = cpu_s()
        for _ in range(CALLS):
            analysis.analysis(at_ms)
        return {"analysis": (cpu_s() - began) / CALLS}

    rounds = compete([outcome, package, vector, measured], rounds=ROUNDS, draw=draw)
    return [
        line(
            rounds,
            f"a model's outcome of one row ({len(HEADS)} heads, calibrated)",
            "outcome",
            "Booster.predict",
            duration,
        ),
        line(rounds, f"a row of {len(FEATURES)} features from an analysis", "row", "analysis", duration),
    ]


def _drawn(seed: int) -> Dataset:
    """Moments without any sense, as many as make boosters of the usual size."""
    draw = np.random.default_rng(seed)
    rows = draw.lognormal(0, 1, (MOMENTS, len(FEATURES)))
    rows[draw.random(rows.shape) < 0.1] = math.nan
    token = np.arange(MOMENTS)
    first_ms = token * 2_000
    change = np.tanh(np.nan_to_num(rows[:, 0] - rows[:, 1]) + draw.normal(0, 1, MOMENTS))
    came = change > 0
    at_ms = first_ms + JUDGED_AT_S * 1_000
    return Dataset(rows, token, token, first_ms, at_ms, change, came, came, 9_000 * came, traders_known=True)
