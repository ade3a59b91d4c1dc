"""What trades come to: a mean never without its count, median, interval and costs, nor without the three best. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, median

import msgspec

from bot.backtest.trades import STILL_OPEN, Look, Played, Trade

HOUR_MS = 3_600_000
BEST_LEFT_OUT = 3
# More than this on average, over so many trades, is a leak or a missing cost until shown otherwise (docs/backtest.md).
SUSPICIOUS_MEAN, SUSPICIOUS_TRADES = 0.15, 200
# The 97.5th percentile of Student's t by degrees of freedom; beyond the last the normal distribution's.
T_975 = {
    1: 12.71,
    2: 4.30,
    3: 3.18,
    4: 2.78,
    5: 2.57,
    6: 2.45,
    7: 2.36,
    8: 2.31,
    9: 2.26,
    10: 2.23,
    15: 2.13,
    20: 2.09,
    30: 2.04,
}
NORMAL_975 = 1.96


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report; changes are shares of what each trade paid, money is lamports.

    `low` and `high` bound the mean with 95 % by hours: trades of one hour share its market and are no independent draws.
    They are None below two hours, `without_best` with no more than three trades. `failed` orders traded nothing, and what they
    cost is in `net_lamports`.
    """

    name: str
    trades: int
    won: int
    mean: float
    median: float
    low: float | None
    high: float | None
    without_best: float | None
    net_lamports: int
    paid_lamports: int
    fees_lamports: int
    failed: int
    failed_lamports: int
    drawdown_lamports: int
    still_open: int
    looks: int
    suspicious: bool


class ReasonLine(msgspec.Struct, frozen=True, kw_only=True):
    """The trades that ended for one reason."""

    reason: str
    trades: int
    won: int
    net_lamports: int


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The trades that were bought with a confidence from `from_bps` on, up to the next bin."""

    from_bps: int
    trades: int
    won: int
    mean: float


def joined(parts: Iterable[Sequence[Played]]) -> list[Played]:
    """The parts of a market as one, by the order in which the names first appear."""
    found: dict[str, list[Played]] = defaultdict(list)
    for part in parts:
        for one in part:
            found[one.name].append(one)
    return [
        Played(
            name=name,
            trades=_by_opening(trade for one in pieces for trade in one.trades),
            looks=tuple(sorted((look for one in pieces for look in one.looks), key=_look_order)),
            failed=sum(one.failed for one in pieces),
            failed_lamports=sum(one.failed_lamports for one in pieces),
            troubles=tuple(dict.fromkeys(trouble for one in pieces for trouble in one.troubles)),
        )
        for name, pieces in found.items()
    ]


def _by_opening(trades: Iterable[Trade]) -> tuple[Trade, ...]:
    return tuple(sorted(trades, key=lambda one: (one.opened_ms, one.mint)))


def _look_order(look: Look) -> tuple[int, str]:
    return look.at_ms, look.mint


def summed(played: Played) -> Summary:
    """The line of one set or baseline."""
    changes = [trade.change for trade in played.trades]
    mean = fmean(changes) if changes else 0.0
    bounds = interval([(trade.opened_ms // HOUR_MS, trade.change) for trade in played.trades])
    left = sorted(changes)[:-BEST_LEFT_OUT] if len(changes) > BEST_LEFT_OUT else []
    return Summary(
        name=played.name,
        trades=len(changes),
        won=sum(trade.net_lamports > 0 for trade in played.trades),
        mean=mean,
        median=median(changes) if changes else 0.0,
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
        without_best=fmean(left) if left else None,
        net_lamports=sum(trade.net_lamports for trade in played.trades) - played.failed_lamports,
        paid_lamports=sum(trade.paid_lamports for trade in played.trades),
        fees_lamports=sum(trade.fees_lamports for trade in played.trades),
        failed=played.failed,
        failed_lamports=played.failed_lamports,
        drawdown_lamports=drawdown(equity(played.trades)),
        still_open=sum(trade.reason == STILL_OPEN for trade in played.trades),
        looks=len(played.looks),
        suspicious=len(changes) > SUSPICIOUS_TRADES and mean > SUSPICIOUS_MEAN,
    )


def interval(changes: Sequence[tuple[int, float]]) -> tuple[float, float] | None:
    """The 95 % interval of the mean of changes that come in groups; None for fewer than two groups.

    The groups' sums of deviations are what varies, so that a lucky hour counts once and not as often as it had trades.
    """
    groups: dict[int, list[float]] = defaultdict(list)
    for group, change in changes:
        groups[group].append(change)
    count = len(groups)
    if count < 2:
        return None
    mean = fmean(change for _, change in changes)
    spread = sum(sum(change - mean for change in group) ** 2 for group in groups.values())
    error = sqrt(count / (count - 1) * spread) / len(changes)
    reach = _t_975(count - 1) * error
    return mean - reach, mean + reach


def _t_975(degrees: int) -> float:
    fitting = [known for known in T_975 if known <= degrees]
    return NORMAL_975 if degrees > max(T_975) else T_975[max(fitting)]


def equity(trades: Sequence[Trade]) -> list[tuple[int, int]]:
    """When each trade ended, and what all of them had made until then."""
    total, found = 0, []
    for trade in sorted(trades, key=lambda one: (one.closed_ms, one.mint)):
        total += trade.net_lamports
        found.append((trade.closed_ms, total))
    return found


def drawdown(curve: Sequence[tuple[int, int]]) -> int:
    """The greatest fall from a height that was reached before, zero included; not negative."""
    height, worst = 0, 0
    for _, total in curve:
        height = max(height, total)
        worst = max(worst, height - total)
    return worst


def by_reason(trades: Sequence[Trade]) -> list[ReasonLine]:
    """The most frequent reason first."""
    groups: dict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        groups[trade.reason].append(trade)
    lines = [
        ReasonLine(
            reason=reason,
            trades=len(group),
            won=sum(trade.net_lamports > 0 for trade in group),
            net_lamports=sum(trade.net_lamports for trade in group),
        )
        for reason, group in groups.items()
    ]
    return sorted(lines, key=lambda line: (-line.trades, line.reason))


def calibration(trades: Sequence[Trade], step_bps: int = 500) -> list[Bin]:
    """How trades went by the confidence that they were bought with, bins without a trade left out."""
    groups: dict[int, list[Trade]] = defaultdict(list)
    for trade in trades:
        if trade.confidence_bps is not None:
            groups[trade.confidence_bps // step_bps * step_bps].append(trade)
    return [
        Bin(
            from_bps=from_bps,
            trades=len(group),
            won=sum(trade.net_lamports > 0 for trade in group),
            mean=fmean(trade.change for trade in group),
        )
        for from_bps, group in sorted(groups.items())
    ]
