"""Where `--data-dir` may stand on the command line."""

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


def test_the_local_chain_has_a_directory_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(tmp_path), "localnet"]) == EXIT_REFUSED
    assert "behind localnet" in capsys.readouterr().err
