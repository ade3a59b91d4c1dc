"""The scratch bot of a drill: the program itself on a directory that goes with it, a local chain and play money.

It is given nothing of the bot for which the drill is made: no setting, no credential, no address.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from bot import control
from bot.errors import BotError
from bot.paths import control_socket
from bot.storage.embedded import ending_with_us

BOT = (sys.executable, "-m", "bot")
# What the machine says in its environment to the bot that trades is not for this one; an allowlist forgets nothing.
ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
# Positions are kept: a drill is about who sells them, and nothing else is to sell them first.
SETTINGS = """\
[trading]
observe_s = 6
audit_interval_s = 1
[demo]
max_hold_s = 3600
take_profit_percent = 10000
stop_loss_percent = 99
[localnet]
slot_ms = 50
"""
POLL_S = 0.05
UNTIL_WITHIN_S = 300.0  # a busy machine is slow; a bot that never gets there is what this ends
STOP_WITHIN_S = 15.0
VERB_WITHIN_S = 120.0

Status = dict[str, Any]


class DrillFailed(BotError):
    """The scratch bot did not do what a bot has to do."""


@dataclass(slots=True)
class ScratchBot:
    """A bot on a directory of its own, started and asked as a person does."""

    directory: Path
    settings: str = SETTINGS
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _log_offset: int = 0

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700)
        (self.directory / "bot.toml").write_text(self.settings, encoding="utf-8")

    def start(self) -> None:
        """`bot run`; returns as soon as the process is there."""
        log = self.directory / "bot.log"
        self._log_offset = log.stat().st_size if log.exists() else 0
        argv = ending_with_us([*BOT, "run", "--data-dir", str(self.directory)])
        with (self.directory / "console").open("ab") as console:
            # In this thread and not by trio: the death signal follows the thread that forks.
            self._process = subprocess.Popen(
                argv,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    async def until(self, wanted: str, holds: Callable[[Status], Any]) -> Status:
        """Ask for the status until `holds` says yes; that status. Raises DrillFailed with what was `wanted`."""
        status: Status = {}
        with trio.move_on_after(UNTIL_WITHIN_S):
            while True:
                self._check_alive()
                try:
                    ask = partial(control.ask, control_socket(self.directory), {"verb": "status"})
                    status = await trio.to_thread.run_sync(ask)
                except control.NotRunning:
                    status = {}
                if status and holds(status):
                    return status
                await trio.sleep(POLL_S)
        last = f"{status.get('state', 'no answer')}, positions {status.get('positions')}"
        raise DrillFailed(f"{wanted}: not within {UNTIL_WITHIN_S:.0f} s, the last status was {last}")

    async def verb(self, *words: str, text: str = "", directory: Path | None = None) -> str:
        """`bot` with these words, on its own or another directory; what it printed. Raises DrillFailed where it fails."""
        argv = [*BOT, *words, "--data-dir", str(directory or self.directory)]
        with trio.move_on_after(VERB_WITHIN_S):
            done = await trio.run_process(
                argv,
                env=self._environment(),
                stdin=text.encode(),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            if done.returncode:
                said = " ".join(done.stderr.decode(errors="replace").split())
                raise DrillFailed(f"bot {' '.join(words[:2])} ended with {done.returncode}: {said[-300:]}")
            return done.stdout.decode(errors="replace").strip()
        raise DrillFailed(f"bot {' '.join(words[:2])} did not end within {VERB_WITHIN_S:.0f} s")

    def events(self) -> list[dict[str, Any]]:
        """What this life has logged so far."""
        with (self.directory / "bot.log").open("rb") as log:
            log.seek(self._log_offset)
            return [json.loads(line) for line in log.read().splitlines(keepends=True) if line.endswith(b"\n")]

    async def logged(self, event: str) -> dict[str, Any]:
        """The newest event of this name in this life, once there is one; raises DrillFailed."""
        with trio.move_on_after(UNTIL_WITHIN_S):
            while True:
                self._check_alive()
                if found := [one for one in self.events() if one["event"] == event]:
                    return found[-1]
                await trio.sleep(POLL_S)
        raise DrillFailed(f"the log of the scratch bot has no {event} within {UNTIL_WITHIN_S:.0f} s")

    async def kill(self) -> None:
        """SIGKILL, as the kernel or a machine that is gone ends it."""
        self._check_alive()
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM. Raises DrillFailed where it does not end in order."""
        self._check_alive()
        if (code := await self._end(signal.SIGTERM)) != 0:
            raise DrillFailed(f"after SIGTERM the scratch bot ended with {code}")

    async def clear_away(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        for step in (number, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(step)
            with trio.move_on_after(STOP_WITHIN_S):
                while process.poll() is None:  # noqa: ASYNC110 - a Popen has no event
                    await trio.sleep(POLL_S)
        return process.wait()

    def _environment(self) -> dict[str, str]:
        return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | dict(self.environment)

    def _check_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            console = self.directory / "console"
            lines = console.read_text(errors="replace").strip().splitlines() if console.exists() else []
            raise DrillFailed(f"the scratch bot does not run; its last word: {lines[-1] if lines else 'none'}")


@asynccontextmanager
async def scratch_bot(directory: Path, settings: str = SETTINGS, **environment: str) -> AsyncIterator[ScratchBot]:
    """A bot that is not started yet; it is ended with the block."""
    bot = ScratchBot(directory, settings, environment)
    try:
        yield bot
    finally:
        with trio.CancelScope(shield=True):
            await bot.clear_away()
