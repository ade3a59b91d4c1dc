"""PostgreSQL's own log as an archive, and a server that is made again from a base backup and the log behind it.

The server copies each finished segment and does nothing else. It keeps a segment until its copy is on the disk, so that whoever
empties the folder may be away for as long as the disk lasts; the programs that copy (`cp`, `sync`, `mv`) know no key. Facts of
PostgreSQL 18, names and headers of segments: https://www.postgresql.org/docs/current/wal-internals.html, xlog_internal.h.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from bot.errors import StartupError
from bot.storage.address import DatabaseAddress
from bot.storage.cluster import SUPERUSER, new_password
from bot.storage.dump import ask, in_session, run_program
from bot.storage.embedded import embedded_postgres

BASE = "base.tar.gz"
BASE_LOG = (
    "pg_wal.tar.gz"  # beside it: the log from its beginning to its end, without which its files do not fit together
)
HBA = "recovery.conf"
COPIES = "archive"  # of the server's folder: what it has copied and nobody has taken over
RECOVERY_WITHIN_S = 25 * 60  # of the half hour in which a bot is to be back
SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
# A segment, the tail of one at the end of a timeline, where a base backup began, and what a timeline comes from.
KINDS = re.compile(r"[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_HEADER = struct.Struct("=HHIQI4xQII")  # XLogLongPageHeaderData
_LABEL = re.compile(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)
# Temporary, so that nothing that dies leaves a slot behind; of now, and not of when it is first used.
_KEEP_LOG = "select pg_create_physical_replication_slot('bot_base_' || pg_backend_pid(), true, true)"
_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the log of a base backup begins: whose server it is, the first segment, and how many bytes one has."""

    system: str
    segment: str
    segment_bytes: int


def archive_settings(root: Path, every_s: int) -> dict[str, str]:
    """What a server is started with so that each segment is copied, and one ends after `every_s` in which anything was written.

    Segments end in zeros there, which a packer makes nothing of.
    """
    folder = shlex.quote(str(root.absolute() / COPIES)).replace("%", "%%")
    copy = f"cp %p {folder}/%f.new && sync {folder}/%f.new && mv -f {folder}/%f.new {folder}/%f && sync {folder}"
    return {"archive_mode": "on", "archive_timeout": f"{every_s}s", "archive_command": copy}


