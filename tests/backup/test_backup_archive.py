"""Which backups are kept, and what a file must be to be taken for one."""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backups.archive import DAY_MS, DRAFT, HOUR_MS, Manifest, held, moment_of, name_of, pack, superfluous, unpack
from bot.errors import StartupError
from bot.vault.master_key import MasterKey
from bot.vault.sealed_file import SealingWriter

KEY = MasterKey("backup-1", bytes(range(32)))
NOON_MS = round(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)


def test_every_hour_of_two_days_and_one_of_each_day_of_a_month_are_kept() -> None:
    hourly = [name_of(NOON_MS - hours * HOUR_MS) for hours in range(24 * 60)]
    gone = set(superfluous([*hourly, "notes.txt", ".trading-bot.new"], NOON_MS, keep_hours=48, keep_days=30))
    kept = [name for name in hourly if name not in gone]
    assert kept[:48] == hourly[:48]
    assert len(kept) == 48 + 27  # of the thirty days the hours hold three already
    assert all(name.endswith("T230000Z.backup") for name in kept[48:])
    assert "notes.txt" not in gone


@given(st.lists(st.integers(0, 400 * 24), max_size=60), st.integers(1, 72), st.integers(1, 40))
def test_the_newest_is_never_superfluous_and_what_was_kept_stays_kept(
    hours: list[int], keep_hours: int, keep_days: int
) -> None:
    names = [name_of(NOON_MS - hour * HOUR_MS) for hour in hours]
    gone = superfluous(names, NOON_MS, keep_hours=keep_hours, keep_days=keep_days)
    assert not names or max(names) not in gone
    left = [name for name in names if name not in gone]
    assert superfluous(left, NOON_MS, keep_hours=keep_hours, keep_days=keep_days) == []
    assert all(NOON_MS - (moment_of(name) or 0) >= keep_hours * HOUR_MS for name in gone)


def test_a_name_tells_the_moment_and_nothing_else_is_a_backup() -> None:
    assert moment_of(name_of(NOON_MS)) == NOON_MS
    for name in ("trading-bot-20261322T120000Z.backup", "trading-bot.backup", "x", f"{name_of(NOON_MS)}.part"):
        assert moment_of(name) is None
    assert DAY_MS == 24 * HOUR_MS


def test_what_is_packed_is_unpacked_for_its_owner_alone_and_a_failed_one_leaves_nothing(tmp_path: Path) -> None:
    content, out, back = tmp_path / "content", tmp_path / "out", tmp_path / "back"
    for folder in (content, out, back):
        folder.mkdir()
    (content / "database.dump").write_bytes(bytes(3_000_000))
    (content / "bot.toml").write_text("[logs]\n")
    manifest = Manifest(NOON_MS, "live", ("database.dump", "bot.toml"), {"wallets.master_key_file": "master-key"})
    pack(KEY, out / "a.backup", manifest, content)
    assert (out / "a.backup").stat().st_mode & 0o077 == 0
    assert unpack(KEY, out / "a.backup", back) == manifest
    assert (back / "bot.toml").read_text() == "[logs]\n"
    assert {path.stat().st_mode & 0o777 for path in back.iterdir()} == {0o600}
    with pytest.raises(FileNotFoundError):
        pack(KEY, out / "b.backup", Manifest(1, "live", ("missing",), {}), content)
    assert [path.name for path in out.iterdir()] == ["a.backup"]


def test_two_backups_of_one_second_do_not_take_each_others_drafts_and_a_killed_ones_goes(tmp_path: Path) -> None:
    content, out = tmp_path / "content", tmp_path / "out"
    for folder in (content, out):
        folder.mkdir()
    (content / "bot.toml").write_text("[logs]\n")
    manifest = Manifest(NOON_MS, "live", ("bot.toml",), {})
    being_written, of_a_killed_run = (out / f".{name_of(NOON_MS)}.{pid}{DRAFT}" for pid in (1, 2))
    being_written.touch()
    of_a_killed_run.touch()
    with held(being_written) as is_mine:
        assert is_mine
        pack(KEY, out / name_of(NOON_MS), manifest, content)
        assert sorted(path.name for path in out.iterdir()) == [being_written.name, name_of(NOON_MS)]
    pack(KEY, out / name_of(NOON_MS), manifest, content)
    assert [path.name for path in out.iterdir()] == [name_of(NOON_MS)]


@pytest.mark.parametrize("name", ["../escaped", "/etc/passwd", "master.key", "unknown"])
def test_a_member_that_no_backup_has_is_refused_and_written_nowhere(tmp_path: Path, name: str) -> None:
    file, back = tmp_path / "a.backup", tmp_path / "back"
    back.mkdir()
    with file.open("wb") as out:
        writer = SealingWriter(KEY, out)
        with tarfile.open(fileobj=cast(Any, writer), mode="w|") as tar:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        writer.close()
    with pytest.raises(StartupError, match="which no backup has"):
        unpack(KEY, file, back)
    assert list(back.iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("hello")
    for file in (tmp_path / "none", tmp_path / "missing"):
        with pytest.raises(StartupError) as refused:
            unpack(KEY, file, tmp_path)
        assert "\n" not in str(refused.value)
