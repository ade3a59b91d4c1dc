"""What became of an entry at one moment: the labels of training, and the profit and loss by which decisions are judged."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from bot.analysis.training.recorded import RecordedToken
from bot.trading.limits import UserSettings
from bot.trading.position import ExitPlan
from bot.trading.units import BPS, LAMPORTS_PER_SOL

RUG_LEFT = 0.2  # of the SOL that buyers had in the curve at the entry
RETURN_MAX = 3.0  # a label beyond it teaches nothing but its own accident


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading takes: fees of each side, the network's price of each transaction, and the time until one lands."""

    fee_bps: int = 125
    network_lamports: int = LAMPORTS_PER_SOL // 1_000
    latency_ms: int = 1_000
    spend_lamports: int = LAMPORTS_PER_SOL // 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an entry came to. `change` is its net result as a share of what was spent, everything paid.

    `rug` says that within the horizon four fifths of the SOL in the curve were taken out, `doubled` that the price doubled
    before it halved.
    """

    change: float
    rug: bool
    doubled: bool


@dataclass(frozen=True, slots=True)
class Path:
    """The curve of one token over time, at the launch and after each trade.

    Lamports and raw tokens are those that make the price; `real` is the SOL that can be paid out.
    """

    at_ms: list[int]
    quote: list[int]
    token: list[int]
    real: list[int]


def path_of(token: RecordedToken) -> Path:
    """All states of a recorded token's curve."""
    curves = [token.launch.curve, *(trade.curve for trade in token.trades)]
    return Path(
        [token.launch.seen_at_ms, *(trade.seen_at_ms for trade in token.trades)],
        [curve.virtual_quote_lamports for curve in curves],
        [curve.virtual_token_raw for curve in curves],
        [curve.real_quote_lamports for curve in curves],
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Carries out an entry decided at one moment and its exit by a plan, on the recorded curve.

    Own impact: the own SOL stands in the curve on top of the recorded one until it is sold again, and everybody else is
    taken to trade the same SOL as recorded. An exit is decided at a trade, or by age, and lands `latency_ms` later as the
    entry does; a token whose trades ended keeps its last price.
    """

    costs: Costs
    plan: ExitPlan

    @property
    def horizon_ms(self) -> int:
        """For how long after its decision an entry still hangs on what happens."""
        return (self.plan.max_hold_s or 900) * 1_000 + 2 * self.costs.latency_ms

    def outcome(self, path: Path, decided_ms: int) -> Outcome:
        """The outcome of an entry decided at `decided_ms`."""
        entered_ms = decided_ms + self.costs.latency_ms
        start = _at(path, entered_ms)
        ends_ms = decided_ms + self.horizon_ms
        return Outcome(
            self._change(path, start, entered_ms), _is_rug(path, start, ends_ms), _doubles(path, start, ends_ms)
        )

    def _change(self, path: Path, start: int, entered_ms: int) -> float:
        spend = self.costs.spend_lamports
        into_curve = spend * BPS // (BPS + self.costs.fee_bps)
        quote, raw = path.quote[start], path.token[start]
        bought_raw = into_curve * raw // (quote + into_curve)
        basis = spend
        stop = basis - basis * (self.plan.stop_loss_bps or BPS) // BPS
        take = basis + basis * (self.plan.take_profit_bps or 10**9) // BPS
        last_ms = entered_ms + (self.plan.max_hold_s or 900) * 1_000
        left_at = start
        for place in range(start + 1, len(path.at_ms)):
            if path.at_ms[place] > last_ms:
                break
            left_at = place
            worth = self._sale(path, place, into_curve, bought_raw)
            if not stop < worth < take:
                last_ms = path.at_ms[place]
                break
        left_at = max(left_at, _at(path, last_ms + self.costs.latency_ms))
        got = self._sale(path, left_at, into_curve, bought_raw) - 2 * self.costs.network_lamports
        return (got - spend) / spend

    def _sale(self, path: Path, place: int, into_curve: int, bought_raw: int) -> int:
        """What selling everything brings, fees taken off."""
        product = path.quote[place] * path.token[place]
        quote = path.quote[place] + into_curve
        raw = product // quote
        gross = min(quote * bought_raw // (raw + bought_raw), path.real[place] + into_curve)
        return gross - gross * self.costs.fee_bps // BPS


def judge(costs: Costs | None = None, plan: ExitPlan | None = None) -> Judge:
    """By default with the exits that every new user has, and the costs that docs/model.md names."""
    return Judge(costs or Costs(), plan or UserSettings().exit_plan)


def _at(path: Path, at_ms: int) -> int:
    """The place of the newest state at a moment."""
    return max(bisect_right(path.at_ms, at_ms) - 1, 0)


def _is_rug(path: Path, start: int, ends_ms: int) -> bool:
    end = _at(path, ends_ms)
    return min(path.real[start : end + 1]) < path.real[start] * RUG_LEFT


def _doubles(path: Path, start: int, ends_ms: int) -> bool:
    price = path.quote[start] / path.token[start]
    for place in range(start + 1, _at(path, ends_ms) + 1):
        change = path.quote[place] / path.token[place] / price
        if change >= 2.0:
            return True
        if change <= 0.5:
            return False
    return False