def copies(root: Path) -> list[Path]:
    """What the server has copied, the oldest first; what it is still writing is left out."""
    folder = root / COPIES
    found = [path for path in folder.iterdir() if KINDS.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def uncopied(root: Path) -> list[Path]:
    """The server's notes of segments that it has yet to copy; each is as old as its segment's end."""
    folder = root / "data" / "pg_wal" / "archive_status"
    return sorted(folder.glob("*.ready")) if folder.is_dir() else []


def system_of_server(root: Path) -> str:
    """The number by which PostgreSQL tells servers apart, which is where its control file begins."""
    try:
        with (root / "data" / "global" / "pg_control").open("rb") as control:
            return f"{struct.unpack('=Q', control.read(8))[0]:016x}"
    except (OSError, struct.error):
        raise StartupError(f"{root}: holds no PostgreSQL that could be backed up; start the bot once") from None


def header_of(segment: bytes) -> tuple[str, int]:
    """The server that wrote a segment, and how many bytes one of its segments has; raises ValueError."""
    try:
        fields = _HEADER.unpack_from(segment)
    except struct.error:
        raise ValueError("it is no segment of PostgreSQL's log") from None
    return f"{fields[5]:016x}", fields[6]


def number_of(name: str, segment_bytes: int) -> int | None:
    """A segment's place in the log, over all timelines; None for what is none."""
    match = SEGMENT.fullmatch(name)
    return None if match is None else int(match[2], 16) * ((1 << 32) // segment_bytes) + int(match[3], 16)


def lacking(numbers: Iterable[int], first: int) -> int | None:
    """The first place from `first` on that is missing before the last one that is there; None where none is."""
    found = sorted({number for number in numbers if number >= first})
    return next((wanted for wanted, number in enumerate(found, first) if wanted != number), None)


async def take_base(address: DatabaseAddress, root: Path, folder: Path) -> Beginning:
    """Write a base backup of a running server into `folder`, with as much log as makes it whole by itself.

    It reads the server's files while they are used and stops nobody. The log is received while it is written, and a slot of this
    program's session keeps it from before the beginning: pg_basebackup's own is made after its beginning is chosen, and a busy
    server may have let go of that by then. Raises StartupError with one line.
    """
    argv = ["--format=tar", "--compress=client-gzip:1", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
    argv += ["--no-slot", f"--pgdata={folder}"]  # it is sealed from there, and that is what is kept
    async with in_session(address, _KEEP_LOG):
        await run_program("pg_basebackup", argv, address)
    size = await ask(address, "select setting from pg_settings where name = 'wal_segment_size'")
    segment = await trio.to_thread.run_sync(_first_segment, folder / BASE)
    return Beginning(system_of_server(root), segment, int(size))


def _first_segment(base: Path) -> str:
    """Where a base backup says that its log begins; raises StartupError."""
    with tarfile.open(base, "r|gz") as tar:
        first = tar.next()  # which the server sends before everything else
        label = tar.extractfile(first) if first is not None and first.name == "backup_label" else None
        match = None if label is None else _LABEL.search(label.read().decode("ascii"))
    if match is None:
        raise StartupError(f"{base}: the base backup does not say where it begins; take it again")
    return match[1]


def segments_with(base: Path) -> list[str]:
    """The segments of the log that a base backup brings itself, in a file beside it; earlier ones had them inside."""
    with tarfile.open(base, "r:gz") as tar:
        held = [Path(name).name for name in tar.getnames() if name.startswith("pg_wal/")]
    if (log := base.with_name(BASE_LOG)).exists():
        with tarfile.open(log, "r:gz") as tar:
            held += tar.getnames()
    return held


async def recover(root: Path, base: Path, segments: Path, until: str | None) -> str | None:
    """Make the server folder `root` from a base backup and packed segments, `NAME.gz` each in `segments`. Paths are absolute.

    `root` must be new. The log is followed to its end, or to the moment `until` (as PostgreSQL reads one), onto a new timeline.
    The folder gets a password of its own. The answer is the moment of the last transaction, None where the log held none.
    Raises StartupError with one line.
    """
    password = _unpack(root, base)
    place = shlex.quote(str(segments)).replace("%", "%%")
    settings: Mapping[str, str] = {
        "restore_command": f"test -f {place}/%f.gz && gzip -dc {place}/%f.gz > %p",
        "recovery_target_action": "promote",
        "hba_file": str(root / HBA),
        "hot_standby": "off",
        "fsync": "off",  # what is cut short here is made again from the start; `move_in` has the disk hold all of it
        # Off would forget the new timeline's own file; nothing is copied before the server's next life.
        "archive_mode": "on",
        "archive_command": "",
        **({"recovery_target_time": until} if until else {}),
    }
    async with embedded_postgres(root, settings, ready_within_s=RECOVERY_WITHIN_S) as server:
        words = f"alter role {SUPERUSER} password '{password}'"  # by its input: arguments are read by everybody here
        await run_program("psql", ["-XqAt", "--set=ON_ERROR_STOP=1"], server.address, words)
    return _last_transaction(root)


def _unpack(root: Path, base: Path) -> str:
    """Lay a server's folder out so that its next start recovers; the password that it is to get."""
    root.mkdir(mode=0o700, parents=True)
    data = root / "data"
    with tarfile.open(base, "r:gz") as tar:
        tar.extractall(data, filter="data")
    if (log := base.with_name(BASE_LOG)).exists():
        with tarfile.open(log, "r:gz") as tar:
            tar.extractall(data / "pg_wal", filter="data")
    data.chmod(0o700)
    (data / "recovery.signal").touch(mode=0o600)
    (root / HBA).write_text("local all all trust\n")  # the folder of its socket is this user's alone
    return new_password(root / "password")


def _last_transaction(root: Path) -> str | None:
    """What the server's log says of the end of a recovery."""
    found = _LAST.findall((root / "log").read_text("utf-8", "replace"))
    return found[-1] if found else None


def move_in(made: Path, root: Path) -> None:
    """Put a server's folder that was made elsewhere on this disk into its place; the data last, which is what counts."""
    os.sync()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("password", "data"):
        (made / name).replace(root / name)
        flush(root)
    shutil.rmtree(made)


def flush(path: Path) -> None:
    """Have the disk hold a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
