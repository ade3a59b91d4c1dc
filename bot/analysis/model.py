"""Serving a trained model: one row in, one outcome out, through LightGBM's C interface and without its Python package.

`LGBM_BoosterPredictForMatSingleRowFastInit` keeps what a prediction needs between calls; docs/model.md has the measured times.
"""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from bot.analysis.calibration import Calibration
from bot.analysis.vector import FEATURE_HASH, FEATURES
from bot.errors import BotError

FILE = "model.json"
FORMAT = 1
# What is asked of a row, one booster each. `gain`: an entry brings more than it costs.
CLASSES = ("rug", "double", "gain")
QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
HEADS = (*CLASSES, "mean", *QUANTILES)

# An entry is one when it is expected to bring more than it costs, as a share of what is spent.
ENTRY_MEAN = 0.0

_PREDICT_RAW = 1  # C_API_PREDICT_RAW_SCORE
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_SAME = 1e-9


class ModelRefused(BotError):
    """A model that may not be used; the text says why in one line and what to do. Rules judge in its place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model expects of an entry now, as frequencies and shares that were measured on held-out data.

    `rug_p`: four fifths of the SOL in the curve are taken out within the horizon. `up_p`: the price doubles before it halves.
    `gain_p`: the entry brings more than it costs, all costs paid. `mean`, `q10`, `q50` and `q90` are of its net result as a
    share of what is spent.
    """

    rug_p: float
    up_p: float
    gain_p: float
    mean: float
    q10: float
    q50: float
    q90: float


class _Library:
    """The shared library of the installed package, with what is called of it."""

    def __init__(self) -> None:
        found = find_spec("lightgbm")
        folders = found.submodule_search_locations if found is not None else None
        if not folders:
            raise ModelRefused("the package lightgbm is not installed; install the locked requirements")
        paths = [
            path for path in Path(folders[0]).glob("lib/lib_lightgbm.*") if path.suffix in (".so", ".dylib", ".dll")
        ]
        if not paths:
            raise ModelRefused(f"{folders[0]} has no lib_lightgbm in it; install the locked requirements again")
        try:
            self._c = ctypes.CDLL(str(paths[0]))
        except OSError as error:
            raise ModelRefused(
                f"LightGBM cannot be loaded: {error}; install libgomp1, see runbooks/model.md"
            ) from error
        self._c.LGBM_GetLastError.restype = ctypes.c_char_p
        self.predict = self._c.LGBM_BoosterPredictForMatSingleRowFast
        self.predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    def booster(self, text: bytes) -> ctypes.c_void_p:
        """A booster of a model's text; raises ModelRefused."""
        handle, iterations = ctypes.c_void_p(), ctypes.c_int()
        self._must(self._c.LGBM_BoosterLoadModelFromString(text, ctypes.byref(iterations), ctypes.byref(handle)))
        return handle

    def fast(self, booster: ctypes.c_void_p, columns: int) -> ctypes.c_void_p:
        """What single rows of so many columns are predicted with; raises ModelRefused where a model has other columns."""
        had, handle = ctypes.c_int(), ctypes.c_void_p()
        self._must(self._c.LGBM_BoosterGetNumFeature(booster, ctypes.byref(had)))
        if had.value != columns:
            raise ModelRefused(f"a model of {had.value} columns, rows have {columns}; train it again: bot train")
        self._must(
            self._c.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster, _PREDICT_RAW, 0, -1, _FLOAT64, columns, b"num_threads=1", ctypes.byref(handle)
            )
        )
        return handle

    def _must(self, code: int) -> None:
        if code != 0:
            told = " ".join(self._c.LGBM_GetLastError().decode(errors="replace").split())
            raise ModelRefused(f"LightGBM does not take the model: {told[:200]}; train it again: bot train")


