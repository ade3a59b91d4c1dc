"""The vault as the bot's child: a process of its own that ends with the bot, and is started again when it ends before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actors.runtime import Context
from bot.child_process import ended
from bot.errors import BotError, StartupError
from bot.vault_process import LOG_FILE, READY

READY_WITHIN_S = 30.0


@dataclass(slots=True)
class VaultChild:
    """Runs `bot vault` on a data directory. `expected_ids` are the master keys'; none where the bot has no wallets yet.

    Only then, and in profile local, may the vault make a key, and only in its first life.
    """

    directory: Path
    profile: str
    config: Path | None
    say: Callable[[str], None]
    expected_ids: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _has_lived: bool = False

    async def run(self, ctx: Context) -> None:
        """The actor. Raises StartupError where it cannot start, BotError when the process has ended."""
        began_s = trio.current_time()
        process = self._process = self._started()
        try:
            await self._ready(process)
            self._has_lived = True
            self.say(f"the vault answers after {trio.current_time() - began_s:.1f} s")
            ctx.ready()
            raise BotError(f"the vault ended with exit code {await ended(process)}")
        finally:
            process.kill()  # it keeps nothing that it would have to put away
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    @property
    def pid(self) -> int | None:
        """The running process, None where there is none."""
        return None if self._process is None else self._process.pid

    def _started(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "bot", "--data-dir", str(self.directory), "vault", "--child"]
        argv += ["--profile", self.profile]
        if self.config is not None:
            argv += ["--config", str(self.config)]
        for key_id in self.expected_ids:
            argv += ["--key-id", key_id]
        if not self.expected_ids and not self._has_lived:
            argv += ["--make-key"]
        with (self.directory / LOG_FILE).open("ab") as output:
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,  # a Ctrl-C is for the bot, which signs exits until it has stopped
            )

    async def _ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return once it serves; raises StartupError with its own last line when it ends first."""
        assert process.stdout is not None
        heard = b""
        with trio.move_on_after(READY_WITHIN_S):
            async with trio.lowlevel.FdStream(os.dup(process.stdout.fileno())) as stdout:
                while READY.encode() not in heard:
                    part = await stdout.receive_some(1_000)
                    if not part:
                        raise StartupError(f"the vault did not start: {self._last_line()}")
                    heard += part
            return
        raise StartupError(f"the vault was not ready within {READY_WITHIN_S:.0f} s; see {self.directory / LOG_FILE}")

    def _last_line(self) -> str:
        lines = (self.directory / LOG_FILE).read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        return lines[-1].removeprefix("bot: ")
