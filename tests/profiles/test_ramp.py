"""How much of the ceilings a young live bot may use, and what is remembered of its first day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import StartupError
from bot.execution.policy import Policy
from bot.ramp import LiveFile, ramped, share_bps
from bot.trading.limits import Ceilings
from bot.trading.units import BPS, LAMPORTS_PER_SOL

BEGAN = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("days", "share"),
    [(-3, 1_000), (0, 1_000), (6, 1_000), (7, 3_500), (14, 6_000), (21, 8_500), (28, BPS), (900, BPS)],
)
def test_a_tenth_at_first_and_a_quarter_more_each_week(days: int, share: int) -> None:
    assert share_bps(BEGAN, BEGAN + timedelta(days=days)) == share


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


def test_the_first_day_is_kept_over_starts(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.json")
    assert file.began() is None
    assert file.begin(BEGAN) == BEGAN
    assert file.begin(BEGAN + timedelta(days=9)) == BEGAN
    assert [path.name for path in tmp_path.iterdir()] == ["live.json"]


@pytest.mark.parametrize("text", ["", "{}", '{"began": "soon"}', '{"began": "2026-11-22", "share": 1}'])
def test_a_day_that_cannot_be_read_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    file = LiveFile(tmp_path / "live.json")
    file.path.write_text(text)
    with pytest.raises(StartupError, match=r"live\.json: cannot be read as the day of the first live start"):
        file.began()
