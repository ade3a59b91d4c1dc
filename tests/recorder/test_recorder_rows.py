"""What the bot sees as lines of text: every row is one line with every column, whatever a token is called."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from bot.recorder.rows import COLUMNS, TEXT_MAX, header, lines
from tests.recorder.recorder_samples import launch, snapshot, trade


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(header() + text)))


def test_a_launch_a_trade_and_a_snapshot_have_the_columns_of_recorded_markets() -> None:
    created, bought, read = rows_of(lines([launch(), trade(), snapshot()]))
    assert (created["side"], created["trader"], created["symbol"], created["source"]) == (
        "create",
        "Creator",
        "T1",
        "logs",
    )
    assert (created["v_sol"], created["v_tok"], created["sol_lamports"]) == ("30", "1073000000", "")
    assert (bought["side"], bought["sol_lamports"], bought["tokens_raw"]) == ("buy", "27985075", "1000000000000")
    assert (bought["v_sol"], bought["real_sol"], bought["venue"]) == ("30.027985075", "27985075", "PUMP")
    assert (read["side"], read["venue"], read["v_sol"], read["real_sol"]) == (
        "snapshot",
        "PUMP_AMM",
        "80.000001001",
        "80000000001",
    )
    assert rows_of(lines([trade(is_buy=False)]))[0]["side"] == "sell"


@given(st.text())
def test_no_name_breaks_a_line(name: str) -> None:
    text = lines([launch(name=name), trade()])
    assert text.count("\n") == 2
    assert text.endswith("\n")
    created, bought = rows_of(text)
    assert len(created["name"]) <= TEXT_MAX
    assert (created["symbol"], bought["trader"]) == ("T1", "Trader")
    assert None not in created
    assert len(created) == len(COLUMNS)
