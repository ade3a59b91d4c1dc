"""Asks the running bot over its control socket: once, or each second from a thread beside the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot import control
from bot.clock import Clock
from bot.top.reading import Answer

INTERVAL_S = 1.0  # between the end of one round of questions and the next


@dataclass(frozen=True, slots=True)
class Answers:
    """One round of answers, complete at `at_ms` (milliseconds since 1970)."""

    at_ms: int
    status: Answer
    supervisor: Answer
    top: Answer


@dataclass(frozen=True, slots=True)
class Absent:
    """Nobody answered; `why` is one line for people."""

    why: str


def ask_all(socket_path: Path, clock: Clock) -> Answers:
    """One round of questions. Raises NotRunning, or Refused when the bot will not even tell its status.

    A bot of a version that does not know a verb, or cannot answer it now, leaves that answer empty.
    """
    try:
        status = control.ask(socket_path, {"verb": "status"})
        supervisor = _ask_if_known(socket_path, {"verb": "supervisor", "path": None})
        top = _ask_if_known(socket_path, {"verb": "top"})
    except OSError as error:
        raise control.NotRunning(f"the connection to the bot broke: {error.strerror or error}") from error
    except ValueError as error:
        raise control.Refused(f"the bot's answer cannot be read: {error}") from error
    return Answers(clock.now_ms(), status, supervisor, top)


def _ask_if_known(socket_path: Path, request: control.Answer) -> Answer:
    try:
        return control.ask(socket_path, request)
    except (control.Refused, control.NotRunning):
        return {}


class Asker:
    """Asks each second until stopped, in a thread of its own: a bot that hangs must not make the keys hang.

    `latest` is the newest answer or absence, None before the first. `wake` is called in the thread after each.
    """

    def __init__(self, socket_path: Path, clock: Clock, wake: Callable[[], None]) -> None:
        self._socket_path, self._clock, self._wake = socket_path, clock, wake
        self._stopped = threading.Event()
        self._latest: Answers | Absent | BaseException | None = None

    def start(self) -> None:
        """Begin to ask. The thread does not keep the process alive: its question may be out for ten seconds more."""
        threading.Thread(target=self._run, name="asker", daemon=True).start()

    def stop(self) -> None:
        """Ask no more; `wake` is not called from here on."""
        self._stopped.set()

    @property
    def latest(self) -> Answers | Absent | None:
        """The newest outcome; an error that nobody expected is raised here, where somebody sees it."""
        if isinstance(self._latest, BaseException):
            raise self._latest
        return self._latest

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._latest = self._ask()
            if not self._stopped.is_set():
                self._wake()
            self._stopped.wait(INTERVAL_S)

    def _ask(self) -> Answers | Absent | BaseException:
        try:
            return ask_all(self._socket_path, self._clock)
        except (control.NotRunning, control.Refused) as error:
            return Absent(str(error))
        except Exception as error:
            return error
