"""How much of the ceilings a young live bot may use, and what is remembered of its first day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import StartupError
from bot.execution.policy import Policy
from bot.ramp import LiveFile, Ramp, ramped
from bot.trading.limits import Ceilings
from bot.trading.units import BPS, LAMPORTS_PER_SOL

BEGAN = date(2026, 11, 22)


@given(st.integers(1_000, BPS), st.integers(1_000_000, 5 * LAMPORTS_PER_SOL))
def test_nothing_is_allowed_that_the_settings_do_not_and_the_smallest_buy_stays(share: int, trade: int) -> None:
    whole = Ceilings(max_trade_lamports=trade, max_position_lamports=2 * trade)
    cut = ramped(Policy(ceilings=whole), share).ceilings
    assert whole.min_trade_lamports <= cut.max_trade_lamports <= max(whole.min_trade_lamports, trade)
    assert cut.max_position_lamports <= whole.max_position_lamports
    assert cut.max_daily_loss_lamports == whole.max_daily_loss_lamports * share // BPS
    assert all(
        mine.max_exposure_lamports <= theirs.max_exposure_lamports
        for mine, theirs in zip(cut.roles, whole.roles, strict=True)
    )
    assert (cut.max_slippage_bps, cut.max_open_positions) == (whole.max_slippage_bps, whole.max_open_positions)


def day(number: int) -> date:
    return BEGAN + timedelta(days=number)


def test_a_tenth_at_first_and_a_quarter_more_with_each_step_a_week_after_the_last(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.json")
    assert file.began() is None
    seen = [file.climb(day(number), may_step=True) for number in (0, 6, 7, 8, 13, 14, 35, 41, 42, 900)]
    assert [ramp.share_bps for ramp in seen] == [1_000, 1_000, 3_500, 3_500, 3_500, 6_000, 8_500, 8_500, BPS, BPS]
    assert {ramp.began for ramp in seen} == {BEGAN}
    assert [path.name for path in tmp_path.iterdir()] == ["live.json"]


def test_a_step_that_is_refused_is_named_and_taken_once_it_is_allowed(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.json")
    file.climb(BEGAN, may_step=False)
    assert file.climb(day(6), may_step=False) == Ramp(BEGAN, 1_000)
    for number in (7, 8, 30):
        assert file.climb(day(number), may_step=False) == Ramp(BEGAN, 1_000, refused_bps=3_500)
    assert file.climb(day(30), may_step=True) == Ramp(BEGAN, 3_500)
    assert file.climb(day(36), may_step=True) == Ramp(BEGAN, 3_500)


def test_a_clock_that_was_set_back_takes_nothing_away_and_gives_nothing(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.json")
    file.climb(BEGAN, may_step=True)
    assert file.climb(day(7), may_step=True).share_bps == 3_500
    assert file.climb(day(-3), may_step=True).share_bps == 3_500


def test_a_file_of_before_there_were_steps_keeps_what_its_weeks_gave(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.json")
    file.path.write_text('{"began": "2026-11-22"}')
    assert file.climb(day(15), may_step=False) == Ramp(BEGAN, 6_000)
    assert file.climb(day(21), may_step=True) == Ramp(BEGAN, 6_000)
    assert file.climb(day(22), may_step=True) == Ramp(BEGAN, 8_500)


@pytest.mark.parametrize("text", ["", "{}", '{"began": "soon"}', '{"began": "2026-11-22", "part": 1}'])
def test_a_day_that_cannot_be_read_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    file = LiveFile(tmp_path / "live.json")
    file.path.write_text(text)
    with pytest.raises(StartupError, match=r"live\.json: cannot be read as the day of the first live start"):
        file.began()
