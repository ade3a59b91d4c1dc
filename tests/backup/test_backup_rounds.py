"""What the bot finds of its archive on the disk, and files that cannot be brought away until they can."""

from __future__ import annotations

import base64
import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bot.backups.archive import BASED, HOUR_MS, name_of
from bot.backups.log_archive import owe
from bot.backups.rounds import STALLED_MS, BackupRounds
from bot.backups.taking import Place, bring_away, create, credentials, cure_of, place_of, restore, scratch_in
from bot.clock import virtual_clock
from bot.doctor import Verdict, examine
from bot.errors import StartupError
from bot.execution.backup_alerts import ARCHIVE, BACKUP_AGE
from bot.settings import load
from tests.leaks.detect import MARK

NOW_MS = 1_795_000_000_000
CLOCK = virtual_clock(lambda: 0.0, epoch_ms=NOW_MS, seed=1)
SEGMENT = f"{1:08X}{0:08X}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    key = tmp_path / "backup.key"
    key.write_text(f"backup-1:{base64.b64encode(bytes(range(32))).decode()}\n")
    key.chmod(0o600)
    (tmp_path / "postgres" / "archive").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "pg_wal" / "archive_status").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "away").mkdir()
    return tmp_path


def rounds(home: Path, more: str = "") -> BackupRounds:
    file = home / "bot.toml"
    text = f'[backup]\nkey_file = "{home}/backup.key"\nfolder = "{home}/kept"\narchive = true\n'
    file.write_text(text + more)
    return BackupRounds(Place(home, "local", load(file, profile="local"), file), CLOCK)


def written(file: Path, age_ms: int) -> Path:
    """A file of this age."""
    file.write_bytes(b"x")
    os.utime(file, ns=((NOW_MS - age_ms) * 1_000_000,) * 2)
    return file


@pytest.mark.parametrize("place", ["postgres/archive", "postgres/data/pg_wal/archive_status", "kept"])
def test_what_waits_for_longer_than_may_be_lost_is_a_trouble_wherever_it_waits(home: Path, place: str) -> None:
    look = rounds(home)
    suffix = {"postgres/archive": "", "kept": ".sealed.owed"}.get(place, ".ready")
    if place == "kept":
        (home / place / "log-1").mkdir()
        place = "kept/log-1"
    file = written(home / place / f"{SEGMENT}{1:08X}{suffix}", STALLED_MS - 1_000)
    assert look.troubles() == {}, "a minute's segment may wait for a moment"
    written(file, STALLED_MS + 60_000)
    assert ARCHIVE in look.troubles()
    found = {one.name: one for one in examine(home, "local", str(home / "bot.toml"), CLOCK)}["backups"]
    assert found.verdict is Verdict.WARN and "stands still, 1 files since 20" in found.found
    file.unlink()
    assert look.troubles() == {}


def test_a_folder_that_cannot_be_looked_at_is_a_trouble_and_keeps_no_bot_from_starting(home: Path) -> None:
    """As one that its user may not enter, or a disk that is gone: only root runs this test, who may enter all."""
    rounds(home)
    file = home / "bot.toml"
    file.write_text(file.read_text().replace(f"{home}/kept", f"{home}/{'k' * 300}"))
    look = BackupRounds(Place(home, "local", load(file, profile="local"), file), CLOCK)
    assert "File name too long" in look.troubles()[BACKUP_AGE].why
    found = {one.name: one for one in examine(home, "local", str(file), CLOCK)}["backups"]
    assert (found.verdict, "cannot be read: File name too long" in found.found) == (Verdict.WARN, True)


def test_a_base_backup_that_is_twice_as_old_as_it_should_be_is_a_trouble(home: Path) -> None:
    look = rounds(home)
    (home / "kept" / name_of(NOW_MS - 47 * HOUR_MS, BASED)).touch()
    assert look.troubles() == {}
    for file in (home / "kept").iterdir():
        file.rename(file.with_name(name_of(NOW_MS - 49 * HOUR_MS, BASED)))
    assert list(look.troubles()) == [BACKUP_AGE]


async def test_a_key_that_is_missing_fails_each_round_and_no_start(home: Path) -> None:
    look = rounds(home)
    (home / "backup.key").unlink()
    for one in look.keeper(lambda _: None).rounds:
        with pytest.raises(StartupError, match=r"backup\.key"):
            await one.do()


async def test_files_are_brought_away_in_their_order_and_wait_for_one_that_is_not_taken(home: Path) -> None:
    program = home / "bring"
    program.write_text(
        f'#!/bin/sh\n[ -e "{home}/open" ] || exit 7\ncp "$1" "{home}/away/" && echo "$1" >> "{home}/order"\n'
    )
    program.chmod(0o700)
    look = rounds(home, f'offsite = "{program}"\n')
    log = home / "kept" / "log-1"
    log.mkdir()
    files = [log / f"{SEGMENT}{number:08X}.sealed" for number in (9, 3)]
    for age_s, file in zip((20, 10), files, strict=True):
        file.write_bytes(b"sealed")
        written(file.with_name(f"{file.name}.owed"), age_s * 1000)
    base = home / "kept" / name_of(NOW_MS, BASED)
    base.write_bytes(b"base")
    owe(base)
    with trio.fail_after(30):
        with pytest.raises(StartupError, match="ended with 7"):
            await look.bring_away()
        assert not list((home / "away").iterdir())
        (home / "open").touch()
        await look.bring_away()
        await look.bring_away()
    assert (home / "order").read_text().split() == [str(path) for path in (base, *files)], "each once, the base first"
    assert not list((home / "kept").rglob("*.owed")) and all(path.exists() for path in (base, *files))


