"""`bot backtest` at the command line: its exit codes, its page, and parameter sets that are refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.backtest.parameters import ParametersError, read_flag, read_sets
from bot.cli import main
from tests.backtest.small_market import riser, write

SETS = """
[base]
snipe_max_lamports = 50_000_000
[set.brave]
stop_loss_bps = "none"
[grid]
take_profit_bps = [1000, 3000]
max_hold_s = [60, 600]
"""


def test_a_file_has_named_sets_and_every_combination_of_its_grid(tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    path.write_text(SETS)
    sets = read_sets(path)
    assert [one.name for one in sets] == ["brave", "grid 1", "grid 2", "grid 3", "grid 4"]
    assert {one.settings.snipe_max_lamports for one in sets} == {50_000_000}
    assert sets[0].settings.stop_loss_bps is None
    combined = [(one.settings.take_profit_bps, one.settings.max_hold_s) for one in sets[1:]]
    assert combined == [(1000, 60), (1000, 600), (3000, 60), (3000, 600)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[base]\ntake_profit = 1", "did you mean take_profit_bps?"),
        ("[base]\ntake_profit_bps = 1.5", "take_profit_bps is 1.5"),
        ("[base]\nsnipe_max_lamports = -1", "snipe_max_lamports -1 is outside"),
        ("[base]\nrole = 'operator'", "unknown setting 'role'"),
        ("[set.a]\n[strategy]", "unknown table 'strategy'"),
        ("[grid]\ntake_profit_bps = 1000", "is no list"),
        ("[grid]\nmax_hold_s = [1,2,3,4,5,6,7,8,9]\ntake_profit_bps = [1,2,3,4,5,6,7,8]", "more than 64"),
        ("[set.'buy all']", "is no name of a set"),
        ("base = 3", "is no table"),
        ("[base", "see docs/backtest.md"),
    ],
)
def test_sets_that_cannot_be_are_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "sets.toml"
    path.write_text(text)
    with pytest.raises(ParametersError) as refused:
        read_sets(path)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_set_of_the_command_line() -> None:
    one = read_flag("quick:max_hold_s=60,snipe_only_strong_buy=false,trailing_stop_bps=none")
    assert (one.name, one.settings.max_hold_s, one.settings.trailing_stop_bps) == ("quick", 60, None)
    assert one.settings.snipe_only_strong_buy is False


def test_the_verb_prints_one_object_and_writes_one_page_that_loads_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market, page = write(tmp_path / "small <b>.csv", riser()), tmp_path / "page.html"
    words = [
        "backtest",
        str(market),
        "--json",
        "--report",
        str(page),
        "--workers",
        "1",
        "--buy-all",
        "100",
        "--folds",
        "2",
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    report = json.loads(out)
    assert [line["name"] for line in report["lines"]] == ["default", "buy all", "random", "do nothing"]
    assert report["lines"][0]["trades"] == 1
    assert report["lines"][-1]["net_lamports"] == 0
    assert report["promise"]
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "<b>" not in text
    addresses = set(re.findall(r"https?://[^\"' <]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "<script" not in text


def test_more_processes_give_the_same_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten seconds and more, because each process starts an interpreter and loads the bot."""
    rows = [*riser(), *riser("Later1111111111111111111111111111111111111", 86_400_000, to_sol=31.0)]
    market = str(write(tmp_path / "m.csv", rows))
    found = []
    for workers in ("1", "2"):
        assert main(["backtest", market, "--json", "--workers", workers]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert found[0]["lines"][0]["trades"] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.parquet"], "no such market"),
        (["{market}", "--set", "a:stop_loss=1"], "did you mean"),
        (["{market}", "--report", "no/such/folder/page.html"], "cannot be written"),
        (["{market}", "--config", "none.toml"], "no such settings file"),
        (["{market}", "--model", "no/such/model"], "the model is refused"),
        (["{market}", "--sample", "0"], "holds no token"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    market = str(write(tmp_path / "m.csv", riser()))
    assert main(["backtest", *(word.replace("{market}", market) for word in words)]) == 1
    err = capsys.readouterr().err.strip()
    assert says in err
    assert "\n" not in err


def test_wrong_words_are_wrong_usage() -> None:
    for words in (["backtest"], ["backtest", "m.csv", "--sample", "200"], ["backtest", "m.csv", "--hours", "-1"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
