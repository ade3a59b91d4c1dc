"""`bot backup`: taken while the bot runs, proved in a scratch directory, and brought back into a new one, which starts halted."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from bot import settings
from bot.backups.archive import BASED, DUMP, FILES, Manifest, held, moment_of, name_of, pack, superfluous, unpack
from bot.backups.log_archive import LogArchive
from bot.clock import Clock, rfc3339_s
from bot.errors import KeyUnavailable, StartupError
from bot.keys import KeyRing, find_keys
from bot.paths import settings_file
from bot.storage.address import DatabaseAddress, address_of_url
from bot.storage.archiving import BASE, BASE_LOG, move_in, recover, segments_with
from bot.storage.cluster import running_cluster
from bot.storage.dump import dump, is_empty, load_dump
from bot.storage.embedded import embedded_postgres
from bot.storage.halt_file import HaltFile
from bot.storage.store import PostgresStore, open_store
from bot.trading.trading_state import RESTORED, Halt
from bot.trading.units import counted
from bot.vault.envelope import open_sealed, overwrite
from bot.vault.master_key import MasterKey, parse_master_key, read_guarded

FOLDER = "backups"
POSTGRES = "postgres"
SCRATCH = ".backup-"
HALT_FILE = "halt.json"
LOCAL_KEY = "master.key"  # made by profile local, where no setting names one
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory with the settings that count there. `file` is where those were read, None without one."""

    directory: Path
    profile: str
    chosen: settings.Settings
    file: Path | None

    @property
    def folder(self) -> Path:
        """Where its backups are."""
        return self.chosen.backup.folder or self.directory / FOLDER

    def key(self) -> MasterKey:
        """The key of the backups; raises StartupError, also for the wallets' own: a backup must not open what it holds."""
        file = self.chosen.backup.key_file
        if file is None:
            raise StartupError(
                "backup.key_file names no key; make one, and keep a copy apart from the backups: (umask 077; printf"
                " 'backup-1:%s\\n' \"$(head -c 32 /dev/urandom | base64)\" > backup.key)"
            )
        line = read_guarded(file, "key of the backups", "backup.key_file").decode("ascii", "replace")
        key = parse_master_key(line, str(file), what="key of the backups")
        if _is_master(key, self.chosen.wallets.master_key_file or self.directory / LOCAL_KEY):
            raise StartupError(f"{file}: is the wallets' master key; make another one for backups")
        return key

    def holds_books(self) -> bool:
        """Whether there is a database here; the bot's own is in the data directory."""
        return self.chosen.database.url is not None or (self.directory / POSTGRES / "data" / "PG_VERSION").exists()


def _is_master(key: MasterKey, file: Path) -> bool:
    """Whether a master key's file has the same key. One that cannot be read has not: it keeps no backup from being made."""
    try:
        return parse_master_key(file.read_text(encoding="ascii", errors="replace"), str(file)).key == key.key
    except (OSError, StartupError):
        return False


def place_of(directory: Path, profile: str, config: str | None) -> Place:
    """The place that a command line means; raises StartupError."""
    file = settings_file(config, directory)
    return Place(directory, profile, settings.load(file, profile=profile), file)


# ------------------------------------------------------------------------------------------------------------- create


async def create(place: Place, clock: Clock, say: Say) -> Path:
    """Make a backup of what the bot has written so far, whether it runs or not; the file. Raises StartupError.

    It is brought off the machine by `backup.offsite`, and what is superfluous goes. Nothing waits for it.
    """
    key, folder = place.key(), place.folder
    if not place.holds_books():
        raise StartupError(f"{place.directory}: holds no books, so that there is nothing to back up; give --data-dir")
    made_at_ms = clock.now_ms()
    with scratch_in(place.directory) as scratch:
        async with database(place) as address:
            if await is_empty(address):
                raise StartupError("the database has no books yet; start the bot on it first, or name the right one")
            await dump(address, scratch / DUMP)
        files = (DUMP, *copied(place, scratch))
        manifest = Manifest(made_at_ms, place.profile, files, credentials(place.chosen))
        file = folder / name_of(made_at_ms)
        sealed(key, file, manifest, scratch)
    say(f"{file}: {file.stat().st_size} bytes, sealed under {key.id}")
    await bring_away(place.chosen.backup, file, say)
    rules = place.chosen.backup
    names = [path.name for path in folder.iterdir()]
    for name in superfluous(names, clock.now_ms(), keep_hours=rules.keep_hours, keep_days=rules.keep_days):
        (folder / name).unlink(missing_ok=True)
        say(f"{name}: superfluous, removed")
    return file


def copied(place: Place, scratch: Path) -> list[str]:
    """Copy what belongs to the books beside the database into `scratch`; the names."""
    names = []
    for name in FILES:
        source = place.file if name == "bot.toml" and place.file is not None else place.directory / name
        if source.is_file():
            shutil.copyfile(source, scratch / name)
            names.append(name)
    return names


