"""What a window of trades says about a launch, and that it stays small whatever is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bot.analysis.features import (
    DUST_LAMPORTS,
    RECENT_TRADES_MAX,
    SEEN_TRADES_MAX,
    TRADERS_MAX,
    Features,
    TokenWindow,
)
from bot.trading.launch import CurveTrade
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market, launch

SOL = LAMPORTS_PER_SOL


def seen(market: Market, after_ms: int) -> Features:
    return market.window.features(BORN_MS + after_ms)


def test_a_launch_without_trades_says_nothing_for_it() -> None:
    features = seen(Market(), 2_000)
    assert (features.age_s, features.buys, features.sells, features.distinct_buyers) == (2.0, 0, 0, 0)
    assert (features.net_inflow_lamports, features.largest_buyer_share, features.price_change) == (0, 0.0, 0.0)
    assert not features.creator_sold


def test_the_creators_own_money_is_no_inflow() -> None:
    market = Market()
    market.buy(CREATOR, 2.0, 0)
    market.buy("anna", 0.5, 400)
    features = seen(market, 800)
    assert (features.buys, features.distinct_buyers, features.launch_slot_buys) == (1, 1, 0)
    assert features.net_inflow_lamports == pytest.approx(SOL / 2, abs=10)
    assert features.curve_lamports == pytest.approx(2.5 * SOL, abs=10)
    assert features.creator_bought_share == pytest.approx(0.067, abs=0.001)
    assert not features.creator_sold


def test_a_creator_who_sells_any_part_has_sold() -> None:
    market = Market()
    market.buy(CREATOR, 1.0, 0)
    market.sell(CREATOR, 0.01, 400)
    features = seen(market, 800)
    assert features.creator_sold
    assert (features.sells, features.sold_lamports) == (0, 0)


def test_buyers_are_counted_once_and_only_above_dust() -> None:
    market = Market()
    for after_ms in (400, 800, 1_200):
        market.buy("anna", 0.004, after_ms)
    market.buy("ben", 0.009, 1_600)
    market.buy("carl", 0.5, 2_000)
    features = seen(market, 2_000)
    assert (features.buys, features.distinct_buyers) == (5, 2)  # anna's three small buys add up, ben's does not


def test_one_buyer_who_comes_back_dominates_by_what_he_paid_in_all() -> None:
    market = Market()
    market.buy("whale", 1.5, 400)
    market.buy("anna", 1.0, 800)
    market.buy("whale", 1.5, 1_200)
    assert seen(market, 1_200).largest_buyer_share == pytest.approx(0.75, abs=1e-6)


def test_what_sales_take_out_is_told_apart_from_what_buys_put_in() -> None:
    market = Market()
    market.buy("anna", 2.0, 400)
    market.sell("anna", 0.5, 800)
    features = seen(market, 800)
    assert features.sells == 1
    assert features.bought_lamports == pytest.approx(2 * SOL, abs=10)
    assert 0 < features.sold_lamports < features.bought_lamports
    assert features.net_inflow_lamports == pytest.approx(features.curve_lamports, abs=10)


def test_buys_in_the_launchs_own_slot_are_counted_apart() -> None:
    market = Market()
    for name in ("a", "b", "c"):
        market.buy(name, 0.2, 100)
    market.buy("d", 0.2, 400)
    assert seen(market, 400).launch_slot_buys == 3


def test_recent_means_the_last_two_seconds_at_the_moment_asked_for() -> None:
    market = Market()
    market.buy("anna", 1.0, 500)
    market.buy("ben", 0.5, 2_400)
    market.sell("ben", 1.0, 2_500)
    assert seen(market, 400).recent_trades_per_s == 0.0
    assert seen(market, 500).recent_inflow_lamports == pytest.approx(SOL, abs=10)
    assert seen(market, 2_499).recent_trades_per_s == 1.0
    assert seen(market, 2_500).recent_inflow_lamports == pytest.approx(0, abs=10)
    assert seen(market, 9_000).recent_trades_per_s == 0.0


def test_the_price_is_held_against_the_launch() -> None:
    market = Market()
    market.buy("anna", 12.426, 400)
    assert seen(market, 400).price_change == pytest.approx(1.0, abs=0.001)


def test_reserves_that_make_no_price_give_no_number() -> None:
    market = Market()
    trade = market.buy("anna", 1.0, 400)
    market.window.add(replace(trade, signature="odd", curve=replace(trade.curve, virtual_token_raw=0)))
    assert math.isnan(seen(market, 400).price_change)


def test_a_trade_told_twice_counts_once_and_another_tokens_not_at_all() -> None:
    market = Market()
    trade = market.buy("anna", 1.0, 400)
    before = seen(market, 400)
    assert not market.window.add(trade)
    assert not market.window.add(replace(trade, mint="another", signature="new"))
    assert seen(market, 400) == before


def test_two_trades_of_one_transaction_both_count() -> None:
    market = Market()
    first = market.buy("anna", 1.0, 400)
    moved = replace(first.curve, virtual_token_raw=first.curve.virtual_token_raw - 1)
    assert market.window.add(replace(first, curve=moved))
    assert seen(market, 400).buys == 2


def test_a_late_trade_does_not_turn_the_curve_back() -> None:
    market = Market()
    early = market.buy("anna", 1.0, 400)
    market.buy("ben", 1.0, 4_000)
    newest = seen(market, 4_000).curve_lamports
    market.window.add(replace(early, signature="late", curve=replace(early.curve, virtual_token_raw=1)))
    assert seen(market, 4_000).curve_lamports == newest


def test_a_crowd_of_traders_costs_bounded_memory() -> None:
    window = TokenWindow(launch())
    start = launch().curve
    for number in range(3 * TRADERS_MAX):
        trade = CurveTrade(
            mint="mint",
            trader=f"trader-{number}",
            is_buy=True,
            token_raw=1_000,
            quote_lamports=DUST_LAMPORTS,
            curve=replace(start, virtual_token_raw=start.virtual_token_raw - number - 1, slot=200),
            signature=f"signature-{number}",
            slot=200,
            seen_at_ms=BORN_MS + number,
        )
        assert window.add(trade)
    features = window.features(BORN_MS + 3 * TRADERS_MAX)
    assert features.buys == 3 * TRADERS_MAX
    assert features.bought_lamports == 3 * TRADERS_MAX * DUST_LAMPORTS
    assert features.distinct_buyers == TRADERS_MAX
    assert features.recent_trades_per_s == RECENT_TRADES_MAX / 2
    assert len(window._paid_lamports) == TRADERS_MAX
    assert len(window._seen_keys) == len(window._seen) == SEEN_TRADES_MAX


def test_a_whale_beyond_the_bound_of_traders_is_still_seen() -> None:
    market = Market()
    for number in range(TRADERS_MAX):
        market.buy(f"trader-{number}", 0.0001, 400)
    market.buy("whale", 5.0, 800)
    assert seen(market, 800).largest_buyer_share > 0.95
