"""What a start of the bot begins with: its options, the lock on its data directory, its log, and what it refuses."""

from __future__ import annotations

import argparse
import atexit
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actors.runtime import InitFailed, Supervision, SupervisionError
from bot import logs, settings
from bot.errors import BotError, StartupError
from bot.log_streams import LogStreams
from bot.paths import SETTINGS_FILE, settings_file
from bot.storage.halt_file import HaltFile
from bot.supervision import sections as supervision_sections
from bot.systemd import ServiceManager, take_service_manager


@dataclass(frozen=True, slots=True)
class Options:
    """One start of the bot: what the command line, the settings file and the service manager ask for."""

    directory: Path
    profile: str
    settings: settings.Settings
    supervision: Supervision
    market: Path | None
    speed: float
    manager: ServiceManager | None
    config: Path | None = None

    @property
    def config_name(self) -> str:
        """What the settings file is called, or would be."""
        return SETTINGS_FILE if self.config is None else self.config.name


def read_options(arguments: argparse.Namespace, directory: Path) -> Options:
    """Raises StartupError. What systemd has put into the environment is taken out of it, so that no child finds it."""
    file = settings_file(arguments.config, directory)
    supervision_file = Path(arguments.supervision or supervision_sections.SHIPPED)
    market = Path(arguments.market).absolute() if arguments.market else None
    if market is not None and not market.exists():
        raise StartupError(f"{market}: no such market file; check --market")
    return Options(
        directory,
        arguments.profile,
        settings.load(file, profile=arguments.profile),
        _supervision(supervision_file, arguments.profile),
        market,
        arguments.speed,
        take_service_manager(os.environ),
        file,
    )


def _supervision(file: Path, profile: str) -> Supervision:
    try:
        return supervision_sections.load(file, profile)
    except SupervisionError as error:
        raise StartupError(str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise StartupError(f"{file}: the supervision file cannot be read: {reason}; check --supervision") from None


@contextmanager
def locked(directory: Path, *, waits: bool = False) -> Iterator[None]:
    """One bot per data directory; the lock ends with the process. One that `waits` takes it when the other has ended."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_open_to_others(directory)
        lock = (directory / "lock").open("a+")
    except OSError as error:
        raise StartupError(
            f"{directory}: the data directory cannot be used: {error.strerror}; give --data-dir"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartupError(
                f"{directory}: another bot runs here (pid {lock.read().strip() or 'unknown'}); stop it, or give --data-dir"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _refuse_open_to_others(directory: Path) -> None:
    """Whoever may write there could put his own master key, halt or settings in place of the bot's."""
    if directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StartupError(
            f"{directory}: other users may write there; run chmod 700 on it, and look at what lies in it"
        )


def look_for_halt(file: HaltFile) -> None:
    """Refuse to start on a halt that cannot be read, and make sure that the next one can be written."""
    file.kept()
    try:
        file.reserve()
    except OSError as error:
        raise StartupError(
            f"{error.filename}: cannot be written: {error.strerror}; a halt must be kept there"
        ) from None


def open_log(chosen: settings.Logs, directory: Path) -> None:
    """Send the log where it belongs; raises StartupError when it cannot be written there."""
    try:
        logs.configure(chosen.level, file=_log_file(directory), streams=_streams(chosen, directory))
    except OSError as error:
        raise StartupError(f"{error.filename}: the log cannot be written: {error.strerror}; put it right") from None


def _streams(chosen: settings.Logs, directory: Path) -> LogStreams | None:
    if not chosen.streams:
        return None
    folder = directory / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    streams = LogStreams(folder, chosen.stream_max_mb * 1_000_000)
    atexit.register(streams.close)
    return streams


def _log_file(directory: Path) -> Path | None:
    """Logs go to the journal where there is one, else to a file; the console is for people."""
    return None if "JOURNAL_STREAM" in os.environ else directory / "bot.log"


def one_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show for a group: the first of ours, else the group itself."""
    for error in group.exceptions:
        found = one_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, BotError | KeyboardInterrupt):
            return found
        if isinstance(found, InitFailed) and isinstance(found.cause, BotError):
            return found.cause
        if isinstance(found, InitFailed) and isinstance(found.cause, OSError):
            return StartupError(f"{found.child} cannot start: {found.cause}; put it right, or give another --data-dir")
        if isinstance(found, SupervisionError):
            return StartupError(str(found))
    return group
