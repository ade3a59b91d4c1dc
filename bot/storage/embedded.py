"""The pip-installed PostgreSQL as a foreground child of the bot: started, watched and stopped with it, never alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import structlog
import trio

from bot.child_process import ended
from bot.errors import StartupError
from bot.storage.address import DEFAULT_PORT, DatabaseAddress
from bot.storage.cluster import Cluster, as_server_user, exit_text, last_words, locked, prepare, signal_server

log = structlog.get_logger()

READY_WITHIN_S = 120  # crash recovery may replay a lot of log
_READY_POLL_S = 0.01
_LOG_MAX_BYTES = 1 << 20
# Fast shutdown, then immediate, then by force. The last two lose nothing: every commit is in the log on disk, and the next
# start recovers from it. A fast shutdown writes a checkpoint first, which a slow disk does not manage in this time.
_STOP_STEPS = ((signal.SIGINT, 1.3), (signal.SIGQUIT, 0.4), (signal.SIGKILL, 0.2))
STOP_WITHIN_S = sum(patience_s for _, patience_s in _STOP_STEPS)

_SETTINGS = {
    "listen_addresses": "",  # the unix socket only
    "port": str(DEFAULT_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# The child asks the kernel (prctl PR_SET_PDEATHSIG = 1) for SIGINT (2) when its parent dies, so that a killed bot leaves
# no server behind. Not setpriv(1): it sets capabilities, which a hardened unit forbids. The parent may have died before
# the call, hence the look at getppid.
_EXEC_SHIM = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 2, 0, 0, 0)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit('the bot died first')\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)


class EmbeddedPostgres:
    """A running server. `address` stays the same when the server is started again on the same folder."""

    def __init__(self, cluster: Cluster, address: DatabaseAddress, process: subprocess.Popen[bytes]) -> None:
        self.address = address
        self.socket_dir = cluster.socket_dir
        self._cluster = cluster
        self._process = process

    def __repr__(self) -> str:
        return f"<EmbeddedPostgres pid={self.pid} in {self._cluster.root}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    async def died(self) -> str:
        """Wait until the server has ended, by whatever cause, and return how; any number of tasks may wait."""
        await ended(self._process)
        return f"PostgreSQL {exit_text(self._process)}; its log ends: {last_words(self._cluster.log)}"

    async def wait_ready(self, within_s: float) -> None:
        """Return when the server accepts connections, which line 8 of its pid file tells; StartupError when it does not."""
        with trio.move_on_after(within_s):
            while self._process.poll() is None:
                if self._says_ready():
                    return
                await trio.sleep(_READY_POLL_S)
            raise StartupError(f"the database in {self._cluster.root} does not start: {await self.died()}")
        raise StartupError(f"the database in {self._cluster.root} was not ready within {within_s:g} s; see its log")

    def _says_ready(self) -> bool:
        try:
            lines = (self._cluster.data / "postmaster.pid").read_text("ascii").split("\n")
        except FileNotFoundError:
            return False
        return lines[0] == str(self.pid) and len(lines) > 7 and lines[7].strip() == "ready"

    def crash(self) -> None:
        """Have the server end at once with every connection broken, as after a crash; it recovers at its next start."""
        self.thaw()
        self._process.send_signal(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stop all of its processes where they are: connections stay, new ones are taken by the kernel, nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on; a running one notices nothing."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process.poll() is None:  # else the pid may be somebody else's by now
            signal_server(self.pid, number)

    async def stop(self) -> None:
        """Stop the server, politely first, and return when it is gone, within `STOP_WITHIN_S`."""
        self.thaw()  # a frozen one would not hear of it
        for step, patience_s in _STOP_STEPS:
            if self._process.poll() is not None:
                return
            if step is not signal.SIGINT:
                log.warning("database_server_stop_cut_short", signal=step.name)
            self._process.send_signal(step)
            with trio.move_on_after(patience_s):
                await self.died()


@asynccontextmanager
async def embedded_postgres(
    root: Path, settings: Mapping[str, str] | None = None, *, ready_within_s: float = READY_WITHIN_S
) -> AsyncIterator[EmbeddedPostgres]:
    """Serve the database in `root` (made when it is missing) for as long as the block runs.

    `settings` are added to the server's own, by PostgreSQL's names. Raises StartupError with one line for whatever an
    operator can put right. The block is not interrupted when the server dies: watch `died()` and enter again.
    """
    if sys.platform != "linux":
        raise StartupError("the embedded PostgreSQL needs Linux; set DATABASE_URL to a PostgreSQL server")
    with locked(root) as home:
        cluster = await prepare(home)
        address = cluster.address()
        server = EmbeddedPostgres(cluster, address, _spawn(cluster, {**_SETTINGS, **(settings or {})}))
        try:
            await server.wait_ready(ready_within_s)
            yield server
        finally:
            with trio.move_on_after(STOP_WITHIN_S, shield=True):
                await server.stop()


def _spawn(cluster: Cluster, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own.

    A plain Popen in this thread: the death signal follows the thread that forks, and trio would fork in a worker thread
    that ends after ten idle seconds, and the server with it.
    """
    serve = [str(cluster.programs.folder / "postgres"), "-D", str(cluster.data)]
    for name, value in {"unix_socket_directories": str(cluster.socket_dir), **settings}.items():
        serve += ["-c", f"{name}={value}"]
    with _open_log(cluster.log) as log:
        return subprocess.Popen(
            ending_with_us(as_server_user(serve)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def ending_with_us(argv: Sequence[str]) -> list[str]:
    """A command line that runs another one, which gets SIGINT when this process dies, in whatever way that comes."""
    return [sys.executable, "-I", "-S", "-c", _EXEC_SHIM, str(os.getpid()), *argv]


def _open_log(path: Path) -> BinaryIO:
    """The server's log, opened to append; one that has grown is set aside, replacing the one before it."""
    if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
        path.replace(path.with_suffix(".old"))
    return path.open("ab")
