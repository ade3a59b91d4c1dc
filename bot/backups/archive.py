"""What a backup is: a sealed tar with a manifest, the dump of the database and the files beside it. Never a key."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bot.errors import KeyUnavailable, StartupError
from bot.storage.archiving import BASE, BASE_LOG
from bot.vault.master_key import MasterKey
from bot.vault.sealed_file import OpeningReader, SealingWriter

DUMP = "database.dump"
MANIFEST = "manifest.json"
# Of the data directory. Its master key is not among them, nor the journal of exits, which belongs to one process.
FILES = ("bot.toml", "live.json", "halt.json", "vault.codes", "vault.days", "master_keys.json")
FORMAT = 1
DRAFT = ".new"
DUMPED, BASED = "backup", "base"
_NAME = re.compile(r"trading-bot-(\d{8}T\d{6}Z)\.(backup|base)")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup. `credentials` are the settings that name files of secrets, by key; no content of any is there.

    `made_at_ms` is when the dump began, which is the moment of its rows. A base backup has none: its rows are those of the moment
    to which the log is followed, which begins at `segment` of the server `system`.
    """

    made_at_ms: int
    profile: str
    files: tuple[str, ...]
    credentials: Mapping[str, str]
    format: int = FORMAT
    system: str = ""
    segment: str = ""
    segment_bytes: int = 0


def name_of(made_at_ms: int, kind: str = DUMPED) -> str:
    """A backup's file name, which sorts by its moment."""
    return f"trading-bot-{stamp_of(made_at_ms)}.{kind}"


def stamp_of(at_ms: int) -> str:
    """A moment as it stands in names of files."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def moment_of(name: str, kind: str = DUMPED) -> int | None:
    """When the backup of this name was made, in milliseconds since 1970; None for a file that is none of this kind."""
    match = _NAME.fullmatch(name)
    if match is None or match[2] != kind:
        return None
    try:
        return round(datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None


def superfluous(names: Iterable[str], now_ms: int, *, keep_hours: int, keep_days: int) -> list[str]:
    """Which backups may go: not those of the last hours, not the newest of each of the last days (UTC), never the newest.

    What has another name is not ours and stays.
    """
    made = sorted((moment, name) for name in names if (moment := moment_of(name)) is not None)
    newest_of_day = {moment // DAY_MS: name for moment, name in made}
    kept = {name for moment, name in made if now_ms - moment < keep_hours * HOUR_MS}
    kept |= {name for day, name in newest_of_day.items() if day > now_ms // DAY_MS - keep_days}
    kept |= {name for _, name in made[-1:]}
    return [name for _, name in made if name not in kept]


def pack(key: MasterKey, file: Path, manifest: Manifest, folder: Path) -> None:
    """Seal the manifest and what it names, found in `folder`, into a file that appears whole or not at all; raises OSError."""
    # Another run of the same second has the same name for its backup, and not for its draft.
    draft = file.with_name(f".{file.name}.{os.getpid()}{DRAFT}")
    for left in file.parent.glob(f".trading-bot-*{DRAFT}"):
        with held(left) as is_nobodys:
            if is_nobodys:  # of a run that was killed
                left.unlink(missing_ok=True)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest)), encoding="utf-8")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with held(draft), os.fdopen(descriptor, "wb") as out:
            sealing = SealingWriter(key, out)
            with tarfile.open(fileobj=cast(Any, sealing), mode="w|") as tar:
                for name in (MANIFEST, *manifest.files):
                    tar.add(folder / name, arcname=name, recursive=False, filter=_nobodys)
            sealing.close()
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def unpack(key: MasterKey, file: Path, folder: Path, *, only: str | None = None) -> Manifest:
    """Open a backup into a folder, which gets its members by their known names alone; raises StartupError with one line.

    With `only` it is read up to the member of that name; the manifest is the first.
    """
    try:
        with file.open("rb") as sealed, tarfile.open(fileobj=cast(Any, OpeningReader(key, sealed)), mode="r|") as tar:
            for member in tar:
                if member.name not in {MANIFEST, DUMP, BASE, BASE_LOG, *FILES} or not member.isfile():
                    raise StartupError(f"{file}: holds {member.name!r}, which no backup has")
                _write(tar, member, folder / member.name)
                if member.name == only:
                    break
        return _manifest(folder / MANIFEST)
    except KeyUnavailable as error:
        raise StartupError(f"{file}: {error}; give another file, or the key that it was made with") from None
    except PermissionError:
        raise StartupError(
            f"{file}: this user may not read it; it is sealed, so copy it to where everybody may (runbooks/backup.md)"
        ) from None
    except FileNotFoundError:
        raise StartupError(f"{file}: there is no such backup, or it holds no manifest") from None
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StartupError(f"{file}: the backup cannot be read: {why}") from None


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock on a file or folder, which ends with the process; whether it was free. What is not there is not free."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Names and numbers of this machine's users mean nothing on another one."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while part := content.read(1 << 20):
            out.write(part)


def _manifest(path: Path) -> Manifest:
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["format"] != FORMAT:
        raise ValueError(f"it has the format {told['format']}, and this program knows {FORMAT}; run a newer one")
    begins = str(told.get("system", "")), str(told.get("segment", "")), int(told.get("segment_bytes", 0))
    files, credentials = tuple(told["files"]), dict(told["credentials"])
    return Manifest(int(told["made_at_ms"]), str(told["profile"]), files, credentials, FORMAT, *begins)
