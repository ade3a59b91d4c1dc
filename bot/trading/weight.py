"""How much of a user's amount a strategy may spend after what it has brought him so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.units import BPS, format_percent, format_sol

TRADES_MIN = 20  # fewer results say nothing
SHRINKS = 40  # results that count as much as the belief that it neither gains nor loses
LEAST_BPS = 2_500
STEP_BPS = 500  # so much a weight moves at one look, so that one bad hour is not a verdict


@dataclass(frozen=True, slots=True)
class Weight:
    """A part of the user's amount, LEAST_BPS to 10,000, and in a sentence why it is less than all of it."""

    bps: int = BPS
    why: str = ""


FULL = Weight()


@dataclass(frozen=True, slots=True)
class Results:
    """Closed positions of one strategy: how many with a gain and without one, and the sums; `lost_lamports` is not positive."""

    won: int = 0
    lost: int = 0
    won_lamports: int = 0
    lost_lamports: int = 0


def weighed_by_results(results: Results, before: Weight = FULL) -> Weight:
    """The weight after these results, at most a step away from the one before.

    What it has lost, of all that it has won and lost, is taken from it, less the fewer results there are. A strategy that
    gained has its whole amount and never more than that.
    """
    trades = results.won + results.lost
    moved = results.won_lamports - results.lost_lamports
    net = results.won_lamports + results.lost_lamports
    wanted = BPS
    if trades >= TRADES_MIN and net < 0 < moved:
        wanted = max(BPS - -net * BPS * trades // (moved * (trades + SHRINKS)), LEAST_BPS)
    bps = min(max(wanted, before.bps - STEP_BPS, LEAST_BPS), before.bps + STEP_BPS, BPS)
    if bps == BPS:
        return FULL
    told = f"{trades} closed positions of your sniper came to {format_sol(net, signed=True)} SOL"
    return Weight(bps, f"{told}, so it spends {format_percent(bps)}")
