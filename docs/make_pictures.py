"""Makes docs/pictures/top.svg: one frame of `bot top`, taken from a real bot that trades on its local chain.

Run it from anywhere with the Python of the checkout's virtual environment; it takes some minutes, until
the bot holds gains and losses. The bot runs on a data directory of its own, which is deleted afterwards.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bot import control  # noqa: E402 - the checkout is not installed where this runs
from bot.clock import system_clock  # noqa: E402
from bot.paths import control_socket  # noqa: E402
from bot.top.asking import Answers, ask_all  # noqa: E402
from bot.top.frame import draw  # noqa: E402
from bot.top.ink import UNICODE  # noqa: E402
from bot.top.reading import read  # noqa: E402
from bot.top.record import View  # noqa: E402

PICTURE = ROOT / "docs" / "pictures" / "top.svg"
COLUMNS, LINES = 120, 34
POSITIONS, SALES = 4, 12  # the least that the picture shows
WITHIN_S = 600.0
STOP_WITHIN_S = 15.0

# What the machine may say in its environment is not for this bot.
FOREIGN = ("BOT_", "DATABASE_URL", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "PG")

THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [
        (24, 26, 31),
        (240, 98, 104),
        (110, 200, 120),
        (226, 186, 88),
        (104, 160, 236),
        (196, 138, 226),
        (94, 192, 206),
        (214, 218, 224),
    ],
)
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main() -> int:
    """Start a bot, wait until it has something to show, draw it, stop it; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="bot-picture-") as name:
        directory = Path(name)
        with (directory / "console").open("wb") as console:
            bot = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--data-dir", str(directory)],
                cwd=ROOT,
                env={key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            answers = _busy_answers(bot, directory)
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(STOP_WITHIN_S)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(answers), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
    return 0


def _busy_answers(bot: subprocess.Popen[bytes], directory: Path) -> Answers:
    """The first answers of the bot that make a picture; raises SystemExit when it ends, or has nothing to show in time."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        if bot.poll() is not None:
            raise SystemExit(f"the bot ended:\n{(directory / 'console').read_text(errors='replace')[-2000:]}")
        try:
            answers = ask_all(control_socket(directory), system_clock())
        except (control.NotRunning, control.Refused):
            time.sleep(0.5)
            continue
        view = read(answers.status, answers.supervisor, answers.top)
        if _is_worth_a_picture(view):
            return answers
        time.sleep(0.5)
    raise SystemExit(f"the bot had nothing to show within {WITHIN_S:.0f} s")


def _is_worth_a_picture(view: View) -> bool:
    """Whether every panel has something to show, a loss as well as a gain."""
    sales = sum(one.sells or 0 for one in view.today)
    results = [(row.value_lamports or 0) - (row.cost_lamports or 0) for row in view.positions or ()]
    both = any(result > 0 for result in results) and any(result < 0 for result in results)
    return len(results) >= POSITIONS and both and sales >= SALES and bool(view.momentum) and bool(view.recent)


def picture(answers: Answers) -> str:
    """A frame as SVG. It names no font or other file of the web: whoever looks at it asks nobody but its own host."""
    console = Console(
        file=io.StringIO(), record=True, force_terminal=True, width=COLUMNS, height=LINES, color_system="standard"
    )
    view = read(answers.status, answers.supervisor, answers.top)
    console.print(draw(view, now_ms=answers.at_ms, width=COLUMNS, height=LINES, glyphs=UNICODE))
    svg = console.export_svg(title="bot top", theme=THEME, code_format=_template(), unique_id="top")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _template() -> str:
    """Rich's template without its @font-face rules, with fonts that the reader's machine has and every blank kept."""
    before, _, rest = CONSOLE_SVG_FORMAT.partition("    @font-face")
    template = before + rest[rest.index("    .{unique_id}-matrix") :]
    for old, new in (
        ("Fira Code, monospace", FONTS),
        ("font-family: arial", "font-family: sans-serif"),
        ('class="{unique_id}-matrix"', 'class="{unique_id}-matrix" xml:space="preserve"'),
        ("    <!-- Generated with Rich https://www.textualize.io -->\n", ""),
    ):
        assert old in template, f"rich's template has no {old!r} any more"
        template = template.replace(old, new)
    return template


if __name__ == "__main__":
    sys.exit(main())
