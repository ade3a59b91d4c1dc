"""How good somebody else's wallet has been, 0 to 100, with the parts that it is made of. Pure, integers only.

A score says what was, over the rounds that this bot saw, and promises nothing. Each part is drawn towards what an unknown
wallet is worth until there are rounds enough, so that three lucky tokens make nobody good; and it fades while a wallet
rests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from bot.trading.units import BPS
from bot.trading.wallet_ledger import WalletRecord, WalletResults

MOST = 100
PRIOR_ROUNDS = 10  # so many rounds weigh as much as knowing nothing
PROFIT_POINTS, WINS_POINTS, STEADY_POINTS, ROUNDS_POINTS, PACE_POINTS = 30, 25, 20, 15, 10
ROUNDS_FULL = 50
STEADY_FULL_BPS = BPS // 2  # a mean return of half its own spread
PACE_LEAST_S, PACE_FULL_S = 10, 120  # who sells sooner has sold before anybody could follow
FRESH_S = 3 * 86_400
HALF_LIFE_S = 14 * 86_400
STALE_S = 90 * 86_400  # what rested so long is worth nothing any more, and its books are older than any that count


@dataclass(frozen=True, slots=True)
class ScorePart:
    """Points of `most` that a wallet has for something, and in a few words why."""

    name: str
    points: int
    most: int
    why: str


@dataclass(frozen=True, slots=True)
class WalletScore:
    """The score from 0 to 100: the sum of the parts, times how fresh they are in basis points."""

    points: int
    parts: tuple[ScorePart, ...]
    fresh_bps: int

    @property
    def bps(self) -> int:
        """The score as a share of the best one."""
        return self.points * BPS // MOST


def score_of(record: WalletRecord, now_s: int) -> WalletScore:
    """The score of a record at a moment (seconds since 1970)."""
    results = record.results
    parts = (_profit(results), _wins(results), _steady(results), _rounds(results), _pace(results))
    fresh_bps = freshness_bps(now_s - record.last_at_s) if results.swaps else 0
    points = sum(part.points for part in parts) * fresh_bps // BPS
    return WalletScore(min(max(points, 0), MOST), parts, fresh_bps)


def freshness_bps(rested_s: int) -> int:
    """10,000 for three days, then half every fourteen days, straight in between, and 0 after ninety."""
    if rested_s <= FRESH_S:
        return BPS
    if rested_s >= STALE_S:
        return 0
    halvings, beyond_s = divmod(rested_s - FRESH_S, HALF_LIFE_S)
    whole = BPS >> halvings
    return whole - whole * beyond_s // (2 * HALF_LIFE_S)


def _known(points_bps: int, rounds: int, most: int) -> int:
    """Points for a share of the best, drawn to 0 while there are few rounds."""
    share_bps = min(max(points_bps, 0), BPS)
    return most * share_bps * rounds // (BPS * (rounds + PRIOR_ROUNDS))


def _profit(results: WalletResults) -> ScorePart:
    """0 for whoever loses as much as he wins, all for whoever loses nothing."""
    moved = results.won_lamports + results.lost_lamports
    share_bps = 0 if moved == 0 else (results.won_lamports - results.lost_lamports) * BPS // moved
    why = "no round is over" if moved == 0 else f"{results.won_lamports * 100 // moved} % of what rounds moved was won"
    return ScorePart("profit", _known(share_bps, results.rounds, PROFIT_POINTS), PROFIT_POINTS, why)


def _wins(results: WalletResults) -> ScorePart:
    """0 below one win in five, all from three in five on."""
    if results.rounds == 0:
        return ScorePart("wins", 0, WINS_POINTS, "no round is over")
    rate_bps = results.won * BPS // results.rounds
    share_bps = (rate_bps - 2_000) * BPS // 4_000
    why = f"{results.won} of {results.rounds} rounds won"
    return ScorePart("wins", _known(share_bps, results.rounds, WINS_POINTS), WINS_POINTS, why)


def _steady(results: WalletResults) -> ScorePart:
    """The mean return of a round against its spread."""
    if results.rounds == 0:
        return ScorePart("steady", 0, STEADY_POINTS, "no round is over")
    mean = results.return_bps // results.rounds
    spread = isqrt(max(results.return_bps_squared // results.rounds - mean * mean, 0))
    ratio_bps = mean * BPS // max(spread, 1)
    share_bps = ratio_bps * BPS // STEADY_FULL_BPS
    why = f"a round returned {mean / 100:+.0f} % on average, with a spread of {spread / 100:.0f} %"
    return ScorePart("steady", _known(share_bps, results.rounds, STEADY_POINTS), STEADY_POINTS, why)


def _rounds(results: WalletResults) -> ScorePart:
    points = ROUNDS_POINTS * min(results.rounds, ROUNDS_FULL) // ROUNDS_FULL
    return ScorePart("rounds", points, ROUNDS_POINTS, f"{results.rounds} of {ROUNDS_FULL} that count")


def _pace(results: WalletResults) -> ScorePart:
    if results.rounds == 0:
        return ScorePart("pace", 0, PACE_POINTS, "no round is over")
    mean_s = results.held_s // results.rounds
    share_bps = (mean_s - PACE_LEAST_S) * BPS // (PACE_FULL_S - PACE_LEAST_S)
    why = f"a token is held for {mean_s} s on average"
    return ScorePart("pace", _known(share_bps, results.rounds, PACE_POINTS), PACE_POINTS, why)
