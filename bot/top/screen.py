"""The terminal of the dashboard: its modes, keys and size, and the loop that draws each answer."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from bot.clock import Clock, system_clock
from bot.top.asking import Absent, Answers, Asker, ask_all
from bot.top.frame import Frame, draw, draw_absence
from bot.top.ink import ASCII, UNICODE, Glyphs
from bot.top.reading import read
from bot.top.record import View
from bot.top.words import clean

REDRAW_S = 2.0  # the longest time without a new frame; each answer, some second after the last, brings one anyway
SILENT_S = 3.0  # an answer older than this is shown as what it is
LEAVE_KEYS = frozenset(b"qQ\x03\x04")  # q, Ctrl-C where the terminal sends it as a key, Ctrl-D
SIZE_UNKNOWN = os.terminal_size((80, 24))

WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"  # DECAWM of the VT100: a character wider than we think cannot break a row


def main(socket_path: Path, *, once: bool = False, width: int | None = None) -> int:
    """Draw the bot behind a control socket until q or Ctrl-C; returns the exit code 0.

    With `once`, and where standard output is no terminal, one frame is printed instead, in `width` cells (default: the
    terminal's, else 80) and as many lines as it takes; this raises `control.NotRunning` or `control.Refused`.
    """
    console = Console(highlight=False, markup=False, emoji=False, legacy_windows=False)
    unicode = draws_unicode(console.encoding, os.environ)
    clock = system_clock()
    if once or not console.is_terminal or console.is_dumb_terminal:
        _print_once(console, ask_all(socket_path, clock), unicode=unicode, width=width)
    else:
        _Screen(console, socket_path, clock, unicode=unicode, width=width).run()
    return 0


def draws_unicode(encoding: str, environment: Mapping[str, str]) -> bool:
    """Whether the terminal can be expected to draw more than ASCII.

    Python turns the C locale into UTF-8 by itself and sets `LC_CTYPE=C.UTF-8` for it (PEP 538), so that the encoding
    alone does not tell that somebody asked for plain ASCII with `LANG=C` or `LC_ALL=C`.
    """
    if not encoding.lower().startswith("utf"):
        return False
    named = (
        environment.get("LC_ALL") or environment.get("LC_CTYPE", "").replace("C.UTF-8", "") or environment.get("LANG")
    )
    return named not in {"C", "POSIX"}


def _view(answers: Answers, *, unicode: bool) -> View:
    return read(answers.status, answers.supervisor, answers.top, ascii_only=not unicode)


def _glyphs(*, unicode: bool) -> Glyphs:
    return UNICODE if unicode else ASCII


def _print_once(console: Console, answers: Answers, *, unicode: bool, width: int | None) -> None:
    view, cells = _view(answers, unicode=unicode), width or console.width
    frame = draw(view, now_ms=answers.at_ms, width=cells, height=None, glyphs=_glyphs(unicode=unicode), live=False)
    console.print(frame, width=cells, crop=False)


class _Screen:
    """The loop. It sleeps until an answer comes, a key is pressed, or the window has another size."""

    def __init__(self, console: Console, socket_path: Path, clock: Clock, *, unicode: bool, width: int | None) -> None:
        self._console, self._clock, self._unicode, self._width = console, clock, unicode, width
        self._woken, self._wake_end = os.pipe()
        os.set_blocking(self._wake_end, False)
        self._asker = Asker(socket_path, clock, self._wake)
        self._drawn: Answers | None = None
        self._view: View | None = None
        self._leaving = False

    def run(self) -> None:
        """Draw until asked to leave; the terminal is then as it was before."""
        live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        with ExitStack() as stack:
            stack.callback(self._asker.stop)
            stack.enter_context(self._signals())
            if keys is not None:
                stack.enter_context(_key_by_key(keys))
            stack.enter_context(live)
            stack.enter_context(self._no_wrapping())
            self._asker.start()
            self._loop(live, keys)

    def _loop(self, live: Live, keys: int | None) -> None:
        """Wait, then draw: the first frame is that of the first answer, or of none within `REDRAW_S`."""
        watched = [self._woken] if keys is None else [self._woken, keys]
        while True:
            ready, _, _ = select.select(watched, [], [], REDRAW_S)
            if self._woken in ready:
                os.read(self._woken, 4096)
            if keys is not None and keys in ready:
                typed = os.read(keys, 1024)
                self._leaving = self._leaving or not typed or not LEAVE_KEYS.isdisjoint(typed)
            if self._leaving:
                return
            columns, lines = self._size()
            self._console.size = columns, lines
            live.update(self._frame(columns, lines), refresh=True)

    def _frame(self, columns: int, lines: int) -> Frame:
        now_ms, glyphs = self._clock.now_ms(), _glyphs(unicode=self._unicode)
        latest = self._asker.latest
        if isinstance(latest, Answers) and latest is not self._drawn:
            self._drawn, self._view = latest, _view(latest, unicode=self._unicode)
        age_s = 0.0 if self._drawn is None else (now_ms - self._drawn.at_ms) / 1000
        if isinstance(latest, Absent) or self._view is None:
            why = clean(latest.why, ascii_only=not self._unicode) if isinstance(latest, Absent) else "the bot is asked"
            return draw_absence(why, self._view, now_ms=now_ms, absent_s=age_s, width=columns, glyphs=glyphs)
        silent_s = age_s if age_s > SILENT_S else 0.0
        return draw(self._view, now_ms=now_ms, width=columns, height=lines, glyphs=glyphs, silent_s=silent_s)

    def _size(self) -> os.terminal_size:
        """The size of the terminal now; the environment's COLUMNS would hide that the window was resized."""
        try:
            size = os.get_terminal_size(self._console.file.fileno())
        except OSError:
            size = SIZE_UNKNOWN
        columns, lines = size if all(size) else SIZE_UNKNOWN
        return os.terminal_size((self._width or columns, lines))

    def _wake(self) -> None:
        try:
            os.write(self._wake_end, b"\0")
        except BlockingIOError:
            return  # the pipe is full of reasons to wake up already

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """A new window size wakes the loop, an order to end lets it leave; select itself is resumed after a signal."""
        kept = {number: signal.getsignal(number) for number in (signal.SIGWINCH, *_ENDING)}
        before = signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        try:
            signal.signal(signal.SIGWINCH, lambda *_: None)
            for number in _ENDING:
                signal.signal(number, self._leave)
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)

    def _leave(self, *_: object) -> None:
        self._leaving = True

    @contextmanager
    def _no_wrapping(self) -> Iterator[None]:
        self._console.file.write(WRAP_OFF)
        try:
            yield
        finally:
            self._console.file.write(WRAP_ON)
            self._console.file.flush()


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _key_by_key(terminal: int) -> Iterator[None]:
    """Keys arrive at once and are not echoed; Ctrl-Z does nothing, because it would leave the alternate screen behind."""
    before = termios.tcgetattr(terminal)
    mode = termios.tcgetattr(terminal)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    mode[6][termios.VSUSP] = b"\0"
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(terminal, termios.TCSADRAIN, mode)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
