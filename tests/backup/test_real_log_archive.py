"""A server's log is archived segment by segment, and everything up to the last one is there when its disk is gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bot.backups.archive import BASED, Manifest, name_of, pack
from bot.backups.log_archive import SEALED, LogArchive, bases_in
from bot.errors import StartupError
from bot.storage.address import DatabaseAddress
from bot.storage.archiving import (
    BASE,
    BASE_LOG,
    COPIES,
    archive_settings,
    copies,
    move_in,
    recover,
    system_of_server,
    take_base,
)
from bot.storage.dump import ask
from bot.storage.embedded import embedded_postgres
from bot.vault.master_key import MasterKey
from tests.storage.server_thread import fast_folder

KEY = MasterKey("backup-1", bytes(range(32)))
DEADLINE_S = 60
NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with fast_folder(tmp_path) as folder:
        (folder / "scratch").mkdir()
        (folder / "away").mkdir()
        yield folder


def settings_of(root: Path) -> dict[str, str]:
    (root / COPIES).mkdir(parents=True, exist_ok=True)
    return {**archive_settings(root, 3_600), "fsync": "off"}


async def write(address: DatabaseAddress, *numbers: int) -> str:
    """Numbers in a table, in a segment that is ended after them; its name."""
    values = ", ".join(f"({number})" for number in numbers)
    await ask(address, f"create table if not exists kept (n bigint); insert into kept values {values}")
    return await ask(address, "select pg_walfile_name(pg_switch_wal())")


async def rows(root: Path) -> list[int]:
    async with embedded_postgres(root, settings_of(root)) as server:
        return [int(n) for n in (await ask(server.address, "select n from kept order by n")).split()]


async def taken_over(archive: LogArchive, root: Path, segment: str) -> None:
    """Take over what the server has copied until this segment is among it."""
    sealed = archive.folder / f"log-{system_of_server(root)}" / f"{segment}{SEALED}"
    with trio.fail_after(DEADLINE_S):
        while not sealed.exists():
            archive.take_over(root, owes=False)
            await trio.sleep(0.02)


async def base_of(address: DatabaseAddress, root: Path, archive: LogArchive, scratch: Path) -> Manifest:
    begins = await take_base(address, root, scratch)
    manifest = Manifest(NOW_MS, "local", (BASE, BASE_LOG), {}, 1, begins.system, begins.segment, begins.segment_bytes)
    pack(KEY, archive.folder / name_of(NOW_MS, BASED), manifest, scratch)
    return manifest


async def recovered(
    archive: LogArchive, manifest: Manifest, base: Path, root: Path, until: str | None = None
) -> str | None:
    segments = root.with_name(f"{root.name}-log")
    segments.mkdir()
    archive.put_back(manifest, segments)
    return await recover(root, base, segments, until)


async def test_what_was_archived_is_there_after_the_disk_is_gone_and_again_after_the_second_loss(home: Path) -> None:
    root, archive = home / "it's 100% here" / "pg", LogArchive(KEY, home / "away")
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, settings_of(root)) as server:
            await write(server.address, 1)
            manifest = await base_of(server.address, root, archive, home / "scratch")
            await write(server.address, 2)
            before = await ask(server.address, "select clock_timestamp()")
            await taken_over(archive, root, await write(server.address, 3))
            await ask(server.address, "insert into kept values (4)")  # in a segment that has not ended
            server.crash()
            await server.died()
        assert copies(root) == []
        shutil.rmtree(root)
        base = home / "scratch" / BASE
        assert archive.gap(manifest, []) is None
        last = await recovered(archive, manifest, base, home / "back")
        assert last is not None and last > before
        await recovered(archive, manifest, base, home / "earlier", before)
        assert await rows(home / "earlier") == [1, 2]

        move_in(home / "back", root)
        assert await rows(root) == [1, 2, 3]
        async with embedded_postgres(root, settings_of(root)) as server:
            assert (root / "password").stat().st_mode & 0o077 == 0
            await taken_over(archive, root, await write(server.address, 5))
        shutil.rmtree(root)
        await recovered(archive, manifest, base, home / "again")
        assert await rows(home / "again") == [1, 2, 3, 5]

        # Another server that went on from the same end writes the same names with something else in them.
        async with embedded_postgres(home / "earlier", settings_of(home / "earlier")) as server:
            await write(server.address, 6)
            with pytest.raises(StartupError, match="two run on copies of one database"):
                await taken_over(archive, home / "earlier", "none")
            assert copies(home / "earlier"), "nothing is lost by the refusal"


async def test_a_part_of_the_log_that_is_missing_is_noticed_and_what_no_base_needs_goes(home: Path) -> None:
    root, archive, scratch = home / "pg", LogArchive(KEY, home / "away"), home / "prune"
    scratch.mkdir()
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, settings_of(root)) as server:
            await write(server.address, 1)
            manifest = await base_of(server.address, root, archive, home / "scratch")
            for number in (2, 3):
                await write(server.address, number)
            await taken_over(archive, root, await write(server.address, 4))
            system = system_of_server(root)
    logged = sorted(path for path in (archive.folder / f"log-{system}").iterdir() if len(path.name) == 24 + len(SEALED))
    assert {path.stat().st_mode & 0o777 for path in logged} == {0o600}
    assert all(b"kept" not in path.read_bytes() for path in logged)
    gone = archive.prune(NOW_MS + DAY_MS, 7, scratch, system)
    assert gone == [f"log-{system}/{path.name}" for path in logged if path.name < manifest.segment]
    assert archive.prune(NOW_MS + 400 * DAY_MS, 7, scratch, system) == [], "the newest base and its log stay"
    (archive.folder / "log-0").mkdir()
    assert archive.prune(NOW_MS, 7, scratch, "another") == ["log-0"]
    assert len(bases_in(archive.folder)) == 1
    assert archive.gap(manifest, []) is None
    logged[-2].unlink()
    assert archive.gap(manifest, []) == len(logged) - 2 - len(gone)
    assert archive.gap(manifest, [logged[-2].name.removesuffix(SEALED)]) is None, "a base may bring it itself"


def test_what_is_no_segment_is_refused_and_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / COPIES).mkdir()
    copy = tmp_path / COPIES / f"{1:024X}"
    copy.write_bytes(b"short")
    with pytest.raises(StartupError, match="no segment"):
        LogArchive(KEY, tmp_path / "away").take_over(tmp_path, owes=False)
    assert copy.exists()


async def test_a_base_backup_is_whole_although_the_log_of_its_beginning_is_let_go_meanwhile(home: Path) -> None:
    """Under load a server ends and reuses segments quicker than its files are read."""
    root, settings = home / "pg", {"fsync": "off", "max_wal_size": "32MB", "min_wal_size": "32MB"}
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(root, settings) as server:
            await ask(
                server.address,
                "create table bulk as select repeat(md5(n::text), 20) t from generate_series(1, 20000) n",
            )
            await write(server.address, 1)
            segments: list[str] = []

            async def load() -> None:
                while True:
                    segments.append(await write(server.address, len(segments) + 2))
                    await ask(server.address, "checkpoint")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(load)
                begins = await take_base(server.address, root, home / "scratch")
                nursery.cancel_scope.cancel()
            assert len(segments) > 2
            while await ask(server.address, "select count(*) from pg_replication_slots") != "0":
                # Nothing holds the log for good; the server ends a session that was left in its own time.
                await trio.sleep(0.05)
            await ask(server.address, "checkpoint")
            assert not (root / "data" / "pg_wal" / begins.segment).exists()
        (home / "none").mkdir()
        await recover(home / "back", home / "scratch" / BASE, home / "none", None)
        assert (await rows(home / "back"))[0] == 1
