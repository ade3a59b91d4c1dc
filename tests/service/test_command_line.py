"""Where `--data-dir` may stand on the command line, and what it may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import EXIT_NOT_RUNNING, EXIT_REFUSED, main


@pytest.mark.parametrize("verb", [["status"], ["top"], ["pause"], ["supervisor", "status"], ["supervision", "diff"]])
def test_the_data_directory_may_stand_before_the_verb_or_behind_it(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, behind = ["--data-dir", str(tmp_path / "before")], ["--data-dir", str(tmp_path / "behind")]
    for words, named in ((before + verb, "before"), (verb + behind, "behind"), (before + verb + behind, "behind")):
        assert main(words) == EXIT_NOT_RUNNING
        assert str(tmp_path / named) in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["status"], ["fault", "rpc-down", "--for", "1s"], ["clear"]])
def test_before_localnet_stands_the_bots_directory_and_behind_it_the_chains(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, own = tmp_path / "bot", tmp_path / "chain"
    for words, named in (
        (["--data-dir", str(before), "localnet", *verb], before / "localnet"),
        ([f"--data-dir={before}", "localnet", *verb], before / "localnet"),
        (["localnet", *verb, "--data-dir", str(own)], own),
        (["--data-dir", str(before), "localnet", *verb, "--data-dir", str(own)], own),
    ):
        assert main(words) == EXIT_NOT_RUNNING
        assert f"{named}" in capsys.readouterr().err
    assert main(["--data-dir", "", "localnet", *verb[:0]]) == EXIT_REFUSED


@pytest.mark.parametrize("verb", [["status"], ["run"], ["doctor"], ["keys"], ["backup", "create"], ["vault"]])
def test_a_data_directory_that_is_a_file_is_one_line(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bot.toml"
    file.write_text("")
    assert main(["--data-dir", str(file), *verb]) == EXIT_REFUSED
    assert capsys.readouterr().err == (
        f"bot: {file}: is no folder, and the bot keeps its things in one; give --data-dir the folder\n"
    )
    assert file.read_text() == ""
