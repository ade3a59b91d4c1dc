"""What the whole bot makes of a small market, against numbers that are computed here by hand."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bot.backtest.market import read_market
from bot.backtest.parameters import DEFAULT, ParameterSet
from bot.backtest.play import Terms, play
from bot.backtest.results import summed
from bot.backtest.trades import STILL_OPEN, Played
from bot.chain.paper_rules import LandingModel
from tests.backtest.small_market import CROWD_SOL, MINT, START_MS, crowd, moved, riser, write

SURE = Terms(landing=LandingModel(latency_ms=250, landing_bps=10_000, slots_min=1, slots_max=1), random_bps=0)
FRAGMENT_MS = 480_000
SPEND = DEFAULT.settings.snipe_max_lamports
BUY_COST = 5_000 + DEFAULT.settings.fee_buy_lamports + DEFAULT.settings.tip_buy_lamports
# A sale goes by every route at once, and tips nobody.
SELL_COST = 5_000 + DEFAULT.settings.fee_sell_lamports


class Held:
    """Holds the process up at each moment, as pacing does, without a look at any clock: computes for a while."""

    moments = 0

    def __call__(self, at_ms: int) -> None:
        self.moments += 1
        sum(range(at_ms % 10_000))


def played(path: Path, *sets: ParameterSet, terms: Terms = SURE) -> dict[str, Played]:
    return {one.name: one for one in play(read_market(path), sets or (DEFAULT,), terms)}


def reserves(sol: float) -> tuple[int, int]:
    """Lamports and raw tokens of the standard curve that holds so much virtual SOL, by its product."""
    return round(sol * 10**9), round(30 * 1_073_000_000 / sol * 10**6)


def ceil_share(lamports: int, bps: int) -> int:
    return -(-lamports * bps // 10_000)


def bought_by_hand(sol: float, spend: int) -> tuple[int, int]:
    """Raw tokens for `spend` lamports and what is paid: 1.25 % on top, each fee rounded up."""
    lamports, raw = reserves(sol)
    into = (spend - 1) * 10_000 // 10_125
    tokens = into * raw // (lamports + into)
    cost = tokens * lamports // (raw - tokens) + 1
    return tokens, cost + ceil_share(cost, 95) + ceil_share(cost, 30)


def sold_by_hand(sol: float, tokens: int) -> int:
    """Net of fees, from the curve with these tokens out of it and what they cost in it."""
    lamports, raw = reserves(sol)
    inside = -(-lamports * raw // (raw - tokens))
    gross = tokens * inside // raw
    return gross - ceil_share(gross, 95) - ceil_share(gross, 30)


def test_a_trade_of_a_small_market_costs_and_brings_what_is_computed_by_hand(tmp_path: Path) -> None:
    own = played(write(tmp_path / "m.csv", riser()))["default"]
    (trade,) = own.trades
    tokens, paid = bought_by_hand(CROWD_SOL, SPEND)
    assert trade.paid_lamports == paid + BUY_COST
    assert trade.net_lamports == sold_by_hand(50, tokens) - SELL_COST - paid - BUY_COST
    assert trade.reason == "take_profit"
    assert trade.opened_ms < START_MS + 60_000 <= trade.closed_ms
    assert own.looks[0].status == "COMPLETED"
    assert summed(own).net_lamports == trade.net_lamports


def test_a_fall_is_sold_at_what_the_curve_then_pays(tmp_path: Path) -> None:
    (trade,) = played(write(tmp_path / "m.csv", riser(to_sol=31.0)))["default"].trades
    tokens, paid = bought_by_hand(CROWD_SOL, SPEND)
    assert trade.net_lamports == sold_by_hand(31, tokens) - SELL_COST - paid - BUY_COST
    assert trade.reason == "stop_loss"


def test_the_last_holder_of_a_dead_coin_gets_his_own_lamports_back_without_the_fees(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", crowd(MINT, 0, buyers=0))
    (trade,) = played(path, terms=replace(SURE, buy_all_bps=10_000))["buy all"].trades
    tokens, paid = bought_by_hand(30, SPEND)
    assert trade.reason == "time"
    assert trade.net_lamports == sold_by_hand(30, tokens) - SELL_COST - paid - BUY_COST
    assert trade.change > -0.04


def test_whoever_has_no_exit_by_time_is_counted_as_still_open_at_what_a_sale_would_bring(tmp_path: Path) -> None:
    keeps = replace(DEFAULT.settings, max_hold_s=None, take_profit_bps=None, stop_loss_bps=None)
    (trade,) = played(write(tmp_path / "m.csv", riser(to_sol=35.0)), ParameterSet("keeps", keeps))["keeps"].trades
    tokens, paid = bought_by_hand(CROWD_SOL, SPEND)
    assert trade.reason == STILL_OPEN
    # The rent of the token account is not back before a sale, and is part of what it has made so far.
    assert trade.net_lamports == sold_by_hand(35, tokens) - paid - BUY_COST - 2_074_080


def test_an_exit_by_time_is_decided_in_its_very_second(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", crowd(MINT, 0, buyers=0))
    (trade,) = played(path, terms=replace(SURE, buy_all_bps=10_000))["buy all"].trades
    held_ms = (DEFAULT.settings.max_hold_s or 0) * 1000
    # Landed in the same part of a second, which no block's time tells.
    assert trade.closed_ms - trade.opened_ms == held_ms


def test_an_order_that_never_lands_trades_nothing(tmp_path: Path) -> None:
    unlucky = replace(SURE, landing=LandingModel(landing_bps=0))
    own = played(write(tmp_path / "m.csv", riser()), terms=unlucky)["default"]
    assert own.trades == ()
    assert own.looks[0].status != "COMPLETED"


def test_who_buys_everything_buys_what_the_sniper_declines(tmp_path: Path) -> None:
    quiet = "Quiet1111111111111111111111111111111111111"
    rows = [*riser(), *crowd(quiet, 5_000, buyers=1, each_sol=0.05)]
    both = played(write(tmp_path / "m.csv", rows), terms=replace(SURE, buy_all_bps=10_000))
    assert {trade.mint for trade in both["default"].trades} == {MINT}
    assert {trade.mint for trade in both["buy all"].trades} == {MINT, quiet}


def test_what_comes_later_changes_no_earlier_decision(tmp_path: Path) -> None:
    other = "Other1111111111111111111111111111111111111"
    early = [*riser(), *crowd(other, 120_000)]
    up = write(tmp_path / "up.csv", [*early, moved(other, 200_000, CROWD_SOL, 70.0, "somebody")])
    down = write(tmp_path / "down.csv", [*early, moved(other, 200_000, CROWD_SOL, 30.5, "somebody else")])
    one, two = (played(path, terms=replace(SURE, buy_all_bps=10_000)) for path in (up, down))
    moment_ms = START_MS + 200_000
    for name in ("default", "buy all"):
        before = [[look for look in run[name].looks if look.at_ms < moment_ms] for run in (one, two)]
        ended = [[trade for trade in run[name].trades if trade.closed_ms < moment_ms] for run in (one, two)]
        opened = [[(t.mint, t.opened_ms, t.paid_lamports) for t in run[name].trades] for run in (one, two)]
        assert before[0] == before[1]
        assert ended[0] == ended[1]
        assert len(ended[0]) == 1
        assert opened[0] == opened[1]
        assert [trade.net_lamports for trade in one[name].trades] != [trade.net_lamports for trade in two[name].trades]


def test_a_set_fares_alone_as_it_does_beside_others(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", riser())
    large = ParameterSet("large", replace(DEFAULT.settings, snipe_max_lamports=10**9, max_trade_lamports=10**9))
    beside = played(path, DEFAULT, large, terms=replace(SURE, buy_all_bps=10_000))
    assert beside["default"] == played(path)["default"]
    assert beside["large"].trades[0].paid_lamports > beside["default"].trades[0].paid_lamports


@pytest.mark.skipif("BOT_SHARED_DATA" not in os.environ, reason="BOT_SHARED_DATA is not set: no recorded market here")
def test_a_fragment_of_a_recorded_day_held_to_a_pace_gives_the_same_decisions_and_the_same_fills() -> None:
    recorded = read_market(Path(os.environ["BOT_SHARED_DATA"]) / "market" / "sample_300_mints.csv.gz")
    fragment = recorded.until(recorded.first_ms + FRAGMENT_MS)
    terms = replace(Terms(), buy_all_bps=10_000)
    held = Held()
    paced = play(fragment, (DEFAULT,), terms, pace=held)
    assert held.moments > 100
    assert paced == play(fragment, (DEFAULT,), terms)
    assert paced[1].trades


def test_the_same_market_held_to_a_pace_gives_the_same_decisions_and_the_same_fills(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.csv", [*riser(), *riser("Other1111111111111111111111111111111111111", 3_000, to_sol=31.0)]
    )
    terms = replace(Terms(), buy_all_bps=10_000)
    moments: list[int] = []
    paced = play(read_market(path), (DEFAULT,), terms, pace=moments.append)
    assert paced == play(read_market(path), (DEFAULT,), terms)
    assert moments == sorted(set(moments))
    assert len(paced[0].trades) == 2
