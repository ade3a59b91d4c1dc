"""The streams of the log: every line in its own, kept for as many days as people look for it, and within a bound."""

from __future__ import annotations

import ast
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot import log_streams, logs
from bot.log_streams import ERRORS, SIGNALS, STREAMS, SYSTEM, TRADES, LogStreams, streams_of

ROOT = Path(__file__).parents[2]
KEPT = {"trades": 90, "signals": 30, "errors": 30, "system": 14}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is looked at after it was, however slow the machine; an ending bot waits for a second."""
    monkeypatch.setattr(log_streams, "CLOSES_WITHIN_S", 60)


def event(name: str, day: str = "2026-09-21", level: str = "info") -> dict[str, Any]:
    return {"event": name, "level": level, "timestamp": f"{day}T12:00:00Z"}


def lines(folder: Path, stream: str) -> list[str]:
    return [line for path in sorted(folder.glob(f"{stream}-*.log")) for line in path.read_text("ascii").splitlines()]


def test_the_streams_are_kept_as_decided() -> None:
    assert {stream.name: stream.days for stream in STREAMS} == KEPT


@pytest.mark.parametrize(
    ("name", "level", "streams"),
    [
        ("buy_filled", "info", ("trades",)),
        ("token_detected", "info", ("signals",)),
        ("evidence_strange", "error", ("system", "errors")),
        ("signing_refused", "error", ("trades", "errors")),
        ("supervision", "warning", ("system", "errors")),
        ("what nobody has listed", "warning", ("system",)),
    ],
)
def test_an_event_stands_in_its_stream_and_an_error_in_that_of_errors_too(
    name: str, level: str, streams: tuple[str, ...]
) -> None:
    assert tuple(streams_of(event(name, level=level))) == streams


def test_no_name_of_a_stream_is_one_that_nothing_logs() -> None:
    said = {
        node.value
        for room in ("bot", "actors")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "log_streams.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted((TRADES | SIGNALS) - said) == []
    assert frozenset() == TRADES & SIGNALS


def test_files_are_let_go_when_their_days_are_over_and_no_sooner(tmp_path: Path) -> None:
    streams = LogStreams(tmp_path, 10**9)
    first = date(2026, 1, 1)
    for number in range(100):
        day = (first + timedelta(days=number)).isoformat()
        for name, level in (("buy_filled", "info"), ("token_detected", "info"), ("noise", "error")):
            streams.take(event(name, day, level), f"{name} {day}")
    streams.close()
    for stream, days in KEPT.items():
        kept = [(first + timedelta(days=number)).isoformat() for number in range(100 - days, 100)]
        assert [line.split()[1] for line in lines(tmp_path, stream)] == kept
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_bot_that_was_away_for_long_lets_old_files_go_with_its_first_line(tmp_path: Path) -> None:
    for day in ("2026-01-01", "2026-06-30", "2026-09-08"):
        streams = LogStreams(tmp_path, 10**9)
        streams.take(event("noise", day), day)
        streams.close()
    streams = LogStreams(tmp_path, 10**9)
    streams.take(event("noise", "2026-09-21"), "2026-09-21")
    streams.close()
    assert lines(tmp_path, "system") == ["2026-09-08", "2026-09-21"]


def test_a_restart_goes_on_in_the_file_of_the_day_and_a_full_one_has_another_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_streams, "PART_BYTES", 25)
    for number in range(7):
        streams = LogStreams(tmp_path, 70)
        streams.take(event("noise"), f"line {number}" + "." * 5)
        streams.close()
    kept = lines(tmp_path, "system")
    assert kept[-1].startswith("line 6")
    assert [int(line[5]) for line in kept] == list(range(int(kept[0][5]), 7)), "the oldest part went, and nothing else"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 70 + 25
    assert len(list(tmp_path.iterdir())) > 1


def test_lines_of_many_threads_are_whole(tmp_path: Path) -> None:
    streams = LogStreams(tmp_path, 10**9)

    def write(name: str) -> None:
        for number in range(200):
            streams.take(event("noise"), f"{name} {number:03}")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    streams.close()
    assert sorted(lines(tmp_path, "system")) == [f"{name} {number:03}" for name in "abcd" for number in range(200)]


def test_a_folder_that_is_gone_is_said_once_and_written_to_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    streams = LogStreams(folder, 10**9)
    for _ in range(3):
        streams.take(event("noise"), "lost")
        streams.close()
    assert capsys.readouterr().err.count("the system log cannot be written: ") == 1
    folder.mkdir()
    streams.take(event("noise"), "kept")
    streams.close()
    assert "written again" in capsys.readouterr().err
    assert lines(folder, "system") == ["kept"]


def test_a_disk_that_hangs_holds_up_nobody_and_what_it_does_not_take_is_bounded_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody reads is such a disk: to open it waits for its reader."""
    monkeypatch.setattr(log_streams, "LINES_MAX", 10)
    file = tmp_path / "system-2026-09-21.log"
    os.mkfifo(file)
    streams = LogStreams(tmp_path, 10**9)
    streams.take(event("noise"), "line 0")
    until(lambda: not streams.waiting)  # somebody has it, who stands before the disk now
    for number in range(1, 31):
        streams.take(event("noise"), f"line {number}")
    assert streams.waiting == 10
    with file.open(encoding="ascii") as disk:
        assert [disk.readline() for _ in range(11)] == [f"line {number}\n" for number in range(11)]
        streams.close()
    assert "20 lines are missing in the streams" in capsys.readouterr().err


def until(holds: Callable[[], bool]) -> None:
    """Another thread does it, of which no event tells."""
    give_up_at_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < give_up_at_s
        time.sleep(0.002)


@pytest.mark.parametrize("journal", [True, False])
def test_what_is_logged_stands_in_the_journal_and_in_its_stream_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, journal: bool
) -> None:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level, configured = root.level, structlog.get_config()
    streams = LogStreams(tmp_path, 10**9)
    try:
        logs.configure("info", file=None if journal else tmp_path / "bot.log", streams=streams)
        structlog.get_logger().info("buy_filled", intent="i-1")
        structlog.get_logger().debug("token_detected", mint="m-1")
        logging.getLogger("library").error("of a library")
        for handler in root.handlers:
            handler.close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.configure(**configured)
        streams.close()
    [trade] = lines(tmp_path, "trades")
    assert (json.loads(trade)["event"], json.loads(trade)["intent"]) == ("buy_filled", "i-1")
    assert lines(tmp_path, "signals") == [], "the level holds for all"
    for stream in (SYSTEM, ERRORS):
        assert json.loads(lines(tmp_path, stream.name)[0])["event"] == "of a library"
    if journal:
        assert f"<6>{trade}\n" in capsys.readouterr().err
    else:
        assert trade in (tmp_path / "bot.log").read_text("ascii").splitlines()
