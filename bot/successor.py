"""The program that takes a running bot's place: started by that one, beside it and on its data directory, it gets ready.

It changes nothing there before it holds the directory's lock, so that halt, journal, keys and socket have one owner at a time.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.clock import Clock
from bot.compose import telegram_token
from bot.doctor import examine_succession
from bot.errors import BotError, StartupError
from bot.start import Options
from bot.systemd import ServiceManager

CHANNEL = "HAND_OVER_FD"  # the variable that names the successor's end of the socket between both
LINE_BYTES_MAX = 4_096
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Successor:
    """What this process is to the bot that started it and that it waits for; each tells the other one line of JSON."""

    channel: socket.socket

    @contextmanager
    def telling_why(self) -> Iterator[None]:
        """Whatever keeps this start from being ready is told to the bot that waits for it, too."""
        try:
            yield
        except BotError as error:
            self._tell({"refused": " / ".join(str(error).splitlines())[:REASON_LENGTH]})
            raise

    def look(self, options: Options, clock: Clock, say: Callable[[str], None]) -> None:
        """Raise StartupError where this program could not trade with what the machine has, and load what is loaded late."""
        for line in examine_succession(options, clock):
            say(line)
        if telegram_token(options.settings.telegram) is not None:
            import bot.telegram.client  # noqa: F401 - nobody watches positions while it were loaded later

    def wait(self) -> ServiceManager:
        """Say that this one is ready, and return when the other lets go, with the service manager that has heard of both.

        Raises StartupError when that one has ended without a word: a stop of the service is no order to take its place.
        """
        self._tell({"ready": os.getpid()})
        with self.channel, self.channel.makefile("rb") as stream:
            line = stream.readline(LINE_BYTES_MAX)
        if not line:
            raise StartupError("the bot that was to be replaced has ended, or has given it up; nothing was started")
        word = json.loads(line)
        return ServiceManager(str(word["notify"]), word["watchdog_s"], is_followed=True)

    def _tell(self, word: dict[str, object]) -> None:
        try:
            self.channel.sendall(json.dumps(word).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            return  # what follows finds the other end closed


def take_successor(environment: MutableMapping[str, str]) -> Successor | None:
    """The way to the bot that is to be replaced, None for a start of its own. The variable is taken out of `environment`."""
    named = environment.pop(CHANNEL, "")
    if not named:
        return None
    try:
        return Successor(socket.socket(fileno=int(named)))
    except (ValueError, OSError):
        raise StartupError(f"{CHANNEL}={named} names no socket; it is set by bot hand-over alone") from None