def sealed(key: MasterKey, file: Path, manifest: Manifest, scratch: Path) -> None:
    """Write a backup whose parts lie in `scratch`; raises StartupError."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pack(key, file, manifest, scratch)
    except OSError as error:
        raise StartupError(f"{file.parent}: the backup cannot be written: {error.strerror}; {cure_of(error)}") from None


def cure_of(error: OSError) -> str:
    """What helps a file that cannot be written."""
    if error.errno == errno.EROFS:
        return "a unit writes outside its own directory by ReadWritePaths= alone, runbooks/backup.md, Once"
    return "make room" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "look at backup.folder"


async def bring_away(rules: settings.Backup, file: Path, say: Say) -> None:
    """Start the program that brings a new file away, and wait for it; raises StartupError where it does not."""
    if rules.offsite is None:
        say("it lies on this machine alone; backup.offsite names a program that brings it somewhere else")
        return
    with trio.move_on_after(rules.offsite_within_s):
        try:
            # What it tells of its work goes nowhere, least of all into a log; its complaints are quoted when it fails.
            done = await trio.run_process(
                [str(rules.offsite), str(file)],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                capture_stderr=True,
            )
        except OSError as error:
            raise StartupError(f"{rules.offsite}: cannot be started: {error.strerror}; {file} is kept here") from None
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise StartupError(f"{rules.offsite} ended with {done.returncode}: {said}; {file} is kept here")
        say(f"{rules.offsite.name} has brought it away")
        return
    raise StartupError(f"{rules.offsite} did not end within {rules.offsite_within_s} s; {file} is kept here")


# ------------------------------------------------------------------------------------------------------------- verify


async def verify(place: Place, file: Path | None, say: Say) -> None:
    """Bring a backup, the newest where none is named, back in a scratch directory, and open every wallet in it.

    Raises StartupError where it is not whole, or where a wallet does not open with the master key of this place.
    """
    file = file or newest(place.folder)
    with scratch_in(place.directory) as scratch:
        manifest = unpack(place.key(), file, scratch)
        say(
            f"{file}: of {rfc3339_s(manifest.made_at_ms)}, profile {manifest.profile}, holds {', '.join(manifest.files)}"
        )
        if BASE in manifest.files:
            await follow(place, file, manifest, scratch, say, until=None, whole=True)
        async with embedded_postgres(scratch / POSTGRES, {"fsync": "off"}) as server:
            if BASE not in manifest.files:
                await load_dump(server.address, scratch / DUMP)
            async with open_store(server.address) as store:
                await _prove(place, store, say)


async def _prove(place: Place, store: PostgresStore, say: Say) -> None:
    wallets = await store.wallets()
    rows = {wallet.id: await store.sealed_key(wallet.id) for wallet in wallets}
    wanted = sorted({row.master_key_id for row in rows.values()})
    chosen = place.chosen.wallets
    ring = KeyRing(chosen.master_key_file, place.directory, place.profile == "local", say, chosen.former_keys)
    keys = {key.id: key for key in find_keys(ring, wanted, may_make=False)} if wanted else {}
    shut = []
    for wallet in wallets:
        row = rows[wallet.id]
        try:
            overwrite(open_sealed(keys[row.master_key_id], wallet.user_id, wallet.address, row))
        except (KeyUnavailable, KeyError):
            shut.append(wallet.address)
    positions, moving = await store.open_positions(), await store.in_flight()
    say(
        f"{counted(len(wallets), 'wallet')}, {len(wallets) - len(shut)} opened; {counted(len(positions), 'open position')},"
        f" {counted(len(moving), 'order')} on its way when it was made"
    )
    if shut:
        raise StartupError(f"{counted(len(shut), 'wallet')} of the backup did not open, the first is {shut[0]}")
    say("it can be restored, and the master key of this place opens all of it")


def newest(folder: Path) -> Path:
    """The newest backup of a folder, of either kind; raises StartupError where there is none."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    made = [(moment, name) for name in names if (moment := moment_of(name) or moment_of(name, BASED))]
    if not made:
        raise StartupError(f"{folder}: there is no backup; bot backup create makes one")
    return folder / max(made)[1]


async def follow(
    place: Place, file: Path, manifest: Manifest, scratch: Path, say: Say, *, until: str | None, whole: bool
) -> None:
    """Make a server in `scratch` from a base backup there and the log that lies beside its file, to the end or `until`.

    Raises StartupError; with `whole` also where a part of the log is missing, which is only said otherwise.
    """
    archive, segments = LogArchive(place.key(), file.parent), scratch / "log"
    segments.mkdir(mode=0o700)
    found = archive.put_back(manifest, segments)
    if (gap := archive.gap(manifest, segments_with(scratch / BASE))) is not None:
        words = f"{file.parent}: the log breaks off {counted(gap, 'segment')} behind {manifest.segment}; what follows is lost"
        if whole:
            raise StartupError(f"{words}, unless a copy of the file lies elsewhere")
        say(words)
    last = await recover(scratch / POSTGRES, scratch / BASE, segments, until)
    say(
        f"{counted(found, 'segment')} of the log; the last transaction that it holds is of {last or 'before the base backup'}"
    )


