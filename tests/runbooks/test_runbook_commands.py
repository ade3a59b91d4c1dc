"""Nothing in the operator's papers is to be typed that this version does not take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.cli import _behind_localnet, _parser
from bot.commands import COMMANDS
from bot.database_faults import DatabaseFaults
from bot.localnet.cli import FORK, KINDS
from bot.localnet.cli import _parser as _localnet_parser
from tests.runbooks.papers import PAPERS, RUNBOOKS, Typed, commands, spoken, try_it

DOORS_AND_FOLDERS = {"livez", "readyz", "metrics", "home", "root"}
FAULTS = {*KINDS, FORK, *DatabaseFaults().fault_names}
ROUTINES = ("emergency", "contacts", "daily", "weekly", "monthly", "quarterly")
# A verb that is only named, as in "`bot diag --user` says what was paid", may lack what stands behind it.
ONLY_NAMED = ("expected one argument", "are required", "expected at least one argument")


def refusal(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Why the command line would not take it; empty where it would."""
    behind = _behind_localnet(list(words))
    parser = _parser() if behind is None else _localnet_parser(DatabaseFaults().fault_names)
    capsys.readouterr()
    try:
        parser.parse_args(list(words) if behind is None else behind)
    except SystemExit as ended:
        return "" if ended.code == 0 else capsys.readouterr().err
    if behind and behind[0] == "fault" and behind[1] not in FAULTS:
        return f"{behind[1]} is no fault"  # which the chain says, and not its command line
    return ""


def is_wrong(typed: Typed, said: str) -> bool:
    return bool(said) and (typed.whole or not any(words in said for words in ONLY_NAMED))


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_every_command_line_of_a_paper_is_taken_as_it_stands(paper: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = [(typed, said) for typed in commands(paper) if is_wrong(typed, said := refusal(typed.words, capsys))]
    assert not refused, "\n".join(f"{typed}\n{said}" for typed, said in refused)


def test_a_command_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["stop"],
        ["status", "--jsn"],
        ["localnet", "fault", "rpc-dawn"],
        ["flatten", "--all"],
        ["keys", "burn"],
    ):
        assert refusal(words, capsys), words
    assert is_wrong(Typed("a page", 1, ("trace",), whole=True), refusal(["trace"], capsys))
    assert not is_wrong(Typed("a page", 1, ("trace",), whole=False), refusal(["trace"], capsys))


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_every_command_of_the_chat_that_a_paper_names_is_one(paper: Path) -> None:
    assert set(spoken(paper)) <= {one.name for one in COMMANDS} | DOORS_AND_FOLDERS


def test_many_commands_are_found_and_the_trials_among_them() -> None:
    found = [typed for paper in PAPERS for typed in commands(paper)]
    assert len(found) > 150 and sum(typed.whole for typed in found) > 60
    assert try_it("stream.md")[0].words[:3] == ("localnet", "fault", "stream-drop")


@pytest.mark.parametrize("name", ROUTINES)
def test_the_pages_for_days_on_which_nothing_rings_are_there_and_named_on_the_first(name: str) -> None:
    first = (RUNBOOKS / "README.md").read_text("utf-8")
    assert f"({name}.md)" in first[: first.index("Begin with these")]
    assert (RUNBOOKS / f"{name}.md").is_file()


def test_every_page_can_be_found_from_the_first_and_says_what_good_looks_like() -> None:
    first = (RUNBOOKS / "README.md").read_text("utf-8")
    for page in RUNBOOKS.glob("*.md"):
        if page.name == "README.md":
            continue
        assert f"({page.name})" in first, page.name
        text = page.read_text("utf-8")
        assert "What good looks like" in text or "Good is" in text or "Good looks like" in text, page.name
