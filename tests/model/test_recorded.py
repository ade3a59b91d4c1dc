"""Recordings of several kinds as the same tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.analysis.training.recorded import DataRefused, read_market
from tests.analysis.launch_samples import BORN_MS, Market
from tests.model.market_samples import SOL, file_of


def told() -> Market:
    market = Market()
    market.buy("creator", 1.0, 400)
    market.buy("buyer", 2.0, 1_200)
    market.sell("buyer", 0.5, 2_000)
    return market


def test_the_bots_own_recording_gives_back_what_the_bot_was_told(tmp_path: Path) -> None:
    market = told()
    read = read_market([file_of(tmp_path, "own.csv", [market.launch, *market.told])])
    (token,) = read.tokens()
    assert token.known.traders
    assert token.known.launch
    assert (token.group, token.first_ms) == ("creator", BORN_MS)
    for found, was in zip(token.trades, market.told, strict=True):
        assert (found.trader, found.is_buy, found.token_raw, found.quote_lamports) == (
            was.trader,
            was.is_buy,
            was.token_raw,
            was.quote_lamports,
        )
        assert found.curve.virtual_quote_lamports == was.curve.virtual_quote_lamports
        assert found.curve.real_quote_lamports == was.curve.real_quote_lamports
        assert (found.slot, found.seen_at_ms) == (was.slot, was.seen_at_ms)


def test_states_alone_tell_side_and_amount_and_name_nobody(tmp_path: Path) -> None:
    path = tmp_path / "slim.csv"
    states = [(1_000, 34.0), (2_000, 36.0), (2_500, 36.001), (3_000, 35.0)]
    path.write_text("mint,ts_ms,v_sol\n" + "".join(f"M,{at_ms},{v_sol}\n" for at_ms, v_sol in states), "utf-8")
    ages = tmp_path / "ages.csv"
    ages.write_text("mint,ageAtTriggerSec\nM,0.4\n", "utf-8")
    (token,) = read_market([path, ages]).tokens()
    assert not token.known.traders
    assert not token.known.launch
    assert token.launch.seen_at_ms == 600
    # What was bought before is one trade; a change that is rounding is none.
    assert [(trade.is_buy, round(trade.quote_lamports / SOL, 3)) for trade in token.trades] == [
        (True, 4.0),
        (True, 2.0),
        (False, 1.001),
    ]
    assert [trade.seen_at_ms for trade in token.trades] == [1_000, 2_000, 3_000]


def test_a_token_is_read_from_the_file_that_tells_most_and_a_trade_told_twice_counts_once(tmp_path: Path) -> None:
    market = told()
    file_of(tmp_path, "own.csv", [market.launch, *market.told, market.told[1]])
    (tmp_path / "slim.csv").write_text(f"mint,ts_ms,v_sol\nmint,{BORN_MS},31\nmint,{BORN_MS + 9},77\n", "utf-8")
    (token,) = read_market([tmp_path]).tokens()
    assert len(token.trades) == 3
    assert token.known.traders


def test_a_segment_that_is_still_written_is_read_and_what_was_torn_is_not(tmp_path: Path) -> None:
    market = told()
    file_of(tmp_path, "2026-11-21T11-30-00-123Z.csv.open", [market.launch, *market.told])
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "2026.parquet").write_text("no end", "utf-8")
    (token,) = read_market([tmp_path]).tokens()
    assert len(token.trades) == 3


def test_absurd_rows_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "absurd.csv"
    rows = ["M,1000,31", "M,2000,nan", "M,-5,32", "M,3000,1e30", ",4000,33", "M,x,34", "M,5000,0", "M,6000,32"]
    path.write_text("mint,ts_ms,v_sol\n" + "\n".join(rows) + "\n", "utf-8")
    (token,) = read_market([path]).tokens()
    assert [trade.seen_at_ms for trade in token.trades] == [1_000, 6_000]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("other.csv", "time,price\n1,2\n", "no file there has the columns mint, ts_ms, v_sol and side"),
        ("empty.csv", "", "cannot be read"),
        ("none.csv", "mint,ts_ms,v_sol\n", "no row of a curve in it"),
        ("torn.parquet", "PAR1 and no end", "cannot be read"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(DataRefused, match=said) as refused:
        read_market([path])
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="there is no such file or folder"):
        read_market([tmp_path / "missing"])
