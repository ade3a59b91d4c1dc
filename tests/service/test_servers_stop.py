"""The bot's own servers end within their share of the stop, however unwilling they are, and lose no row by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from bot.storage.address import DatabaseAddress
from bot.storage.cluster import Cluster, Programs
from bot.storage.embedded import EmbeddedPostgres, embedded_postgres
from tests.storage.server_thread import fast_folder, run_sql

DEADLINE_S = 60

UNWILLING = """
import signal, sys, time
for name in ("SIGTERM", "SIGINT", "SIGQUIT"):
    signal.signal(signal.Signals[name], signal.SIG_IGN if name in sys.argv[1:] else signal.SIG_DFL)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("ignored", "ended_by"),
    [(("SIGTERM",), signal.SIGINT), (("SIGINT",), signal.SIGQUIT), (("SIGINT", "SIGQUIT"), signal.SIGKILL)],
)
async def test_server_that_does_not_hear_is_ended_the_harder_way(
    ignored: tuple[str, ...], ended_by: signal.Signals, tmp_path: Path
) -> None:
    server = subprocess.Popen(  # noqa: ASYNC220 - it says when it is ready
        [sys.executable, "-c", UNWILLING, *ignored], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        cluster = Cluster(tmp_path, Programs(tmp_path, 16), tmp_path)
        (tmp_path / "log").touch()
        with trio.fail_after(DEADLINE_S):
            await EmbeddedPostgres(cluster, DatabaseAddress("unused", "unused"), server).stop()
        assert server.poll() == -ended_by


async def test_server_whose_checkpoint_hangs_is_ended_by_force_and_keeps_every_row(tmp_path: Path) -> None:
    """Its checkpointer is stopped where it is, as a disk that does not answer would stop it."""
    with fast_folder(tmp_path) as folder, trio.fail_after(DEADLINE_S):
        async with embedded_postgres(folder / "pg") as server:
            await run_sql(server.address, "create table kept (n bigint)", "insert into kept values (7) returning n")
            checkpointer = _child_called(server.pid, "checkpointer")
            os.kill(checkpointer, signal.SIGSTOP)  # before the stop, whose checkpoint of so few rows takes no time
            await server.stop()
        await _ended(checkpointer)
        async with embedded_postgres(folder / "pg") as server:
            assert [row["n"] for row in await run_sql(server.address, "select n from kept")] == [7]


async def _ended(pid: int) -> None:
    """Let a stopped process go on, which is left alone now, and wait for its end; it may have been ended with the others."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        await trio.lowlevel.checkpoint()
        return
    try:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)


def _child_called(parent: int, name: str) -> int:
    """The child of a process whose command line holds a word."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            of = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            called = (entry / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if of == parent and name in called:
            return int(entry.name)
    raise AssertionError(f"process {parent} has no child {name}")
