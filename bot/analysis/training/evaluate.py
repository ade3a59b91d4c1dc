"""How decisions would have done on moments that training did not see: never a mean without what it has to be held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.analysis.model import QUANTILES
from bot.analysis.training.dataset import Bools, Dataset, Floats, Ints
from bot.analysis.training.fit import Fitted, label_of
from bot.trading.signal import STRONG_CONFIDENCE_BPS
from bot.trading.units import BPS

HOUR_MS = 3_600_000
RESAMPLES = 1_000
BEST_LEFT_OUT = 3
SUSPICIOUS_MEAN, SUSPICIOUS_TRADES = 0.15, 200
ALIKE = 0.001
RANDOM_SHARE = 0.25  # of all tokens are bought by chance, at a moment that is chance too


@dataclass(frozen=True, slots=True)
class Line:
    """One way to decide, on all tested tokens. Shares of what was spent, net of all costs; NaN where there is no trade.

    `low` and `high` hold 95 % of the means when whole clusters are drawn again; `without_best` is the mean without the three
    best trades.
    """

    name: str
    trades: int
    mean: float
    median: float
    low: float
    high: float
    without_best: float
    won: float

    @property
    def is_suspicious(self) -> bool:
        """Whether it is too good for a launchpad, where everything loses on average: a leak or a missing cost."""
        return self.trades > SUSPICIOUS_TRADES and self.mean > SUSPICIOUS_MEAN


@dataclass(frozen=True, slots=True)
class Trades:
    """One entry per token at most."""

    change: Floats
    cluster: Ints


@dataclass(frozen=True, slots=True)
class Tested:
    """Moments of all test blocks with what each block's own model says of them."""

    data: Dataset
    values: dict[str, Floats]
    raw: dict[str, Floats]
    quantiles: Floats
    unseen: Bools


def tested(data: Dataset, parts: list[tuple[Dataset, Fitted, Bools]]) -> Tested:
    """Put the test blocks together; each part is its moments, its model, and which of them are of creators never met."""
    chosen = np.concatenate([np.stack([part.token, part.at_ms], axis=1) for part, _, _ in parts])
    index = {
        (int(token), int(at_ms)): place for place, (token, at_ms) in enumerate(zip(data.token, data.at_ms, strict=True))
    }
    places = np.array([index[int(token), int(at_ms)] for token, at_ms in chosen], dtype=np.int64)
    names = ("rug", "double", "gain", "mean")
    return Tested(
        data.where(places),  # type: ignore[arg-type]  # by place instead of by mask
        {name: np.concatenate([fitted.value(name, part.rows) for part, fitted, _ in parts]) for name in names},
        {name: np.concatenate([fitted.raw(name, part.rows) for part, fitted, _ in parts]) for name in names},
        np.concatenate([fitted.quantiles(part.rows) for part, fitted, _ in parts]),
        np.concatenate([unseen for _, _, unseen in parts]),
    )


def first_of_each(data: Dataset, buys: Bools) -> Trades:
    """One trade for each token: at the first of its moments that is a buy, as a sniper decides."""
    places = np.flatnonzero(buys)
    places = places[np.lexsort((data.at_ms[places], data.token[places]))]
    firsts = places[np.unique(data.token[places], return_index=True)[1]]
    return Trades(data.change[firsts], clusters_of(data)[firsts])


