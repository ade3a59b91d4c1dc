"""What every pattern looks at, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.bags import Holding
from bot.analysis.curve_signs import CurveSigns
from bot.analysis.flow import Volume


@dataclass(frozen=True, slots=True)
class Seen:
    """A token at one moment, as the analyzers measured it. `early_buys` are those of its first thirty seconds."""

    age_s: float
    early_buys: int
    volume: Volume
    holding: Holding
    curve: CurveSigns


@dataclass(frozen=True, slots=True)
class Sign:
    """One pattern: `strength` is 0 to 1, `evidence` the numbers behind it in one line, empty for none."""

    strength: float = 0.0
    evidence: str = ""


NOTHING = Sign()


def between(value: float, low: float, high: float) -> float:
    """How far `value` has come from `low` to `high`, 0 to 1; 0 for no number."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if not math.isnan(value) else 0.0
