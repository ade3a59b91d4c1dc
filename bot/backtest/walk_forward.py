"""Choosing a parameter set by the past alone and judging it by what came then, fold after fold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

import msgspec

from bot.backtest.results import Summary, summed
from bot.backtest.trades import Played, Trade

CHOSEN = "walk-forward"
LEAST_TRADES = 20  # of a set in the past, before it can be chosen


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """`chosen` is the set with the best mean before `start_ms`, None where none had traded enough; what it then did is beside."""

    start_ms: int
    end_ms: int
    chosen: str | None
    past_trades: int
    past_mean: float
    trades: int
    mean: float


class WalkForward(msgspec.Struct, frozen=True, kw_only=True):
    """The folds, what was traded in all of them together, and beside it each set over the same time."""

    folds: tuple[Fold, ...]
    result: Summary
    beside: tuple[Summary, ...]


def walk_forward(sets: Sequence[Played], start_ms: int, end_ms: int, folds: int) -> WalkForward:
    """The first of `folds` + 1 equal spans is past only; each later one is judged once.

    Trades that were open across a border are no past of the fold behind it: how they ended was not known there.
    """
    width = (end_ms - start_ms) // (folds + 1)
    borders = [start_ms + width * number for number in range(1, folds + 1)] + [end_ms]
    found: list[Fold] = []
    taken: list[Trade] = []
    for begin_ms, until_ms in pairwise(borders):
        past = {one.name: [trade for trade in one.trades if trade.closed_ms < begin_ms] for one in sets}
        fit = {
            name: fmean(trade.change for trade in trades)
            for name, trades in past.items()
            if len(trades) >= LEAST_TRADES
        }
        chosen = max(fit, key=lambda name: (fit[name], name), default=None)
        now = _opened(next((one for one in sets if one.name == chosen), None), begin_ms, until_ms)
        taken += now
        found.append(
            Fold(
                start_ms=begin_ms,
                end_ms=until_ms,
                chosen=chosen,
                past_trades=0 if chosen is None else len(past[chosen]),
                past_mean=0.0 if chosen is None else fit[chosen],
                trades=len(now),
                mean=fmean(trade.change for trade in now) if now else 0.0,
            )
        )
    beside = [summed(_only(one.name, _opened(one, borders[0], end_ms))) for one in sets]
    return WalkForward(folds=tuple(found), result=summed(_only(CHOSEN, taken)), beside=tuple(beside))


def _opened(played: Played | None, begin_ms: int, until_ms: int) -> list[Trade]:
    return [] if played is None else [trade for trade in played.trades if begin_ms <= trade.opened_ms < until_ms]


def _only(name: str, trades: Sequence[Trade]) -> Played:
    """Trades by themselves: orders that failed have no moment in the books of a set, and are left out of folds."""
    return Played(name=name, trades=tuple(trades), looks=(), failed=0, failed_lamports=0)
