"""Where a master key may come from, and what is said when it may not: one line with place, id and cure, never the content."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.vault.master_key import (
    MasterKey,
    make_local_key,
    master_key_from_environment,
    read_master_key,
)

KEY = bytes(range(32))
ENCODED = base64.b64encode(KEY).decode()
LINE = f"prod-2026-11:{ENCODED}"


def _written(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def _refusal(path: Path, expected_id: str | None = "prod-2026-11") -> str:
    with pytest.raises(StartupError) as raised:
        read_master_key(path, expected_id)
    told = str(raised.value)
    assert str(path) in told
    assert "\n" not in told
    assert ENCODED[:20] not in told
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    if expected_id is not None:
        assert expected_id in told
    return told


def test_a_guarded_file_is_read(tmp_path: Path) -> None:
    path = _written(tmp_path / "key", LINE + "\n")
    assert read_master_key(path) == read_master_key(path, "prod-2026-11") == MasterKey("prod-2026-11", KEY)
    assert read_master_key(_written(tmp_path / "read-only", LINE, 0o400)).id == "prod-2026-11"


def test_a_missing_key_names_the_one_that_is_expected(tmp_path: Path) -> None:
    assert "put the key file back" in _refusal(tmp_path / "key")
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o777])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    assert "chmod 600" in _refusal(_written(tmp_path / "key", LINE, mode))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "key", LINE)
    os.chown(path, 12_345, -1)
    assert "belongs to uid 12345" in _refusal(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns what systemd passes")
def test_a_credential_that_systemd_passes_may_show_group_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _written(tmp_path / "master-key", LINE, 0o440)
    _refusal(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_master_key(path).id == "prod-2026-11"
    path.chmod(0o444)
    _refusal(path)


def test_a_link_or_a_directory_is_refused(tmp_path: Path) -> None:
    _written(tmp_path / "key", LINE)
    (tmp_path / "link").symlink_to(tmp_path / "key")
    _refusal(tmp_path / "link")
    (tmp_path / "directory").mkdir()
    _refusal(tmp_path / "directory")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        ENCODED,
        ":" + ENCODED,
        f"bad id:{ENCODED}",
        LINE + "\n" + LINE + "\n",
        "prod-2026-11:",
        f"prod-2026-11:{ENCODED}=",
        f"prod-2026-11:{ENCODED[:-4]}",
        "prod-2026-11:" + base64.b64encode(bytes(31)).decode(),
        "prod-2026-11:" + base64.b64encode(bytes(33)).decode(),
        "prod-2026-11:" + KEY.hex(),
        "prod-2026-11:" + "A" * 5_000,
        "prod-2026-11:\N{LATIN SMALL LETTER E WITH ACUTE}" + ENCODED,
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    assert "key-id:base64 of 32 bytes" in _refusal(_written(tmp_path / "key", content))


def test_a_key_with_another_id_is_refused(tmp_path: Path) -> None:
    told = _refusal(_written(tmp_path / "key", LINE), "prod-2025-01")
    assert "another id" in told
    assert "prod-2026-11" not in told
    assert "prod-2025-01 is expected" in told


def test_a_key_that_was_written_backwards_is_not_shown(tmp_path: Path) -> None:
    backwards = f"{KEY.hex()}:prod-2026-11"
    told = _refusal(_written(tmp_path / "key", backwards))
    assert KEY.hex()[:8] not in told


def test_a_file_that_is_no_master_key_is_not_to_be_changed(tmp_path: Path) -> None:
    told = _refusal(_written(tmp_path / "hosts", "127.0.0.1 localhost", 0o644))
    assert "chmod" not in told
    assert "not a master key" in told


def test_the_environment_serves_for_development() -> None:
    assert master_key_from_environment("BOT_KEY", {"BOT_KEY": LINE}) == MasterKey("prod-2026-11", KEY)
    for environment in ({}, {"BOT_KEY": ""}, {"BOT_KEY": ENCODED}):
        with pytest.raises(StartupError, match="environment variable BOT_KEY") as raised:
            master_key_from_environment("BOT_KEY", environment, "prod-1")
        assert "prod-1" in str(raised.value)
        assert ENCODED not in str(raised.value)


def test_a_local_key_is_made_whole_and_guarded(tmp_path: Path) -> None:
    path = tmp_path / "master-key"
    made = make_local_key(path)
    assert made.id.startswith("local-")
    assert read_master_key(path, made.id) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["master-key"]
    assert make_local_key(tmp_path / "other").key != made.key


def test_a_local_key_never_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "master-key"
    path.touch()
    with pytest.raises(StartupError, match="never overwritten"):
        make_local_key(path)
    assert path.read_bytes() == b""
    assert [one.name for one in tmp_path.iterdir()] == ["master-key"]


def test_a_local_key_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be written"):
        make_local_key(tmp_path / "missing" / "master-key")
