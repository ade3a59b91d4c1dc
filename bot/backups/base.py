"""A base backup of the bot's own PostgreSQL: its files as they are while it is used, from which its log is followed."""

from __future__ import annotations

from pathlib import Path

import trio

from bot.backups.archive import BASED, Manifest, name_of
from bot.backups.log_archive import owe
from bot.backups.taking import POSTGRES, Place, Say, copied, credentials, scratch_in, sealed
from bot.clock import Clock
from bot.errors import StartupError
from bot.settings import Backup
from bot.storage.archiving import BASE, BASE_LOG, COPIES, archive_settings, take_base
from bot.storage.cluster import not_ours, running_cluster

NOTE = "based"  # beside the server's data: whose base backup its log follows


def server_settings(directory: Path, rules: Backup, *, is_own: bool) -> dict[str, str]:
    """What the bot's own server is started with for the archive; nothing without one. Raises StartupError."""
    if not rules.archive:
        # What is written from now on is in no archive: the next one begins with a base backup of its own.
        try:
            (directory / POSTGRES / NOTE).unlink(missing_ok=True)
        except OSError as error:
            raise StartupError(not_ours(directory / POSTGRES, error)) from None
        return {}
    if not is_own:
        raise StartupError(
            "backup.archive is of the bot's own PostgreSQL; the one of database.url has its own means (runbooks/backup.md)"
        )
    (directory / POSTGRES / COPIES).mkdir(mode=0o700, parents=True, exist_ok=True)
    return archive_settings(directory / POSTGRES, rules.archive_every_s)


async def take(place: Place, clock: Clock, say: Say) -> Path:
    """Make a base backup of the running server, and seal the log up to it; the file. Raises StartupError.

    It is noted as owed where `backup.offsite` names a program; bringing it away is the caller's.
    """
    key, root = place.key(), place.directory / POSTGRES
    cluster = await running_cluster(root)
    if cluster is None:
        raise StartupError(
            "a base backup is taken while the bot and its own PostgreSQL run; bot backup create needs neither"
        )
    made_at_ms = clock.now_ms()
    with scratch_in(place.directory) as scratch:
        begins = await take_base(cluster.address(), root, scratch)
        names = (BASE, BASE_LOG, *copied(place, scratch))
        parts = begins.system, begins.segment, begins.segment_bytes
        manifest = Manifest(made_at_ms, place.profile, names, credentials(place.chosen), 1, *parts)
        file = place.folder / name_of(made_at_ms, BASED)
        await trio.to_thread.run_sync(sealed, key, file, manifest, scratch)
    if place.chosen.backup.offsite is not None:
        owe(file)
    say(f"{file}: {file.stat().st_size} bytes, sealed under {key.id}; the log is followed from {begins.segment} on")
    return file