@dataclass(slots=True, repr=False)
class Head:
    """One booster, served."""

    library: _Library
    booster: ctypes.c_void_p
    fast: ctypes.c_void_p
    _row: Any = field(init=False)
    _out: Any = field(default_factory=ctypes.c_double)
    _length: Any = field(default_factory=ctypes.c_int64)
    _places: tuple[int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._row = (ctypes.c_double * len(FEATURES))()
        self._places = (ctypes.addressof(self._row), ctypes.addressof(self._length), ctypes.addressof(self._out))

    def raw(self, row: Sequence[float]) -> float:
        """The raw score of one row."""
        self._row[:] = row
        if self.library.predict(self.fast, *self._places) != 0:
            return math.nan
        score: float = self._out.value
        return score


@dataclass(slots=True, repr=False)
class Model:
    """A trained model; `version` names it and `about` is what its training wrote down. Used by one thread."""

    version: str
    about: dict[str, Any]
    lost: float  # what an entry that does not gain loses on average, as a share of what is spent
    _heads: dict[str, Head]
    _calibrations: dict[str, Calibration]
    _shifts: dict[str, float]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder that `bot train` wrote; raises ModelRefused with one line.

        One of other features, of another format, with a file that is not the one that was written, or that gives other
        scores here than where it was trained, is refused.
        """
        about = _about(folder)
        library = _Library()
        heads = {}
        for name in HEADS:
            text = _text(folder, name, about)
            booster = library.booster(text)
            heads[name] = Head(library, booster, library.fast(booster, len(FEATURES)))
        try:
            calibrations = {
                name: Calibration(tuple(points["at"]), tuple(points["gives"]))
                for name, points in about["calibrations"].items()
            }
            shifts = {name: float(about["shifts"][name]) for name in QUANTILES}
            model = cls(str(about["version"]), about, float(about["payoff"]["lost"]), heads, calibrations, shifts)
            model._prove(about["proofs"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelRefused(
                f"{folder / FILE}: {error!r} is not as it was written; train it again: bot train"
            ) from error
        return model

    def predict(self, row: Sequence[float]) -> Outcome:
        """The expected outcome of an entry at a row of `vector.row`."""
        heads, calibrations = self._heads, self._calibrations
        low, middle, high = sorted(heads[name].raw(row) + self._shifts[name] for name in QUANTILES)
        return Outcome(
            rug_p=calibrations["rug"](heads["rug"].raw(row)),
            up_p=calibrations["double"](heads["double"].raw(row)),
            gain_p=calibrations["gain"](heads["gain"].raw(row)),
            mean=calibrations["mean"](heads["mean"].raw(row)),
            q10=low,
            q50=middle,
            q90=high,
        )

    def _prove(self, proofs: dict[str, Any]) -> None:
        """The rows that training scored must score the same here: the interface used is not a promised one."""
        for number, row in enumerate(proofs["rows"]):
            values = [math.nan if value is None else value for value in row]
            for name, head in self._heads.items():
                if not abs(head.raw(values) - proofs["scores"][name][number]) <= _SAME:
                    raise ModelRefused(
                        f"the model {self.version} scores otherwise here than where it was trained; train it here"
                    )


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelRefused(f"{folder / FILE} cannot be read: {error}; train a model: bot train") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ModelRefused(f"{folder / FILE} is no model of format {FORMAT}; train it again: bot train")
    if about.get("feature_hash") != FEATURE_HASH:
        told = str(about.get("feature_hash"))[:20]
        raise ModelRefused(
            f"the model in {folder} has features {told}, this bot has {FEATURE_HASH}; train it again: bot train"
        )
    return about


def _text(folder: Path, name: str, about: dict[str, Any]) -> bytes:
    path = folder / f"{name}.txt"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{path} cannot be read: {error}; train it again: bot train") from error
    if sha256(text).hexdigest() != about.get("files", {}).get(name):
        raise ModelRefused(
            f"{path} is not the file that was trained; copy the folder again or train it again: bot train"
        )
    return text
