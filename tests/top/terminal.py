"""A terminal and a bot for the dashboard's real tests: a pseudo-terminal, and a control socket served by a thread."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.top.top_samples import Answer

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0  # ends a test that has failed already

# The child makes the pseudo-terminal its own, as a shell would, so that its keys and its size make signals.
PROGRAM = """\
import fcntl, sys, termios
if sys.stdin.isatty():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from pathlib import Path
from bot.top import main
sys.exit(main(Path(sys.argv[1])))
"""


class FakeBot:
    """Answers each verb on a control socket with what `answers` holds for it; an unknown verb is refused."""

    def __init__(self, path: Path, answers: dict[str, Answer]) -> None:
        self.path, self.answers = path, answers
        self._listener: socket.socket | None = None
        self._held: list[socket.socket] = []
        self.hangs = False

    def start(self) -> None:
        """Listen; the bot is running from here on."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(8)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """The bot is gone, and so is its socket."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self.path.unlink()
        for held in self._held:
            held.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if self.hangs:
                self._held.append(connection)
                continue
            with connection, connection.makefile("rb") as lines:
                request = json.loads(lines.readline())
                answer = self.answers.get(request["verb"], {"error": f"there is no verb {request['verb']!r}"})
                with contextlib.suppress(BrokenPipeError):  # a dashboard that left does not wait for its answer
                    connection.sendall(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def fake_bot(answers: dict[str, Answer]) -> Iterator[FakeBot]:
    """A running bot, in a folder of its own with a short name, because a socket's path may not be long."""
    with tempfile.TemporaryDirectory(prefix="bot-top-") as folder:
        bot = FakeBot(Path(folder) / "ctl.sock", answers)
        bot.start()
        try:
            yield bot
        finally:
            bot.stop()


class Terminal:
    """A pseudo-terminal with the dashboard in it."""

    def __init__(self, socket_path: Path, columns: int, lines: int, environment: dict[str, str]) -> None:
        self._ours, theirs = os.openpty()
        self._theirs = theirs
        self.resize(columns, lines)
        self.modes_before = termios.tcgetattr(theirs)
        plain = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(socket_path)],
            cwd=ROOT,
            env=plain | environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        self.written = ""

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size; the kernel tells whoever runs in it."""
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def screen(self) -> list[str]:
        """The lines of the newest frame, without colours."""
        newest = self.written.rpartition("\x1b[H")[2]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", newest).replace("\r", "").split("\n")

    def until(self, wanted: str, holds: Callable[[str], bool]) -> list[str]:
        """Read what is drawn until a frame satisfies `holds`; `wanted` is told on failure."""
        deadline_s = time.monotonic() + WITHIN_S
        while not holds("\n".join(self.screen())):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"{wanted}: not within {WITHIN_S:.0f} s\n" + "\n".join(self.screen())
            self._read(left_s)
        return self.screen()

    def until_shown(self, text: str) -> list[str]:
        """Read until a frame shows a text."""
        return self.until(text, lambda screen: text in screen)

    def until_left(self) -> int:
        """Read until the program has ended; its exit code."""
        deadline_s = time.monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, "it does not leave\n" + "\n".join(self.screen())
            self._read(0.05)
        self._read(0)
        return self.process.returncode

    def modes_now(self) -> list[object]:
        """The modes of the terminal."""
        return termios.tcgetattr(self._theirs)

    def _read(self, within_s: float) -> None:
        while select.select([self._ours], [], [], within_s)[0]:
            self.written += os.read(self._ours, 65_536).decode(errors="replace")
            within_s = 0

    def close(self) -> None:
        """End the program if it still runs, and give the terminal back."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN_S)
        os.close(self._ours)
        os.close(self._theirs)


@contextlib.contextmanager
def terminal(socket_path: Path, columns: int = 80, lines: int = 24, **environment: str) -> Iterator[Terminal]:
    """The dashboard of a control socket in a window of this size."""
    window = Terminal(socket_path, columns, lines, environment)
    try:
        yield window
    finally:
        window.close()
