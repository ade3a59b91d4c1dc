"""Training the heads of a model, calibrating them on what was held out, and writing the folder that `Model.load` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from bot.analysis.calibration import Calibration, fit_isotonic
from bot.analysis.drift import reference_of
from bot.analysis.model import CLASSES, FILE, FORMAT, HEADS, QUANTILES
from bot.analysis.training.dataset import JUDGED_AT_S, Dataset, Floats
from bot.analysis.vector import FEATURE_HASH, NAMES

ROUNDS = 150
PROOFS = 8


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trained heads as their texts, with the lines from scores to what was measured."""

    boosters: dict[str, Any]
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    shifts: dict[str, float] = field(default_factory=dict)

    def raw(self, name: str, rows: Floats) -> Floats:
        """The raw scores of many rows."""
        return np.asarray(self.boosters[name].predict(rows, raw_score=True, num_threads=1), dtype=np.float64)

    def value(self, name: str, rows: Floats) -> Floats:
        """What a calibrated head says of many rows."""
        calibration = self.calibrations[name]
        return np.asarray(np.interp(self.raw(name, rows), calibration.at, calibration.gives), dtype=np.float64)

    def quantiles(self, rows: Floats) -> Floats:
        """The three quantiles of each row, in order."""
        return np.sort(np.stack([self.raw(name, rows) + self.shifts[name] for name in QUANTILES], axis=1), axis=1)


def label_of(data: Dataset, name: str) -> Floats:
    """What a head learns."""
    labels = {"rug": data.rug, "double": data.doubled, "gain": data.gained}
    return labels.get(name, data.clipped).astype(np.float64)


def fit(train: Dataset, calibrate: Dataset, seed: int, step: Callable[[], None] = lambda: None) -> Fitted:
    """All heads; `step` is called after each. The same data and seed give the same heads."""
    fitted = Fitted({})
    for name in HEADS:
        fitted.boosters[name] = fit_head(name, train.rows, label_of(train, name), seed)
        scores, came = fitted.raw(name, calibrate.rows), label_of(calibrate, name)
        if name in QUANTILES:
            # So much is added that the share of outcomes below it is, on what was held out, the one that it is named for.
            fitted.shifts[name] = float(np.quantile(came - scores, QUANTILES[name]))
        else:
            fitted.calibrations[name] = fit_isotonic(scores.tolist(), came.tolist(), least=_least(len(came)))
        step()
    return fitted


def _least(moments: int) -> int:
    """Moments behind each point of a calibration."""
    return max(50, moments // 100)


def fit_head(name: str, rows: Floats, labels: Floats, seed: int, rounds: int = ROUNDS) -> Any:
    """One LightGBM booster."""
    objective = "binary" if name in CLASSES else "quantile" if name in QUANTILES else "regression"
    settings = {
        "objective": objective,
        "alpha": QUANTILES.get(name, 0.5),
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": max(20, len(rows) // 400),
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        # Boosters are small: on a busy machine threads that wait for each other cost more than they bring.
        "num_threads": 1,
        "feature_pre_filter": False,
        "verbosity": -1,
    }
    told = lightgbm.Dataset(rows, labels, feature_name=list(NAMES), free_raw_data=True)
    return lightgbm.train(settings, told, num_boost_round=rounds)


def write(folder: Path, fitted: Fitted, data: Dataset, seed: int, facts: dict[str, Any]) -> str:
    """Write a model's folder and return its version; raises OSError. What it says of itself holds no time and no place."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {name: fitted.boosters[name].model_to_string().encode() for name in HEADS}
    files = {name: sha256(text).hexdigest() for name, text in texts.items()}
    version = "model-" + sha256("".join(files.values()).encode()).hexdigest()[:8]
    about = {
        "format": FORMAT,
        "version": version,
        "feature_hash": FEATURE_HASH,
        "features": list(NAMES),
        "seed": seed,
        "files": files,
        "calibrations": {
            name: {"at": calibration.at, "gives": calibration.gives}
            for name, calibration in fitted.calibrations.items()
        },
        "shifts": fitted.shifts,
        "proofs": _proofs(fitted, data, seed),
        "reference": _reference(fitted, data),
        "importance": _importance(fitted),
        **facts,
    }
    for name, text in texts.items():
        (folder / f"{name}.txt").write_bytes(text)
    # Last, because a folder without it is no model.
    (folder / FILE).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n", "utf-8")
    return version


def _proofs(fitted: Fitted, data: Dataset, seed: int) -> dict[str, Any]:
    """A few rows and their raw scores, by which a model is recognised where it is loaded."""
    rows = data.rows[np.random.default_rng(seed).integers(0, len(data), PROOFS)]
    told = [[None if math.isnan(value) else value for value in row] for row in rows.tolist()]
    return {"rows": told, "scores": {name: fitted.raw(name, rows).tolist() for name in HEADS}}


def _reference(fitted: Fitted, data: Dataset) -> dict[str, Any]:
    """What rows and scores look like at the age at which a tracker gives its opinion, for whoever watches for drift."""
    judged = data.where(data.at_ms - data.first_ms == JUDGED_AT_S * 1_000)
    return reference_of(judged.rows.tolist(), fitted.value("gain", judged.rows).tolist())


def _importance(fitted: Fitted) -> dict[str, float]:
    """Each feature's share of what all trees of the heads for rug and gain gained by splitting on it."""
    gains = sum(fitted.boosters[name].feature_importance("gain") for name in ("rug", "gain"))
    total = float(sum(gains)) or 1.0
    return {name: round(float(gain) / total, 4) for name, gain in zip(NAMES, gains, strict=True)}
