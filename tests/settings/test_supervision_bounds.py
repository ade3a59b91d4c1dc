"""A supervision file that nobody meant: devices, brackets without end, numbers beyond sense. One line each, and no wait."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from actors.runtime import SupervisionError
from bot.cli import EXIT_REFUSED, main
from bot.paths import SUPERVISION_TEXT_MAX
from bot.supervision.sections import SHIPPED, read

TEXT = SHIPPED.read_text(encoding="utf-8")


def refused(text: str) -> list[str]:
    with pytest.raises(SupervisionError) as caught:
        read("f", text, "local")
    return list(caught.value.lines)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x = " + "[" * 3000 + "]" * 3000, "f:1:21: nested deeper than 16 levels"),
        ("a = 1\nx = " + "{a=" * 3000, "f:2:53: nested deeper than 16 levels"),
        (".".join("a" * 25_000) + " = 1", "f:1:34: nested deeper than 16 levels"),
        ("[" + ".".join("a" * 25_000) + "]", "f:1:35: nested deeper than 16 levels"),
        ("x = " + "9" * 5000, "f:1:5: a name or number of more than 100 characters"),
        ("x = 0x" + "f" * 40_000, "f:1:5: a name or number of more than 100 characters"),
    ],
    ids=["arrays", "tables", "dotted key", "dotted header", "number", "hexadecimal"],
)
def test_what_would_take_the_parsers_stack_or_time_is_one_line(text: str, fault: str) -> None:
    assert refused(text) == [fault]


def test_brackets_and_dots_in_strings_and_comments_are_text() -> None:
    text = f"{TEXT}\n# {'[' * 50} {'.' * 50}\n"
    text = text.replace("[actor.executor]", f"# '\n[actor.executor]  # \"{'{' * 50}")
    assert read("f", text, "local").supervisors["root"]


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("intensity = 20", "intensity = 99999999999999999999999", "must be 0 to 10000"),
        ("period_s = 60", "period_s = 1e-300", "must be 0.1 to 86400"),
        ("period_s = 60", "period_s = inf", "must be 0.1 to 86400"),
        ("shutdown_ms = 2200", "shutdown_ms = 99999999", "must be 0 to 10000"),
        ("shutdown_ms = 2200", 'shutdown_ms = "infinity"', "must be 0 to 10000 or 'brutal_kill'; the bot has 10 s"),
        ("max_s = 60 }", "max_s = 1e300 }", "must be 0 to 3600"),
        ("capacity = 64,", "capacity = 999999999999,", "must be 1 to 1000000"),
        ("max_children = 5000", "max_children = 5000000000", "must be 0 to 1000000"),
        ("dwell_s = 15", "dwell_s = 1e-300", "must be seconds, 0.01 to 600"),
        ("critical_after_s = 1800", "critical_after_s = 1e18", 'must be seconds, 0.01 to 604800, or "never"'),
        ("reset_max_s = 8", "reset_max_s = 1e18", "must be seconds, 0.01 to 3600"),
        ("max_failures = 2", "max_failures = 10_000_000", "must be a whole number, 1 to 1000"),
    ],
)
def test_a_number_beyond_sense_is_told_with_its_place_and_its_range(was: str, becomes: str, fault: str) -> None:
    at = TEXT.index(was)
    line = TEXT.count("\n", 0, at) + 1
    told = refused(TEXT[:at] + becomes + TEXT[at + len(was) :])
    assert all(re.match(rf"f:{line}:\d+: ", one) for one in told), told
    assert any(fault in one and was.partition(" ")[0] in one for one in told), told


def test_what_is_no_small_regular_file_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large.toml"
    os.mkfifo(pipe)
    large.write_text("#" * (SUPERVISION_TEXT_MAX + 1))
    for file, why in (
        (pipe, "it is no regular file"),
        (Path("/dev/zero"), "it is no regular file"),
        (large, "it is longer than 50000 bytes"),
        (tmp_path / "none.toml", "No such file or directory"),
    ):
        for verb in ("check", "diff", "reload"):
            assert main(["--data-dir", str(tmp_path), "supervision", verb, str(file)]) == EXIT_REFUSED
            assert capsys.readouterr().err == f"bot: {file}: the supervision file cannot be read: {why}\n"
        assert main(["run", "--data-dir", str(tmp_path / "data"), "--supervision", str(file)]) == EXIT_REFUSED
        assert why in capsys.readouterr().err
    assert main(["run", "--data-dir", str(tmp_path / "data"), "--config", str(pipe)]) == EXIT_REFUSED
    assert "it is no regular file; check --config" in capsys.readouterr().err
