"""`bot train` from recorded files to a model's folder and the report on it; whoever calls it shows how far it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.analysis.model import CLASSES, ENTRY_MEAN, HEADS
from bot.analysis.training import evaluate
from bot.analysis.training.dataset import Bools, Dataset, build
from bot.analysis.training.fit import Fitted, fit, fit_head, label_of, write
from bot.analysis.training.outcomes import Judge
from bot.analysis.training.recorded import read_market
from bot.analysis.training.report import text_of
from bot.analysis.training.splits import Fold, last_part, walk_forward
from bot.errors import BotError

SHUFFLES, SHUFFLED_ROUNDS = 8, 20

# Called with the name of the step, how much of it is done and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model's version and the report for people."""

    version: str
    report: str


@dataclass(slots=True)
class _Step:
    progress: Progress
    name: str
    total: int
    done: int = 0

    def __call__(self) -> None:
        self.done += 1
        self.progress(self.name, self.done, self.total)


def train(sources: Sequence[Path], out: Path, seed: int, by: Judge, progress: Progress) -> Trained:
    """Train on recorded markets and write the model below `out`; raises BotError with one line. `by` judges entries.

    What the report says of the model is measured by walking forward: each test block is judged by heads that were trained
    and calibrated before it. The model that is kept is then trained in the same way on everything.
    """
    market = read_market(sources)
    replay = _Step(progress, "replaying the trades", market.tokens_count)
    data = build(market.tokens(), by, market.ends_ms, replay)
    folds = walk_forward(data, by.horizon_ms)
    fits = _Step(progress, "training", (len(folds) + 1) * len(HEADS) + len(CLASSES))
    on = _tested(data, folds, seed, fits)
    shuffled = _shuffled(data, folds[-1], seed, fits)
    facts = _facts(on, by, shuffled, seed) | {
        "data": {
            "fingerprint": market.fingerprint,
            "tokens": market.tokens_count,
            "moments": len(data),
            "last_ms": int(data.at_ms.max()),
        },
        "traders_known": data.traders_known,
    }
    train_part, calibrate_part = last_part(data, by.horizon_ms)
    kept = fit(data.where(train_part), data.where(calibrate_part), seed, fits)
    try:
        version = write(out, kept, data, seed, facts)
    except OSError as error:
        raise BotError(f"{out}: the model cannot be written: {error.strerror}; give another --out") from error
    return Trained(version, text_of(version, facts, market.left_out))


def _tested(data: Dataset, folds: list[Fold], seed: int, step: Callable[[], None]) -> evaluate.Tested:
    parts: list[tuple[Dataset, Fitted, Bools]] = []
    for fold in folds:
        fitted = fit(data.where(fold.train), data.where(fold.calibrate), seed, step)
        parts.append((data.where(fold.test), fitted, fold.unseen[fold.test]))
    return evaluate.tested(data, parts)


def _shuffled(data: Dataset, fold: Fold, seed: int, step: Callable[[], None]) -> dict[str, float]:
    """The AUC of heads that were trained on labels in another order: anything but chance would be a leak.

    One order may lie well by accident, because moments of a token are alike; so it is the mean of several.
    """
    part, test = data.where(fold.train), data.where(fold.test)
    draw = np.random.default_rng(seed)
    told = {}
    for name in CLASSES:
        scores = []
        for _ in range(SHUFFLES):
            booster = fit_head(name, part.rows, draw.permutation(label_of(part, name)), seed, SHUFFLED_ROUNDS)
            scores.append(evaluate.auc(np.asarray(booster.predict(test.rows, num_threads=1)), label_of(test, name) > 0))
        told[name] = float(np.mean(scores))
        step()
    return told


def _facts(on: evaluate.Tested, by: Judge, shuffled: dict[str, float], seed: int) -> dict[str, Any]:
    buys = on.values["mean"] > ENTRY_MEAN
    chosen = evaluate.ways(on, buys, seed)
    lines = [evaluate.line(name, trades, seed) for name, trades in chosen.items()]
    against = {
        f"{first} over {second}": evaluate.difference(chosen[first], chosen[second], seed)
        for first, second in (
            ("model", "rules"),
            ("model", "random"),
            ("rules", "random"),
            ("model", "buy all"),
            ("model, strong", "rules, strong"),
            ("rules, strong", "random"),
        )
    }
    facts = {
        "metrics": evaluate.metrics(on),
        "shuffled_auc": shuffled,
        "lines": [asdict(line) for line in lines],
        "suspicious": [line.name for line in lines if line.is_suspicious],
        "differences": against,
        "exits": {
            "take_profit_bps": by.plan.take_profit_bps,
            "stop_loss_bps": by.plan.stop_loss_bps,
            "max_hold_s": by.plan.max_hold_s,
        },
        "costs": {
            "fee_bps": by.costs.fee_bps,
            "network_lamports": by.costs.network_lamports,
            "latency_ms": by.costs.latency_ms,
            "spend_lamports": by.costs.spend_lamports,
        },
        "payoff": _payoff(on, buys),
    }
    return _without_nan(facts)  # type: ignore[no-any-return]


def _without_nan(value: Any) -> Any:
    """The same for JSON, which knows no NaN: what could not be measured is null."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _payoff(on: evaluate.Tested, buys: Bools) -> dict[str, float]:
    """What entries of the model won and lost on average where it bought; of all moments where it hardly ever did."""
    change = on.data.change[buys] if int(buys.sum()) >= 100 else on.data.change
    won, lost = change[change > 0], change[change <= 0]
    return {
        "won": float(won.mean()) if len(won) else 0.0,
        "lost": float(-lost.mean()) if len(lost) else 1.0,
    }
