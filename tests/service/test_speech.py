"""A console that takes no line stops no bot, and a terminal that goes away asks for an orderly end. Real processes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

WITHIN_S = 30
BEGIN = "import os, signal, sys; from bot.speech import endings, say; "


def told(program: str, **more: object) -> subprocess.CompletedProcess[str]:
    """What a process said that begins with the names it needs; nothing is asserted of it yet."""
    arguments = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": WITHIN_S} | more
    return subprocess.run([sys.executable, "-c", BEGIN + program], check=False, **arguments)  # type: ignore[call-overload, no-any-return]


def test_a_full_disk_behind_the_console_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    later = tmp_path / "console"
    program = (
        "say('lost'); say('lost too'); "
        f"os.dup2(os.open({str(later)!r}, os.O_WRONLY | os.O_CREAT), 1); say('there is room again')"
    )
    with Path("/dev/full").open("w") as full:
        done = told(program, stdout=full)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert later.read_text() == "there is room again\n"


def test_a_terminal_that_is_gone_takes_no_line_and_stops_nothing() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + "say('hello'); sys.stdin.read(); say('gone'); say('gone'); sys.exit(7)"],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(theirs)
    assert os.read(ours, 100).startswith(b"hello")
    os.close(ours)
    _, errors = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, b"Traceback" in errors) == (7, False), errors


def test_a_console_that_knows_ascii_alone_hears_every_line() -> None:
    done = told("say('CTMuvA\u2026Ko5K'); say('next')", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, "CTMuvA\\u2026Ko5K\nnext\n"), done.stderr


def test_a_terminal_that_goes_away_ends_the_bot_in_order_unless_nohup_said_otherwise() -> None:
    shown = "say(','.join(one.name for one in endings()))"
    assert told(shown).stdout == "SIGTERM,SIGINT,SIGHUP\n"
    assert told("signal.signal(signal.SIGHUP, signal.SIG_IGN); " + shown).stdout == "SIGTERM,SIGINT\n"


def test_a_verb_whose_output_cannot_be_written_says_so_in_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "--data-dir", str(tmp_path), "supervision", "check"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "bot: the output: cannot be written: No space left on device\n"
