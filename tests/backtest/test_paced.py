"""A recorded market on the real clock, by a bot that writes to a real PostgreSQL, beside the same market as a backtest."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from bot.backtest.compared import compared
from bot.backtest.held_clock import LOOK_AGAIN_S, HeldClock
from bot.backtest.market import read_market
from bot.backtest.paced import backtest_evidence
from bot.backtest.parameters import DEFAULT
from bot.backtest.play import Terms
from bot.cli import main
from tests.backtest.small_market import crowd, riser, write
from tests.model import planned_market

SPEED = 40
MARKET_S = 45
MINUTE_MS = 60_000  # candles, and the looks at all tokens, lie alike in it
HOLD = "max_hold_s=15,snipe_only_strong_buy=false,snipe_min_confidence_bps=5000"


# About ten seconds: it is a real minute and a half of a market, forty times as fast, and a server that is made for it.
def test_a_recorded_market_on_the_real_clock_gives_the_same_decisions_and_the_same_fills_as_a_backtest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "market.csv"
    planned_market.write(7, MARKET_S * 1_000, path)
    words = ["backtest", str(path), "--hours", str(MARKET_S / 3_600), "--buy-all", "50", "--random", "20", "--json"]
    words += ["--set", f"quick:{HOLD}", "--set", f"bold:{HOLD},stop_loss_bps=none,take_profit_bps=500"]
    assert main([*words, "--paced", str(SPEED)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differences"] == []
    assert found["troubles"] == []
    assert found["apart_ms"] == 0
    assert found["same_decisions"] == found["decisions"] > 30
    assert found["same_fills"] == found["fills"] > 30


def test_what_differs_is_found_and_named(tmp_path: Path) -> None:
    terms = replace(Terms(), buy_all_bps=10_000)
    quiet = crowd("Quiet1111111111111111111111111111111111111", 5_000, buyers=1, each_sol=0.05)
    up = read_market(write(tmp_path / "up.csv", [*riser(), *quiet]))
    down = read_market(write(tmp_path / "down.csv", riser(to_sol=31.0)))
    one, other = (backtest_evidence(market, (DEFAULT,), terms) for market in (up, down))
    assert compared(one, one, moments=True).is_same
    found = compared(one, other, moments=True)
    assert {(each.name, each.kind) for each in found.differences} >= {("default", "fill"), ("buy all", "fill")}
    alone = [each for each in found.differences if each.what == "in the backtest alone"]
    assert {each.mint for each in alone} == {quiet[0][0]}
    sold = next(each for each in found.differences if each.name == "default" and each.what != "in the backtest alone")
    assert "lamports" in sold.what
    assert json.loads(sold.backtest)["reason"] == "take_profit"
    assert json.loads(sold.paced)["reason"] == "stop_loss"


def test_what_lies_apart_in_time_alone_is_the_same_where_moments_are_not_compared(tmp_path: Path) -> None:
    early, late = (read_market(write(tmp_path / f"{ms}.csv", riser(at_ms=ms))) for ms in (0, MINUTE_MS))
    one, other = (backtest_evidence(market, (DEFAULT,), Terms()) for market in (early, late))
    assert not compared(one, other, moments=True).is_same
    found = compared(one, other, moments=False)
    assert found.is_same
    assert found.apart_ms == MINUTE_MS


def test_a_time_that_is_free_is_refused_without_a_pace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(write(tmp_path / "m.csv", riser())), "--free"]) == 1
    assert "--paced" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["backtest", "m.csv", "--paced", "0"])
    assert "is no speed" in capsys.readouterr().err


class Real:
    """A real clock that goes on when it is told to."""

    now_s = 100.0
    busy = False


def held(real: Real, rate: float = 2.0) -> HeldClock:
    clock = HeldClock(lambda: real.now_s, lambda: real.busy)
    clock.start_clock()
    clock.rate = rate
    return clock


def test_a_moment_comes_when_the_real_clock_has_come_to_it_and_not_before() -> None:
    real = Real()
    clock = held(real)
    assert clock.deadline_to_sleep_time(10.0) == 5.0
    assert clock.current_time() == 0.0
    real.now_s += 5.0
    assert clock.deadline_to_sleep_time(10.0) == 0.0
    assert (clock.current_time(), clock.late_s) == (10.0, 0.0)
    assert clock.deadline_to_sleep_time(inf) == inf


def test_time_stands_still_while_somebody_is_at_work_and_moments_that_are_late_come_in_their_order() -> None:
    real = Real()
    clock = held(real)
    real.busy, real.now_s = True, real.now_s + 60
    assert clock.deadline_to_sleep_time(10.0) == LOOK_AGAIN_S
    assert clock.current_time() == 0.0
    real.busy = False
    for moment_s in (10.0, 10.5, 30.0):
        assert clock.deadline_to_sleep_time(moment_s) == 0.0
        assert clock.current_time() == moment_s
    assert clock.late_s == 55.0


def test_a_rate_that_is_given_anew_counts_from_now() -> None:
    real = Real()
    clock = held(real)
    real.now_s += 5.0
    assert clock.deadline_to_sleep_time(10.0) == 0.0
    clock.rate = 1.0
    assert clock.deadline_to_sleep_time(13.0) == 3.0