def clusters_of(data: Dataset) -> Ints:
    """What is drawn together: creators where they are known and fewer than tokens, else hours."""
    if len(np.unique(data.group)) < len(np.unique(data.token)) * 0.9:
        return data.group
    return np.asarray(data.first_ms // HOUR_MS, dtype=np.int64)


def line(name: str, trades: Trades, seed: int) -> Line:
    """The numbers of one way to decide."""
    if len(trades.change) == 0:
        return Line(name, 0, *[float("nan")] * 6)
    means = resampled([trades], seed)[0]
    low, high = np.quantile(means, (0.025, 0.975))
    rest = np.sort(trades.change)[:-BEST_LEFT_OUT]
    return Line(
        name,
        len(trades.change),
        float(trades.change.mean()),
        float(np.median(trades.change)),
        float(low),
        float(high),
        float(rest.mean()) if len(rest) else float("nan"),
        float((trades.change > 0).mean()),
    )


def resampled(many: list[Trades], seed: int) -> list[Floats]:
    """The means of several ways to decide when the same clusters are drawn again and again, with replacement."""
    clusters = np.unique(np.concatenate([trades.cluster for trades in many]))
    drawn = np.random.default_rng(seed).multinomial(len(clusters), [1 / len(clusters)] * len(clusters), RESAMPLES)
    means = []
    for trades in many:
        places = np.searchsorted(clusters, trades.cluster)
        sums = drawn @ np.bincount(places, trades.change, len(clusters))
        counts = drawn @ np.bincount(places, minlength=len(clusters))
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append(np.asarray(sums / counts, dtype=np.float64))
    return means


def difference(first: Trades, second: Trades, seed: int) -> dict[str, float] | None:
    """How much better the first does, with the interval that holds 95 % when clusters are drawn again; None without trades."""
    if min(len(first.change), len(second.change)) == 0:
        return None
    means = resampled([first, second], seed)
    low, high = np.nanquantile(means[0] - means[1], (0.025, 0.975))
    return {"mean": float(first.change.mean() - second.change.mean()), "low": float(low), "high": float(high)}


def auc(scores: Floats, came: Bools) -> float:
    """How often a moment where it came scores above one where it did not; 0.5 is chance, NaN where all are alike."""
    positive = int(came.sum())
    if positive in (0, len(came)):
        return float("nan")
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[came].sum() - positive * (positive + 1) / 2) / (positive * (len(came) - positive)))


def metrics(on: Tested) -> dict[str, Any]:
    """How well the heads rank and how true their numbers are."""
    told: dict[str, Any] = {"moments": len(on.data), "tokens": len(np.unique(on.data.token))}
    for name in ("rug", "double", "gain"):
        came = label_of(on.data, name) > 0
        told[name] = {
            "came": float(came.mean()),
            "auc": auc(on.raw[name], came),
            "auc_unseen_creators": auc(on.raw[name][on.unseen], came[on.unseen]),
            "brier": float(np.mean((on.values[name] - came) ** 2)),
            "calibration": reliability(on.values[name], came),
        }
    told["quantiles"] = {name: coverage(on.data.change, on.quantiles[:, place]) for place, name in enumerate(QUANTILES)}
    return told


def coverage(came: Floats, said: Floats) -> dict[str, float]:
    """Of what came, the share below a quantile and the share not above it; a true one's own share lies between the two.

    They differ where many came to the same: tokens that nobody trades again all lose the same costs.
    """
    return {"below": float((came < said - ALIKE).mean()), "not_above": float((came <= said + ALIKE).mean())}


def reliability(said: Floats, came: Bools) -> list[dict[str, float]]:
    """In ten parts of equal size by what was said: what was said, and what came."""
    parts = np.array_split(np.argsort(said, kind="stable"), 10)
    return [
        {"said": float(said[part].mean()), "came": float(came[part].mean()), "moments": len(part)}
        for part in parts
        if len(part)
    ]


def ways(on: Tested, buys: Bools, seed: int) -> dict[str, Trades]:
    """Every way to decide that is held against the others."""
    data = on.data
    draw = np.random.default_rng(seed)
    tokens = np.unique(data.token)
    bought = tokens[draw.random(len(tokens)) < RANDOM_SHARE]
    every = np.ones(len(data), dtype=np.bool_)
    by_chance = np.isin(data.token, bought) & _one_of_each(data, draw)
    return {
        "buy all": first_of_each(data, every),
        "random": first_of_each(data, by_chance),
        "rules": first_of_each(data, data.rule_bps > 0),
        "rules, strong": first_of_each(data, data.rule_bps >= STRONG_CONFIDENCE_BPS),
        "model": first_of_each(data, buys),
        "model, strong": first_of_each(data, buys & (on.values["gain"] >= STRONG_CONFIDENCE_BPS / BPS)),
    }


def _one_of_each(data: Dataset, draw: np.random.Generator) -> Bools:
    """One moment of each token by chance."""
    order = draw.permutation(len(data))
    chosen = np.zeros(len(data), dtype=np.bool_)
    chosen[order[np.unique(data.token[order], return_index=True)[1]]] = True
    return chosen
