"""The figures of a report, against small lists that are computed by hand."""

from __future__ import annotations

import pytest

from bot.backtest.results import by_reason, calibration, drawdown, equity, interval, joined, summed
from bot.backtest.trades import Played, Trade
from bot.backtest.walk_forward import walk_forward

HOUR_MS = 3_600_000


def trade(
    change: float, *, hour: int = 0, mint: str = "m", reason: str = "time", confidence: int | None = None
) -> Trade:
    return Trade(
        mint=mint,
        opened_ms=hour * HOUR_MS,
        closed_ms=hour * HOUR_MS + 60_000,
        paid_lamports=1_000,
        net_lamports=round(change * 1_000),
        fees_lamports=20,
        reason=reason,
        confidence_bps=confidence,
    )


def of(*trades: Trade, name: str = "a", failed_lamports: int = 0) -> Played:
    return Played(name=name, trades=trades, looks=(), failed=int(failed_lamports > 0), failed_lamports=failed_lamports)


def test_mean_median_and_the_mean_without_the_three_best() -> None:
    line = summed(of(*(trade(change) for change in (0.9, 0.5, 0.3, -0.1, -0.3)), failed_lamports=7))
    assert (line.trades, line.won) == (5, 3)
    assert line.mean == pytest.approx(0.26)
    assert line.median == pytest.approx(0.3)
    assert line.without_best == pytest.approx(-0.2)
    assert line.net_lamports == 1_300 - 7
    assert line.fees_lamports == 100
    assert line.low is None  # all within one hour


def test_the_interval_takes_an_hour_for_one_draw() -> None:
    # Two hours of two trades each: deviations of +0.2 and -0.2 from the mean 0.1; sqrt(2 * 0.08) / 4 = 0.1; t(1) = 12.71.
    bounds = interval([(0, 0.2), (0, 0.2), (1, 0.0), (1, 0.0)])
    assert bounds is not None
    assert bounds == pytest.approx((0.1 - 1.271, 0.1 + 1.271))
    assert interval([(0, 0.2), (0, 0.4)]) is None


def test_equity_follows_the_ends_and_the_fall_is_from_a_height_before() -> None:
    curve = equity([trade(0.5, hour=2), trade(-0.2, hour=0), trade(-0.4, hour=3)])
    assert [total for _, total in curve] == [-200, 300, -100]
    assert drawdown(curve) == 400
    assert drawdown([(0, -50), (1, -20)]) == 50
    assert drawdown([]) == 0


def test_reasons_and_confidences_are_counted_apart() -> None:
    trades = [
        trade(0.2, reason="take_profit", confidence=8_200),
        trade(-0.1, confidence=8_450),
        trade(-0.3, confidence=6_500),
    ]
    assert [(line.reason, line.trades, line.won, line.net_lamports) for line in by_reason(trades)] == [
        ("time", 2, 0, -400),
        ("take_profit", 1, 1, 200),
    ]
    assert [(one.from_bps, one.trades, one.won) for one in calibration(trades)] == [(6_500, 1, 0), (8_000, 2, 1)]


def test_more_than_fifteen_percent_over_two_hundred_trades_is_called_suspicious() -> None:
    assert summed(of(*[trade(0.16)] * 201)).suspicious
    assert not summed(of(*[trade(0.16)] * 200)).suspicious
    assert not summed(of(*[trade(0.14)] * 500)).suspicious


def test_parts_of_a_market_come_together_by_name() -> None:
    (one,) = joined([[of(trade(0.1, hour=5))], [of(trade(0.2, hour=1), failed_lamports=3)]])
    assert [row.opened_ms // HOUR_MS for row in one.trades] == [1, 5]
    assert (one.failed, one.failed_lamports) == (1, 3)


def test_walk_forward_chooses_by_what_had_ended_before_and_counts_what_came_then() -> None:
    # `lucky` is the best until hour 10 and the worst behind it; whoever looked ahead would have taken `steady`.
    lucky = of(*(trade(0.5 if hour < 10 else -0.5, hour=hour) for hour in range(20) for _ in range(3)), name="lucky")
    steady = of(*(trade(0.1, hour=hour) for hour in range(20) for _ in range(3)), name="steady")
    found = walk_forward([lucky, steady], 0, 20 * HOUR_MS, 1)
    (fold,) = found.folds
    assert (fold.chosen, fold.past_trades, fold.trades) == ("lucky", 30, 30)
    assert found.result.mean == pytest.approx(-0.5)
    assert {line.name: round(line.mean, 3) for line in found.beside} == {"lucky": -0.5, "steady": 0.1}


def test_what_was_open_across_a_border_is_no_past_of_the_fold_behind_it() -> None:
    over = [Trade(**{**_fields(trade(0.9, hour=9)), "closed_ms": 11 * HOUR_MS}) for _ in range(30)]
    found = walk_forward([of(*over, name="over")], 0, 20 * HOUR_MS, 1)
    assert found.folds[0].chosen is None
    assert found.result.trades == 0


def _fields(one: Trade) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
