"""The embedded server on this machine: started, watched, killed, and found again with every row."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from bot.errors import StartupError
from bot.storage.cluster import signal_server
from bot.storage.embedded import embedded_postgres
from tests.storage.server_thread import FAST, fast_folder, run_sql

DEADLINE_S = 60

# A bot that serves the database in argv[1], says the server's pid, and is killed by the test.
DOOMED_BOT = """
import sys, trio
from pathlib import Path
from bot.storage.cluster import signal_server
from bot.storage.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def _create(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, FAST) as server:
            await run_sql(server.address, "create table kept (n bigint)", "insert into kept values (7) returning n")


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database that was made and stopped in order, to be copied."""
    with fast_folder(tmp_path_factory.mktemp("created")) as folder:
        trio.run(_create, folder / "pg")
        yield folder / "pg"


@pytest.fixture
def root(created: Path) -> Iterator[Path]:
    """A copy of it for one test."""
    copy = created.parent / "copy"
    shutil.copytree(created, copy, ignore=shutil.ignore_patterns("run"))
    yield copy
    shutil.rmtree(copy)


async def kept_rows(root: Path) -> list[int]:
    async with embedded_postgres(root, FAST) as server:
        return [row["n"] for row in await run_sql(server.address, "select n from kept")]


async def gone(pid: int) -> None:
    """Wait until a process that may not be our child has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)