# ------------------------------------------------------------------------------------------------------------- restore


async def restore(place: Place, file: Path, clock: Clock, say: Say, *, until: str | None = None) -> None:
    """Bring a backup back into a data directory that has no books, and an empty database; a bot on it starts halted.

    A base backup is followed by the log that lies beside it, to its end or to the moment `until`. Raises StartupError before
    anything is written where there are books already.
    """
    directory, key = place.directory, place.key()
    if (directory / POSTGRES / "data").exists() or (directory / HALT_FILE).exists():
        raise StartupError(f"{directory}: holds the books of a bot; give an empty --data-dir")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(
            f"{directory}: cannot be made: {error.strerror}; name a --data-dir where this user may write, which under systemd is"
            " one below the unit's state directory (runbooks/backup.md)"
        ) from None
    with scratch_in(directory) as scratch:
        manifest = unpack(key, file, scratch)
        url, is_base = place.chosen.database.url, BASE in manifest.files
        if url is not None and is_base:
            raise StartupError(f"{file}: is of the bot's own PostgreSQL; leave database.url out, and move it then")
        if until is not None and not is_base:
            raise StartupError(
                f"{file}: holds one moment, and --until chooses one of a base backup's log; leave it out"
            )
        if url is not None and not await is_empty(address_of_url(url.get_secret_value())):
            raise StartupError("database.url: the database is not empty; make a new one and name that")
        # The halt comes first: whatever is cut short here, no bot trades on it.
        now_ms = clock.now_ms()
        why = f"restored from the backup of {rfc3339_s(manifest.made_at_ms)}; look at bot status, then bot rearm"
        HaltFile(directory / HALT_FILE).keep(Halt(RESTORED, now_ms, "operator", why))
        for name in manifest.files:
            if name not in {DUMP, BASE, BASE_LOG, HALT_FILE} and not (directory / name).exists():
                shutil.copyfile(scratch / name, directory / name)
                (directory / name).chmod(0o600)
        if is_base:
            await follow(place, file, manifest, scratch, say, until=until, whole=False)
            move_in(scratch / POSTGRES, directory / POSTGRES)
        else:
            async with database(place) as address:
                await load_dump(address, scratch / DUMP)
    say(f"restored the books of {rfc3339_s(manifest.made_at_ms)} into {directory}; a bot on them starts halted")
    for setting, named in manifest.credentials.items():
        say(f"bring the credential {setting} ({named}): no backup holds one")
    if manifest.profile == "local" and "wallets.master_key_file" not in manifest.credentials:
        say(f"bring {LOCAL_KEY} and the folder localnet of the old data directory: wallets and chain of profile local")


# --------------------------------------------------------------------------------------------------------------- parts


def credentials(chosen: settings.Settings) -> dict[str, str]:
    """The settings that name files of secrets, with the names; of a credential of systemd's that name alone."""
    found, given = {}, os.environ.get("CREDENTIALS_DIRECTORY")
    for section in type(chosen).model_fields:
        part = getattr(chosen, section)
        for key in type(part).model_fields:
            value = getattr(part, key)
            if key.endswith(("key_file", "token_file", "url_file", "former_keys")) and value is not None:
                is_systemds = given is not None and value.parent == Path(given)
                found[f"{section}.{key}"] = value.name if is_systemds else str(value)
    return found


@contextmanager
def scratch_in(directory: Path) -> Iterator[Path]:
    """A folder of our own beside the books, which are as open as what lies in it; it goes with everything in it.

    What a run left that was killed, a dump as large as the books, goes with the next one: nobody holds its lock any more.
    """
    try:
        for left in directory.absolute().glob(f"{SCRATCH}*"):
            with held(left) as is_nobodys:
                if is_nobodys:
                    shutil.rmtree(left, ignore_errors=True)
        folder = tempfile.TemporaryDirectory(prefix=SCRATCH, dir=directory.absolute())
    except FileNotFoundError:
        raise StartupError(f"{directory}: there is no such data directory; give --data-dir") from None
    except OSError as error:
        raise StartupError(f"{directory}: nothing can be written there: {error.strerror}; put it right") from None
    with folder as name, held(Path(name)):
        yield Path(name)


@asynccontextmanager
async def database(place: Place) -> AsyncIterator[DatabaseAddress]:
    """The database of a place; the bot's own server is started for the time where it does not run."""
    if place.chosen.database.url is not None:
        yield address_of_url(place.chosen.database.url.get_secret_value())
        return
    root = place.directory / POSTGRES
    if (cluster := await running_cluster(root)) is not None:
        yield cluster.address()
        return
    async with embedded_postgres(root) as server:
        yield server.address
