"""What kind of market it is, from all tokens that this bot watches together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median, quantiles

TOKENS_LEAST = 8  # of fewer tokens nothing is said
FLOW_LEAST = 0.10  # of the volume that must have stayed, or left, for a direction
SPREAD_LEAST = 1.0  # between the ninth and the first decile of the changes: the price of many doubles or is lost


class RegimeKind(StrEnum):
    BULL = "bull"
    BEAR = "bear"
    VOLATILE = "volatile"
    QUIET = "quiet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TokenMove:
    """What one token did in the last five minutes: its change of price as a fraction, volume and net inflow in lamports."""

    change: float
    volume_lamports: int
    net_lamports: int


@dataclass(frozen=True, slots=True)
class Regime:
    """`flow` is the net inflow as a part of the volume, -1 to 1; `rising` the part of tokens whose price rose.

    `change` is the middle change of price, `spread` the distance between the ninth and the first decile of changes, and
    `tokens` how many were traded in that time.
    """

    kind: RegimeKind
    flow: float
    rising: float
    change: float
    spread: float
    tokens: int

    @property
    def evidence(self) -> str:
        """One line for people."""
        if self.kind is RegimeKind.UNKNOWN:
            return f"{self.tokens} tokens traded in the last 5 min are too few to tell the market"
        return (
            f"{self.tokens} tokens traded in the last 5 min, {self.rising:.0%} rose, {self.flow:+.0%} of the volume stayed,"
            f" middle change {self.change:+.0%}"
        )


UNKNOWN_REGIME = Regime(RegimeKind.UNKNOWN, math.nan, math.nan, math.nan, math.nan, 0)


def regime_of(moves: Sequence[TokenMove]) -> Regime:
    """The market in which these tokens were traded; those without any volume are left out, and strange numbers too."""
    traded = [move for move in moves if move.volume_lamports > 0 and math.isfinite(move.change)]
    if len(traded) < TOKENS_LEAST:
        return Regime(RegimeKind.UNKNOWN, math.nan, math.nan, math.nan, math.nan, len(traded))
    changes = [move.change for move in traded]
    deciles = quantiles(changes, n=10, method="inclusive")
    flow = sum(move.net_lamports for move in traded) / sum(move.volume_lamports for move in traded)
    spread = deciles[-1] - deciles[0]
    return Regime(
        kind=_kind(flow, spread),
        flow=flow,
        rising=sum(change > 0 for change in changes) / len(changes),
        change=median(changes),
        spread=spread,
        tokens=len(traded),
    )


def _kind(flow: float, spread: float) -> RegimeKind:
    """A direction of the money counts before the width of the moves: in a market of new tokens those are always wide."""
    if flow >= FLOW_LEAST:
        return RegimeKind.BULL
    if flow <= -FLOW_LEAST:
        return RegimeKind.BEAR
    return RegimeKind.VOLATILE if spread >= SPREAD_LEAST else RegimeKind.QUIET
