"""What an entry comes to on a recorded curve, by numbers that can be followed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.analysis.training.outcomes import Costs, judge, path_of
from bot.trading.limits import UserSettings
from tests.analysis.launch_samples import BORN_MS, Market
from tests.model.market_samples import recorded

PLAN = replace(UserSettings().exit_plan, take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=60)
FREE = Costs(fee_bps=0, network_lamports=0, latency_ms=0)


def quiet() -> Market:
    market = Market()
    market.buy("somebody", 5.0, 1_000)
    return market


def test_a_token_that_nobody_trades_costs_the_fees_and_the_network() -> None:
    outcome = judge(plan=PLAN).outcome(path_of(recorded(quiet())), BORN_MS + 2_000)
    # 0.1 SOL of which 1/1.0125 goes in; the same comes out less 1.25 %, and two transactions of 0.001 SOL.
    assert outcome.change == pytest.approx(1 / 1.0125 * 0.9875 - 1 - 0.02, abs=1e-6)
    assert (outcome.rug, outcome.doubled) == (False, False)


def test_without_costs_own_impact_alone_cancels_out() -> None:
    outcome = judge(FREE, PLAN).outcome(path_of(recorded(quiet())), BORN_MS + 2_000)
    assert outcome.change == pytest.approx(0.0, abs=1e-6)


def test_the_entry_lands_late_and_pays_the_price_of_then() -> None:
    market = quiet()
    market.buy("another", 10.0, 2_500)
    market.sell("another", 1.0, 40_000)
    path = path_of(recorded(market))
    early = judge(replace(FREE, latency_ms=0), PLAN).outcome(path, BORN_MS + 2_000)
    late = judge(replace(FREE, latency_ms=1_000), PLAN).outcome(path, BORN_MS + 2_000)
    assert early.change > 0.5  # in before the price rose, out by take-profit
    assert late.change < -0.3  # in behind it, out when it had fallen


def test_a_stop_is_decided_at_a_trade_and_sold_a_second_later() -> None:
    market = quiet()
    market.sell("somebody", 0.4, 5_000)  # below the stop
    market.sell("somebody", 1.0, 5_500)  # and lower still before the sale lands
    path = path_of(recorded(market))
    at_once = judge(FREE, PLAN).outcome(path, BORN_MS + 2_000).change
    late = judge(replace(FREE, latency_ms=1_000), PLAN).outcome(path, BORN_MS + 2_000).change
    assert late < at_once < -0.1


def test_a_taken_profit_keeps_nothing_of_what_follows() -> None:
    market = quiet()
    market.buy("another", 10.0, 5_000)
    market.sell("another", 1.0, 20_000)
    market.sell("somebody", 1.0, 20_400)
    outcome = judge(FREE, PLAN).outcome(path_of(recorded(market)), BORN_MS + 2_000)
    assert outcome.change > 0.5
    assert outcome.rug
    assert not outcome.doubled


def test_a_price_that_doubles_before_it_halves_is_told() -> None:
    market = quiet()
    market.buy("another", 18.0, 5_000)
    market.sell("another", 1.0, 20_000)
    assert judge(FREE, PLAN).outcome(path_of(recorded(market)), BORN_MS + 2_000).doubled


def test_age_ends_what_neither_gains_nor_loses() -> None:
    market = quiet()
    market.buy("late", 10.0, 70_000)
    outcome = judge(FREE, PLAN).outcome(path_of(recorded(market)), BORN_MS + 2_000)
    assert outcome.change == pytest.approx(0.0, abs=1e-6)
