"""A bot that lets another program take its place without a moment's start in between: `bot hand-over`, which upgrades use.

The installed program is started beside this one and reads, checks and loads all it needs. Only when it says that it is ready,
this one hands its unit over and stops in order, which frees lease and lock. One that does not become ready costs nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import trio

from bot.clock import Clock
from bot.ports import Store
from bot.refusal import CannotError, who
from bot.successor import CHANNEL, LINE_BYTES_MAX
from bot.systemd import ServiceManager

log = structlog.get_logger()

Record = dict[str, Any]

READY_WITHIN_S = 180.0  # nobody is unwatched meanwhile
VENV = ".venv"


def installed_program() -> tuple[list[str], Path]:
    """How this bot was started, to be started again, and where: by the path in its unit, which leads to what is installed now."""
    program = Path(sys.argv[0])
    if os.access(program, os.X_OK):
        home = program.parents[2] if program.parts[-3:-2] == (VENV,) else Path.cwd()
        return [str(program), *sys.argv[1:]], home
    return [sys.executable, "-m", "bot", *sys.argv[1:]], Path.cwd()


@dataclass(slots=True)
class HandOver:
    """The verbs about it. `unwatched_ms` is what this process found when it took another's place, None before it knows.

    `watched` counts the positions that are looked after, and is None while nobody does. `stopping` says whether this process was
    asked to stop, and `given` is called once it has given its place away. `program` is what is started, and where.
    """

    manager: ServiceManager | None
    store: Store
    clock: Clock
    watched: Callable[[], int | None]
    unwatched_ms: Callable[[], int | None]
    stopping: Callable[[], bool]
    given: Callable[[], None]
    program: Callable[[], tuple[Sequence[str], Path]] = installed_program
    _goes_on: bool = False
    _given_to: int | None = None  # the process that has been told to take this one's place

    def verbs(self) -> dict[str, Callable[[Record], Any]]:
        return {"hand_over": self._hand_over, "leads": self._leads}

    async def _leads(self, _: Record) -> Record:
        """Who answers here, and whether positions are watched."""
        await trio.lowlevel.checkpoint()
        return {"process": os.getpid(), "watched": self.watched(), "unwatched_ms": self.unwatched_ms()}

    async def _hand_over(self, request: Record) -> Record:
        if self.manager is None:
            raise CannotError(
                "this bot was not started by systemd, so nobody would look after the one that takes its place;"
                " stop it and start it again"
            )
        if self._goes_on:
            raise CannotError("a hand-over is under way; bot status tells who leads")
        if self._given_to is not None:
            raise CannotError(
                f"process {self._given_to} takes this bot's place already; bot status tells when it leads"
            )
        self._refuse_while_stopping()
        self._goes_on = True
        try:
            await self.store.audit(who(request), "hand_over", {}, self.clock.now_ms())
            return await self._handed_over(self.manager)
        finally:
            self._goes_on = False

    async def _handed_over(self, manager: ServiceManager) -> Record:
        ours, theirs = socket.socketpair()
        process = self._started(theirs)
        try:
            async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as channel:
                await _until_ready(channel, process)
                self._refuse_while_stopping()
                word = {"notify": manager.address, "watchdog_s": manager.watchdog_s}
                await channel.send_all(json.dumps(word).encode() + b"\n")
            manager.hand_over_to(process.pid)
        except (OSError, trio.BrokenResourceError) as error:
            _end(process)
            raise CannotError(f"nothing was handed over: {error}; this bot goes on") from None
        except BaseException:
            _end(process)
            raise
        self._given_to = process.pid
        self.given()
        log.warning("handing_over", to=process.pid)
        watched = self.watched()
        os.kill(os.getpid(), signal.SIGTERM)
        return {"process": process.pid, "watched": watched}

    def _refuse_while_stopping(self) -> None:
        """Whoever stops a bot wants none to follow, and one that took its place now would go on."""
        if self.stopping():
            raise CannotError("this bot is stopping, so nothing is handed over; bot run starts the installed program")

    def _started(self, channel: socket.socket) -> subprocess.Popen[bytes]:
        """The installed program with this one's arguments, environment, credentials and sandbox, and with its console."""
        argv, home = self.program()
        with channel:
            try:
                return subprocess.Popen(
                    argv,
                    cwd=home,
                    env={**os.environ, CHANNEL: str(channel.fileno())},
                    pass_fds=(channel.fileno(),),
                    stdin=subprocess.DEVNULL,
                )
            except OSError as error:
                raise CannotError(f"{argv[0]} does not start: {error.strerror}; this bot goes on") from None


async def _until_ready(channel: trio.SocketStream, process: subprocess.Popen[bytes]) -> None:
    """Return when the program that was started waits for the lock alone; raises CannotError with its reason where it will not."""
    heard = b""
    with trio.move_on_after(READY_WITHIN_S):
        while b"\n" not in heard:
            part = await channel.receive_some(LINE_BYTES_MAX)
            if not part:
                raise CannotError(
                    f"the new program ended before it was ready{_ended(process)}; its last words are in the journal,"
                    " and this bot goes on"
                )
            heard += part
        word = json.loads(heard.partition(b"\n")[0])
        if "refused" in word:
            raise CannotError(f"the new program refuses to start: {word['refused']}; this bot goes on")
        return
    raise CannotError(f"the new program was not ready within {READY_WITHIN_S:.0f} s; this bot goes on")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it waits for the lock at most, and has begun nothing
    process.wait()


def _ended(process: subprocess.Popen[bytes]) -> str:
    return "" if process.poll() is None else f", with exit code {process.returncode}"