async def test_a_fresh_folder_becomes_a_private_server(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(tmp_path / "new" / "pg", FAST) as server:
            [settings] = await run_sql(
                server.address, "select current_setting('listen_addresses') as heard, current_user as who"
            )
            assert (settings["heard"], settings["who"]) == ("", "bot")
            pid = server.pid
        await gone(pid)
    root = tmp_path / "new" / "pg"
    assert stat.S_IMODE((root / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert not (root / "data" / "postmaster.pid").exists()
    assert (root / "password").read_text() not in repr(server.address)


async def test_rows_are_there_after_a_restart_at_the_same_address(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, FAST) as first:
            address = first.address
        async with embedded_postgres(root, FAST) as second:
            assert second.address == address
        assert await kept_rows(root) == [7]


async def test_a_killed_server_is_noticed_and_served_again(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        told: list[str] = []
        async with embedded_postgres(root) as server, trio.open_nursery() as nursery:

            async def watch() -> None:
                told.append(await server.died())

            nursery.start_soon(watch)
            nursery.start_soon(watch)
            os.kill(server.pid, signal.SIGKILL)
        assert len(told) == 2
        assert "SIGKILL" in told[0]
        assert await kept_rows(root) == [7]


async def test_a_second_bot_on_the_same_folder_is_refused(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, FAST):
            with pytest.raises(StartupError, match="another bot uses the database"):
                async with embedded_postgres(root, FAST):
                    pass


async def test_a_pid_file_that_names_another_program_is_removed(root: Path) -> None:
    (root / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{root}/data\n")
    with trio.fail_after(DEADLINE_S):
        assert await kept_rows(root) == [7]


async def test_a_pid_file_of_a_process_that_is_gone_is_no_obstacle(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        ended = await trio.run_process([sys.executable, "-c", "import os; print(os.getpid())"], capture_stdout=True)
        (root / "data" / "postmaster.pid").write_text(f"{int(ended.stdout)}\n{root}/data\n")
        assert await kept_rows(root) == [7]


ASKS = """
import sys, trio
from pathlib import Path
from bot.storage.cluster import running_cluster
print(trio.run(running_cluster, Path(sys.argv[1])) is not None)
"""


async def test_a_server_in_a_user_namespace_of_its_own_is_known_from_another_one(root: Path) -> None:
    """As a unit with PrivateUsers= asks for the server of another one: /proc shows it the command line and no folder."""
    apart = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    tried = await trio.run_process([*apart, "true"], check=False, capture_stderr=True)
    if tried.returncode:
        pytest.skip("user namespaces are not allowed here")
    with trio.fail_after(DEADLINE_S):
        command = [*apart, sys.executable, "-c", ASKS, str(root)]
        async with embedded_postgres(root, FAST):
            assert (await trio.run_process(command, capture_stdout=True)).stdout == b"True\n"
        assert (await trio.run_process(command, capture_stdout=True)).stdout == b"False\n"


async def test_a_killed_bot_takes_its_server_along_and_the_next_one_finds_every_row(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            command = [sys.executable, "-c", DOOMED_BOT, str(root)]
            bot = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE, check=False))
            server_pid = int(await bot.stdout.receive_some())
            bot.kill()
        await gone(server_pid)
        assert await kept_rows(root) == [7]


async def test_a_server_that_outlived_its_bot_is_stopped_first(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, FAST) as server:
            # Another folder entry, so that the lock of this test's own server is not in the way.
            (root / "lock").rename(root / "lock.old")
            alias = root.with_name("alias")
            alias.symlink_to(root)
            async with embedded_postgres(alias, FAST) as successor:
                assert "exited with 0" in await server.died()
                assert successor.pid != server.pid
            alias.unlink()


async def test_a_frozen_server_that_outlived_its_bot_is_stopped_first(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            command = [sys.executable, "-c", DOOMED_BOT, str(root)]
            bot = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE, check=False))
            server_pid = int(await bot.stdout.receive_some())
            signal_server(server_pid, signal.SIGSTOP)
            bot.kill()
        assert await kept_rows(root) == [7]
        await gone(server_pid)


async def test_a_crash_by_order_loses_nothing(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root) as server:
            server.freeze()
            server.crash()
            await server.died()
        assert await kept_rows(root) == [7]
        assert "automatic recovery in progress" in (root / "log").read_text()


async def test_a_frozen_server_is_stopped_in_order(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root) as server:
            server.freeze()
        assert not (root / "data" / "postmaster.pid").exists()


async def test_a_database_of_another_major_version_is_refused(root: Path) -> None:
    (root / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(StartupError, match=r"was written by PostgreSQL 14.*pg_dump") as caught:
        await kept_rows(root)
    assert "\n" not in str(caught.value)


async def test_what_is_left_of_a_database_is_never_made_anew(root: Path) -> None:
    (root / "data" / "PG_VERSION").unlink()
    with pytest.raises(StartupError, match="is no whole database; restore it from a backup"):
        await kept_rows(root)
    assert (root / "data" / "base").exists()


async def test_half_a_creation_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(tmp_path, FAST):
            assert not (tmp_path / "data.new").exists()


async def test_a_path_too_long_for_a_socket_moves_the_socket_only(created: Path, tmp_path: Path) -> None:
    root = tmp_path / ("long" * 25)
    shutil.copytree(created, root, ignore=shutil.ignore_patterns("run"))
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, FAST) as server:
            elsewhere = server.socket_dir
            assert not elsewhere.is_relative_to(root)
            assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
            [row] = await run_sql(server.address, "select n from kept")
            assert row["n"] == 7
    elsewhere.rmdir()


async def test_a_lost_password_is_one_line_that_says_so(root: Path) -> None:
    (root / "password").unlink()
    with pytest.raises(StartupError, match="password cannot be read"):
        await kept_rows(root)


async def test_a_server_that_does_not_start_leaves_its_last_words(root: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        with pytest.raises(StartupError, match="does not start: PostgreSQL exited with 1; its log ends") as caught:
            async with embedded_postgres(root, {"max_connections": "many"}):
                pass
    assert "\n" not in str(caught.value)


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="cannot be used for the database"):
        async with embedded_postgres(tmp_path / "file" / "pg"):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a user namespace")
async def test_root_without_user_namespaces_is_told_both_cures(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartupError, match="run the bot as a user that is not root, or set DATABASE_URL"):
        await kept_rows(root)
