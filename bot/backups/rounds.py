"""What the bot does for its backups by itself while it runs: rounds that seal, bring away and take, and a look at the disk."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from actors.backup_keeper import BackupKeeper, Round
from bot.backups.archive import BASED, HOUR_MS, moment_of
from bot.backups.base import NOTE, take
from bot.backups.log_archive import LogArchive, bases_in, note_of, owed, settle
from bot.backups.taking import POSTGRES, Place, bring_away, scratch_in
from bot.clock import Clock, rfc3339_s
from bot.errors import StartupError
from bot.execution.alerts import Alert
from bot.execution.backup_alerts import ARCHIVE, BACKUP_AGE, DISK, Trouble
from bot.settings import Backup
from bot.start import Options
from bot.storage.archiving import copies, flush, system_of_server, uncopied

log = structlog.get_logger()

STALLED_MS = 5 * 60_000  # what may be lost at most (D-19)
FREE_WARN, FREE_BAD = 2_000_000_000, 200_000_000
SEAL_EVERY_S, BASE_LOOK_S = 5.0, 60.0


def rounds_of(options: Options, clock: Clock) -> BackupRounds:
    """The rounds that the options of a start ask for."""
    return BackupRounds(Place(options.directory, options.profile, options.settings, options.config), clock)


@dataclass(slots=True)
class BackupRounds:
    """What is done again and again beside trading. Each round raises StartupError where it cannot be done now."""

    place: Place
    clock: Clock

    @property
    def archive(self) -> LogArchive:
        """Raises StartupError where the key of the backups is none: a bot trades without, and its operators hear of it."""
        return LogArchive(self.place.key(), self.place.folder)

    @property
    def rules(self) -> Backup:
        """What the settings say."""
        return self.place.chosen.backup

    @property
    def root(self) -> Path:
        """The folder of the server."""
        return self.place.directory / POSTGRES

    async def seal(self) -> None:
        """Seal what the server has copied since the last round."""
        archive, owes = self.archive, self.rules.offsite is not None
        with _alone(self.root):
            taken = await trio.to_thread.run_sync(lambda: archive.take_over(self.root, owes=owes))
        if taken:
            log.info("log_archived", segments=taken)

    async def bring_away(self) -> None:
        """Bring away what is owed, the oldest first, up to the first that is not taken."""
        for file in owed(self.place.folder):
            if file.exists():
                await bring_away(self.rules, file, lambda _: None)
                log.info("backup_brought_away", file=file.name)
            settle(file)

    async def base(self) -> None:
        """Take a base backup when one is due, and remove what no kept one needs."""
        made = [moment_of(path.name, BASED) or 0 for path in bases_in(self.place.folder)]
        if made and self.clock.now_ms() - max(made) < self.rules.base_every_hours * HOUR_MS and self._has_own_base():
            return
        await take(self.place, self.clock, lambda line: log.info("base_backup", said=line))
        with scratch_in(self.place.directory) as scratch:
            gone = await trio.to_thread.run_sync(
                self.archive.prune, self.clock.now_ms(), self.rules.archive_days, scratch, system_of_server(self.root)
            )
        (self.root / NOTE).write_text(system_of_server(self.root))
        flush(self.root)
        log.info("backups_pruned", gone=len(gone))

    def _has_own_base(self) -> bool:
        """Whether one was taken of this folder: one that was recovered, or made anew, is taken at once."""
        note = self.root / NOTE
        return note.exists() and note.read_text() == system_of_server(self.root)

    def keeper(self, alert: Callable[[Alert], None]) -> BackupKeeper:
        """The actor that does all of it. Without an archive it looks at the disk alone."""
        rounds: list[Round] = []
        if self.rules.archive:
            seal_s = min(SEAL_EVERY_S, self.rules.archive_every_s)
            rounds = [Round(ARCHIVE, seal_s, self.seal), Round(BACKUP_AGE, BASE_LOOK_S, self.base)]
        if self.rules.archive and self.rules.offsite is not None:
            rounds.append(Round(ARCHIVE, seal_s, self.bring_away))
        return BackupKeeper(rounds, self.troubles, alert)

    def troubles(self) -> dict[str, Trouble]:
        """What operators have to hear of the backups and of the disk now, by its key."""
        try:
            return self._troubles()
        except OSError as error:
            return {BACKUP_AGE: Trouble(f"{error.filename or self.place.folder}: {error.strerror}")}

    def _troubles(self) -> dict[str, Trouble]:
        found = {}
        now_ms = self.clock.now_ms()
        if self.rules.archive:
            waiting = [*copies(self.root), *uncopied(self.root), *map(note_of, owed(self.place.folder))]
            if (since_ms := _oldest_ms(waiting)) is not None and now_ms - since_ms > STALLED_MS:
                found[ARCHIVE] = Trouble(f"{len(waiting)} files since {rfc3339_s(since_ms)}")
            made = [moment_of(path.name, BASED) or 0 for path in bases_in(self.place.folder)]
            if made and now_ms - max(made) > 2 * self.rules.base_every_hours * HOUR_MS:
                found[BACKUP_AGE] = Trouble(f"the newest is of {rfc3339_s(max(made))}")
        for where in {self.place.directory, *([self.place.folder] if self.place.folder.is_dir() else [])}:
            free = shutil.disk_usage(where).free
            if free < FREE_WARN:
                found[DISK] = Trouble(f"{free // 1_000_000} MB are free at {where}", urgent=free < FREE_BAD)
        return found


def _oldest_ms(paths: list[Path]) -> int | None:
    """When the oldest of some files was written; one that went meanwhile is not waited for."""
    found = []
    for path in paths:
        try:
            found.append(path.stat().st_mtime_ns // 1_000_000)
        except FileNotFoundError:
            continue
    return min(found, default=None)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One process takes copies over at a time; raises StartupError."""
    with (root / "archive.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"{root}: another process archives the log; wait for it") from None
        yield