async def test_what_the_program_tells_of_its_work_goes_nowhere_and_its_complaint_is_quoted(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program, file = home / "bring", home / "kept" / name_of(NOW_MS)
    program.write_text(f"#!/bin/sh\necho {MARK}\necho 'no route to the store' >&2\nexit $(cat '{home}/code')\n")
    program.chmod(0o700)
    rules = rounds(home, f'offsite = "{program}"\n').rules
    file.touch()
    said: list[str] = []
    with trio.fail_after(30):
        (home / "code").write_text("0")
        await bring_away(rules, file, said.append)
        (home / "code").write_text("7")
        with pytest.raises(StartupError, match="ended with 7: no route to the store") as refused:
            await bring_away(rules, file, said.append)
    assert said == ["bring has brought it away"]
    assert MARK not in "".join((*capfd.readouterr(), str(refused.value)))


def test_what_a_killed_run_left_goes_with_the_next_and_what_another_run_uses_stays(home: Path) -> None:
    left = home / ".backup-killed"
    left.mkdir()
    (left / "database.dump").write_bytes(b"the whole database, unsealed")
    with scratch_in(home) as first:
        assert not left.exists()
        with scratch_in(home) as second:
            assert first.is_dir() and second.is_dir() and first != second
    assert not list(home.glob(".backup-*"))


async def test_a_directory_that_cannot_be_made_is_said_in_one_line_before_anything_is_restored(home: Path) -> None:
    rounds(home)
    (home / "file").touch()
    place = replace(place_of(home, "local", str(home / "bot.toml")), directory=home / "file" / "restored")
    with pytest.raises(
        StartupError, match="cannot be made: Not a directory; name a --data-dir where this user may write"
    ):
        await restore(place, home / "any.backup", CLOCK, print)


def test_a_credential_of_systemds_is_named_by_its_name_and_not_by_where_it_lies_now(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds(home)
    chosen = place_of(home, "local", str(home / "bot.toml")).chosen
    assert credentials(chosen) == {"backup.key_file": str(home / "backup.key")}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(home))
    assert credentials(chosen) == {"backup.key_file": "backup.key"}, "the next machine has another directory of them"


def test_what_keeps_a_unit_from_its_folder_has_a_cure_of_its_own() -> None:
    assert "ReadWritePaths=" in cure_of(OSError(errno.EROFS, "Read-only file system"))


def test_the_doctor_looks_at_the_key_of_the_backups(home: Path) -> None:
    rounds(home)
    shutil.copy(home / "backup.key", home / "master.key")
    found = {one.name: one for one in examine(home, "local", str(home / "bot.toml"), CLOCK)}["backups"]
    assert found.verdict is Verdict.BAD and "is the wallets' master key" in found.found
    (home / "master.key").unlink()
    (home / "backup.key").chmod(0o644)
    found = {one.name: one for one in examine(home, "local", str(home / "bot.toml"), CLOCK)}["backups"]
    assert found.verdict is Verdict.BAD and "chmod" in found.found


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"local-1:short"], ids=["no text", "empty", "cut off"])
def test_a_master_key_that_is_damaged_keeps_no_backup_from_being_made(home: Path, content: bytes) -> None:
    """The bot goes on with the key that it has in memory, and its backups have to go on too."""
    rounds(home)
    (home / "master.key").write_bytes(content)
    assert place_of(home, "local", str(home / "bot.toml")).key().id


def test_what_is_wrong_with_the_key_of_the_backups_is_not_said_of_the_master_key(home: Path) -> None:
    rounds(home)
    file = home / "backup.key"
    for spoil in (lambda: file.chmod(0o644), lambda: file.write_text("nonsense"), file.unlink):
        spoil()
        with pytest.raises(StartupError) as refused:
            place_of(home, "local", str(home / "bot.toml")).key()
        assert "key of the backups" in str(refused.value) and "master" not in str(refused.value)
        if file.exists():
            file.chmod(0o600)


async def test_a_data_directory_without_books_is_not_backed_up_as_if_it_had_some(home: Path) -> None:
    """A mistyped --data-dir made a backup of nothing, and a server to make it of, and ended with 0."""
    rounds(home)
    with pytest.raises(StartupError, match="holds no books"):
        await create(place_of(home, "local", str(home / "bot.toml")), CLOCK, lambda _: None)
    assert not (home / "postgres" / "data" / "PG_VERSION").exists() and not list((home / "kept").iterdir())


def test_room_is_asked_for_where_there_is_none_and_nowhere_else() -> None:
    assert cure_of(OSError(errno.ENOSPC, "full")) == "make room"
    assert cure_of(OSError(errno.EACCES, "refused")) == "look at backup.folder"
