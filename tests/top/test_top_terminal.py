"""The dashboard in a real pseudo-terminal, against a control socket on this machine; real time, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import control
from bot.top import main
from bot.top.screen import draws_unicode
from tests.top.terminal import PROGRAM, ROOT, WITHIN_S, FakeBot, Terminal, fake_bot, terminal
from tests.top.top_cases import paused
from tests.top.top_samples import status, supervisor, top

ENTERED, LEFT, CURSOR_BACK, WRAPPING_BACK = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h", "\x1b[?7h"
FOOTER = "q leaves; the bot goes on"  # the last line of a whole frame


@pytest.fixture
def bot() -> Iterator[FakeBot]:
    with fake_bot({"status": status(), "supervisor": supervisor(), "top": top()}) as running:
        yield running


def assert_given_back(window: Terminal) -> None:
    """The program has ended well, and the terminal is as it was before."""
    assert window.until_left() == 0
    assert window.modes_now() == window.modes_before
    for code in (LEFT, CURSOR_BACK, WRAPPING_BACK):
        assert code in window.written
    assert "Traceback" not in window.written


def test_it_draws_the_bot_follows_the_window_and_leaves_with_q(bot: FakeBot) -> None:
    with terminal(bot.path) as window:
        screen = window.until_shown(FOOTER)
        assert window.written.startswith(ENTERED)
        assert screen[0].startswith("trading-bot   OPEN   level 1, healthy")
        assert len(screen) == 24
        assert "\x1b[32m" in window.written, "a gain is green"
        window.resize(120, 36)
        screen = window.until("the large screen", lambda text: "price age" in text and FOOTER in text)
        assert len(screen) == 36
        window.resize(80, 24)
        window.until("the small screen again", lambda text: "price age" not in text and FOOTER in text)
        window.press("q")
        assert_given_back(window)


def test_it_shows_at_once_what_changes(bot: FakeBot) -> None:
    with terminal(bot.path) as window:
        window.until_shown(" OPEN ")
        for verb, answer in zip(("status", "supervisor", "top"), paused(), strict=True):
            bot.answers[verb] = answer
        window.until_shown(" PAUSED ")
        window.until_shown("entries of everybody: no endpoint answers within 3 s")
        window.press("\x03")
        assert_given_back(window)


def test_it_outlives_the_bot_and_finds_it_again(bot: FakeBot) -> None:
    with terminal(bot.path, columns=140) as window:
        window.until_shown(" OPEN ")
        bot.stop()
        screen = window.until_shown(" NO ANSWER ")
        assert f"no bot is running on {bot.path.parent}; start it with `bot run`" in screen[0]
        assert "OPEN, level 1, 3 open positions" in screen[1]
        bot.start()
        window.until_shown(" OPEN ")
        window.process.send_signal(signal.SIGTERM)
        assert_given_back(window)


def test_a_bot_that_hangs_makes_neither_the_screen_nor_the_keys_hang(bot: FakeBot) -> None:
    with terminal(bot.path) as window:
        window.until_shown(FOOTER)
        bot.hangs = True
        window.until_shown("no answer for ")
        window.press("Q")
        assert_given_back(window)


def test_a_bot_of_an_older_version_is_drawn_with_what_it_knows(bot: FakeBot) -> None:
    del bot.answers["top"]
    with terminal(bot.path) as window:
        screen = "\n".join(window.until_shown(FOOTER))
        assert "Open positions, 3" in screen
        assert "each position's value is not known" in screen
        window.press("q")
        assert_given_back(window)


def test_answers_that_are_no_answers_are_one_line(bot: FakeBot) -> None:
    bot.answers["status"] = {"error": "no \x1b[2J status\nnow"}
    with terminal(bot.path) as window:
        screen = window.until_shown(" NO ANSWER ")
        assert "no ?[2J status now" in screen[0]
        window.press("q")
        assert_given_back(window)


def test_a_terminal_without_utf8_gets_ascii_alone(bot: FakeBot) -> None:
    with terminal(bot.path, LC_ALL="C") as window:
        screen = window.until_shown(FOOTER)
        assert "-- Today, in SOL ---" in "\n".join(screen)
        assert window.written.isascii()
        window.press("q")
        assert_given_back(window)


def test_colours_can_be_switched_off(bot: FakeBot) -> None:
    with terminal(bot.path, NO_COLOR="1") as window:
        window.until_shown(FOOTER)
        assert "\x1b[32m" not in window.written
        window.press("q")
        assert_given_back(window)


def piped(socket_path: Path) -> subprocess.CompletedProcess[str]:
    """The dashboard with its output in a pipe."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(socket_path)],
        cwd=ROOT,
        env={"LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def test_in_a_pipe_it_prints_one_frame_without_a_code_for_the_terminal(bot: FakeBot) -> None:
    done = piped(bot.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("trading-bot   OPEN   level 1, healthy")
    assert done.stdout.endswith("\n")
    assert "\x1b" not in done.stdout
    assert "Latest, in SOL" in done.stdout
    assert "q leaves" not in done.stdout


def test_one_frame_of_a_given_width(bot: FakeBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(bot.path, once=True, width=120) == 0
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) == 120


def test_one_frame_of_no_bot_is_the_error_of_every_verb(tmp_path: Path) -> None:
    with pytest.raises(control.NotRunning, match="no bot is running"):
        main(tmp_path / "ctl.sock", once=True)


def test_it_loads_nothing_of_the_bot_itself() -> None:
    look = (
        "import sys, bot.top; print(sorted({name.partition('.')[0] for name in sys.modules}), 'bot.app' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, has_app = done.stdout.strip().rsplit(" ", 1)
    assert has_app == "False"
    assert not {name for name in ("trio", "solders", "asyncpg", "asyncio", "actors", "httpx") if f"'{name}'" in loaded}


@pytest.mark.parametrize(
    ("encoding", "environment", "unicode"),
    [
        ("utf-8", {"LANG": "en_US.UTF-8"}, True),
        ("utf-8", {}, True),
        ("UTF-8", {"LANG": "C.UTF-8", "LC_CTYPE": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ("utf-8", {"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, False),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ("iso8859-1", {"LANG": "de_DE"}, False),
        ("ascii", {}, False),
    ],
)
def test_what_the_terminal_is_expected_to_draw(encoding: str, environment: dict[str, str], unicode: bool) -> None:
    assert draws_unicode(encoding, environment) is unicode
