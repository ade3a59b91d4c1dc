"""What a trader's closed positions say about him: points from 0 to 100 with the parts that they are made of. Pure, integers only.

They describe what was and promise nothing. Several positions in one token are one result, because somebody who divides one
lucky trade has not been right more often. One result counts as a doubling at most, the best of each twenty is left out, and
all of it is drawn towards zero while there are few results: what one stroke of luck can bring is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isqrt

from bot.trading.tiers import POINTS_MAX, Tier, tier_of
from bot.trading.units import BPS, LAMPORTS_PER_SOL

TOKENS_LEAST = 10  # results in distinct tokens; fewer are no record
DAYS_LEAST = 3  # on which something was closed
COST_LEAST_LAMPORTS = LAMPORTS_PER_SOL // 1_000  # a position of less is dust and says nothing
RESULT_MOST_BPS = BPS  # a result above a doubling counts as one
LEFT_OUT_OF = 20  # the best result of each so many is left out, at least one
PRIOR = 10  # so many results weigh as much as knowing nothing
RETURN_POINTS, STEADY_POINTS, DRAWDOWN_POINTS, RECORD_POINTS = 40, 25, 20, 15
RETURN_FULL_BPS = 2_000
STEADY_FULL_BPS = 5_000  # a mean of half its own spread
RECORD_FULL = 60
LOSER_MOST = 39  # whoever lost money in all is bronze
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closed position: what its buys cost, and its result net of every fee; lamports, milliseconds since 1970."""

    mint: str
    cost_lamports: int
    result_lamports: int
    closed_at_ms: int


@dataclass(frozen=True, slots=True)
class ReputationPart:
    """Points of `most` that a trader has for something, and in a few words why."""

    name: str
    points: int
    most: int
    why: str


@dataclass(frozen=True, slots=True)
class TraderSums:
    """Closed positions together: how many won and lost, and how much."""

    won: int = 0
    lost: int = 0
    won_lamports: int = 0
    lost_lamports: int = 0
    cost_lamports: int = 0

    @property
    def trades(self) -> int:
        return self.won + self.lost

    @property
    def result_lamports(self) -> int:
        """Net of every fee; `lost_lamports` is not positive."""
        return self.won_lamports + self.lost_lamports


@dataclass(frozen=True, slots=True)
class Reputation:
    """`points` are None while there is too little to say, and `lacks` says what; else the sum of the parts."""

    points: int | None
    parts: tuple[ReputationPart, ...] = ()
    lacks: str = ""

    @property
    def tier(self) -> Tier | None:
        return None if self.points is None else tier_of(self.points)


def sums_of(trades: Iterable[ClosedTrade]) -> TraderSums:
    """What closed positions come to; a position without a gain is lost, because the fees are."""
    results = [(trade.result_lamports, trade.cost_lamports) for trade in trades]
    gains = [result for result, _ in results if result > 0]
    losses = [result for result, _ in results if result <= 0]
    return TraderSums(len(gains), len(losses), sum(gains), sum(losses), sum(cost for _, cost in results))


def reputation_of(trades: Sequence[ClosedTrade]) -> Reputation:
    """The reputation of whoever made these, oldest first."""
    counted = [trade for trade in trades if trade.cost_lamports >= COST_LEAST_LAMPORTS]
    returns = _returns_bps(counted)
    days = len({trade.closed_at_ms // DAY_MS for trade in counted})
    if len(returns) < TOKENS_LEAST or days < DAYS_LEAST:
        return Reputation(
            None,
            lacks=f"{len(returns)} of {TOKENS_LEAST} tokens and {days} of {DAYS_LEAST} days with something closed",
        )
    usual = _without_the_best(returns)
    parts: tuple[ReputationPart, ...] = (_return(usual), _steady(usual), _drawdown(counted), _record(len(returns)))
    points = sum(part.points for part in parts)
    result = sum(trade.result_lamports for trade in counted)
    if result <= 0 and points > LOSER_MOST:
        parts = (*parts, ReputationPart("loss", LOSER_MOST - points, 0, "lost money in all"))
        points = LOSER_MOST
    return Reputation(min(points, POINTS_MAX), parts)


def _returns_bps(trades: Iterable[ClosedTrade]) -> list[int]:
    """By token what all positions in it brought for what they cost, a doubling at most."""
    of_mint: dict[str, tuple[int, int]] = {}
    for trade in trades:
        result, cost = of_mint.get(trade.mint, (0, 0))
        of_mint[trade.mint] = (result + trade.result_lamports, cost + trade.cost_lamports)
    return [min(max(result * BPS // cost, -BPS), RESULT_MOST_BPS) for result, cost in of_mint.values()]


def _without_the_best(returns: Sequence[int]) -> list[int]:
    left_out = max(1, len(returns) // LEFT_OUT_OF)
    return sorted(returns)[:-left_out]


def _known(share_bps: int, results: int, most: int) -> int:
    """Points for a share of the best, drawn to 0 while there are few results."""
    return most * min(max(share_bps, 0), BPS) * results // (BPS * (results + PRIOR))


def _mean(returns: Sequence[int]) -> int:
    return sum(returns) // len(returns)


def _return(usual: Sequence[int]) -> ReputationPart:
    mean = _mean(usual)
    points = _known(mean * BPS // RETURN_FULL_BPS, len(usual), RETURN_POINTS)
    told = f"{_percent(mean)} a token on average, the best left out and none above a doubling"
    return ReputationPart("return", points, RETURN_POINTS, told)


def _steady(usual: Sequence[int]) -> ReputationPart:
    mean = _mean(usual)
    spread = isqrt(sum((one - mean) ** 2 for one in usual) // len(usual))
    ratio_bps = mean * BPS // spread if spread else (BPS if mean > 0 else 0)
    points = _known(ratio_bps * BPS // STEADY_FULL_BPS, len(usual), STEADY_POINTS)
    return ReputationPart("steadiness", points, STEADY_POINTS, f"results spread by {_percent(spread)}")


def _drawdown(trades: Sequence[ClosedTrade]) -> ReputationPart:
    """What was lost at worst between a peak and a low after it, as a share of all gains."""
    total = peak = deepest = 0
    for trade in trades:
        total += trade.result_lamports
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    gains = sum(trade.result_lamports for trade in trades if trade.result_lamports > 0)
    kept_bps = BPS - deepest * BPS // gains if gains else 0
    points = _known(kept_bps, len(trades), DRAWDOWN_POINTS)
    told = f"{_percent(deepest * BPS // gains)} of all gains at worst" if gains else "no gain yet"
    return ReputationPart("drawdown", points, DRAWDOWN_POINTS, told)


def _record(tokens: int) -> ReputationPart:
    points = RECORD_POINTS * min(tokens, RECORD_FULL) // RECORD_FULL
    return ReputationPart("record", points, RECORD_POINTS, f"{tokens} tokens")


def _percent(bps: int) -> str:
    sign = "-" if bps < 0 else ""
    return f"{sign}{abs(bps) // 100}.{abs(bps) % 100 // 10} %"
