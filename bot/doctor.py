"""`bot doctor`: every precondition of a bot by its name, with what was found and the cure. It changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import trio

from actors.runtime import SupervisionError
from bot import control, settings
from bot.api_keys import read_keys
from bot.backups.archive import BASED, HOUR_MS, moment_of
from bot.backups.rounds import FREE_BAD, FREE_WARN, BackupRounds
from bot.backups.taking import Place
from bot.clock import Clock, day_of, rfc3339_s
from bot.compose import telegram_token
from bot.drills import records as drills
from bot.errors import StartupError
from bot.execution.backup_alerts import ARCHIVE
from bot.keys import KEY_VARIABLE, KeyRing, fernet_key, find_keys
from bot.paths import control_socket, settings_file, vault_socket
from bot.profiles import CLUSTERS, MAINNET, PROFILES, Profile, genesis_of
from bot.start import Options
from bot.storage.address import address_of_url
from bot.storage.cluster import program_folders, running_cluster
from bot.storage.dump import is_empty, schema_version
from bot.storage.halt_file import HaltFile
from bot.storage.migrate import load
from bot.storage.spool_journal import FileJournal
from bot.supervision import sections as supervision_sections
from bot.trading.units import counted
from bot.vault_door import OUTSIDE, place_of_vault, why_silent

HANDLES_WANTED = 4_096
BACKUP_OLD_MS = 25 * HOUR_MS
LOCK = "lock"  # which the first start on a data directory leaves there
DISK = "disk"
REFUSES_A_START = frozenset(
    {"settings", "supervision", "halt", "journal", "master key", "keys", "database", "endpoints"}
)


class Verdict(StrEnum):
    """How much a finding matters: `bad` keeps a bot from starting or from being trusted with money."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One precondition. `cure` is empty where there is nothing to do."""

    name: str
    verdict: Verdict
    found: str
    cure: str = ""

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{self.verdict.value:4} {self.name}: {self.found}" + (f"; {self.cure}" if self.cure else "")


def examine(directory: Path, profile: str, config: str | None, clock: Clock) -> list[Finding]:
    """All findings in the order in which a newcomer meets them; those of other machines are asked for last."""
    found = [*machine(directory), _user(PROFILES[profile]), _supervision(profile)]
    try:
        chosen = settings.load(settings_file(config, directory), profile=profile)
    except StartupError as error:
        return [*found, Finding("settings", Verdict.BAD, " / ".join(str(error).splitlines()), "correct it there")]
    found.append(Finding("settings", Verdict.OK, "every key is known and possible"))
    checks: list[Callable[[], Finding]] = [
        lambda: _master_key(chosen, directory, PROFILES[profile]),
        lambda: _keys(chosen, PROFILES[profile]),
        lambda: _database(chosen, directory),
        lambda: _endpoints(chosen, PROFILES[profile]),
        lambda: _telegram(chosen, PROFILES[profile]),
        lambda: _watched(chosen),
        lambda: _backups(chosen, directory, PROFILES[profile], clock),
        lambda: _drills(directory, PROFILES[profile], clock),
        lambda: _halt(directory),
        lambda: _journal(directory),
        lambda: _running(directory, chosen.web.port),
    ]
    return [*found, *_disk_of_backups(chosen, directory), *(check() for check in checks)]


def look_at_start(options: Options, clock: Clock, say: Callable[[str], None]) -> None:
    """Say what is to be cured, before a bot starts; raises StartupError where the start would be wrong.

    Only what nothing else of a start looks at, and nothing that another machine has to be asked for: the start proves keys,
    database and endpoints itself, and waits where that is right. Where a bot ran before there may be open positions, which
    nobody watches until the start is done; a want of room is told there and refuses nothing.
    """
    directory, profile, chosen = options.directory, PROFILES[options.profile], options.settings
    found = [*machine(directory), *_disk_of_backups(chosen, directory), _halt(directory), _port(chosen.web.port)]
    if not profile.is_local:
        found += [_telegram(chosen, profile), _watched(chosen), _backups(chosen, directory, profile, clock)]
    wrong = [one for one in found if one.verdict is Verdict.BAD and one.name == DISK]
    if wrong and not (directory / LOCK).exists():
        raise StartupError(f"nothing was started: {wrong[0].line}")
    for one in found:
        if one.verdict is not Verdict.OK:
            say(one.line)


def examine_succession(options: Options, clock: Clock) -> Iterator[str]:
    """What is to be cured, a line each, before a bot ends to have this one take its place.

    Raises StartupError where that would leave positions unwatched: here the other goes on, so that nothing is waited for.
    """
    directory, profile, chosen = options.directory, PROFILES[options.profile], options.settings
    found = list(machine(directory))
    needed = [
        *(one for one in found if one.name == DISK),
        _halt(directory),
        _journal(directory),
        _master_key(chosen, directory, profile),
        _vault(chosen, directory, profile),
        _keys(chosen, profile),
        _database(chosen, directory),
        _endpoints(chosen, profile),
    ]
    for one in needed:
        if one.verdict is Verdict.BAD:
            raise StartupError(one.line.removeprefix(Verdict.BAD).strip())
    found += [_telegram(chosen, profile), _backups(chosen, directory, profile, clock)]
    yield from (one.line for one in found if one.verdict is not Verdict.OK and not profile.is_local)


def machine(directory: Path) -> Iterator[Finding]:
    """What a bot needs of its machine."""
    place = next(one for one in (directory, *directory.parents) if one.exists())
    yield from _room(DISK, place, "make room: the database and a halt need it")
    handles = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    few = handles < HANDLES_WANTED
    cure = f"ulimit -n {HANDLES_WANTED} or LimitNOFILE= in the unit" if few else ""
    yield Finding("handles", Verdict.WARN if few else Verdict.OK, f"{handles} files may be open", cure)
    if directory.exists():
        others = bool(stat.S_IMODE(directory.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH))
        told = "others may write there" if others else "is its owner's"
        cure = f"chmod 700 {directory}, and look at what lies in it" if others else ""
        yield Finding("data directory", Verdict.BAD if others else Verdict.OK, f"{directory} {told}", cure)


def _user(profile: Profile) -> Finding:
    is_root = os.geteuid() == 0
    if is_root and not profile.is_local:
        return Finding(
            "user", Verdict.BAD, f"profile {profile.name} does not run as root", "run it as a user of its own"
        )
    return Finding("user", Verdict.OK, "root, which profile local allows" if is_root else "not root")


def _supervision(profile: str) -> Finding:
    try:
        supervision_sections.load(supervision_sections.SHIPPED, profile)
    except SupervisionError as error:
        return Finding("supervision", Verdict.BAD, " / ".join(str(error).splitlines()), "bot supervision check")
    return Finding("supervision", Verdict.OK, "the shipped tree is whole")


def _room(name: str, place: Path, cure: str) -> Iterator[Finding]:
    """How much is free on a disk; nothing of a file system without a size, which is none that could be full."""
    usage = shutil.disk_usage(place)
    if usage.total:
        free = usage.free
        verdict = Verdict.BAD if free < FREE_BAD else Verdict.WARN if free < FREE_WARN else Verdict.OK
        yield Finding(
            name, verdict, f"{free // 1_000_000} MB are free at {place}", cure if verdict is not Verdict.OK else ""
        )


def _disk_of_backups(chosen: settings.Settings, directory: Path) -> Iterator[Finding]:
    """Where the backups go, if that is a disk of its own; the bot that runs rings for both."""
    folder = chosen.backup.folder
    with suppress(OSError):  # that it cannot be looked at is a finding of `_backups`
        if folder is None or not folder.is_dir() or folder.stat().st_dev == directory.stat().st_dev:
            return
        yield from _room("disk of backups", folder, "make room, or name another disk in backup.folder")


def _master_key(chosen: settings.Settings, directory: Path, profile: Profile) -> Finding:
    if place_of_vault(chosen.vault, is_local=profile.is_local) == OUTSIDE:
        return Finding(
            "master key", Verdict.OK, "a vault that runs by itself has it; keep a copy apart from the backups"
        )
    file, own = chosen.wallets.master_key_file, directory / "master.key"
    if file is None and KEY_VARIABLE not in os.environ and profile.is_local and not own.exists():
        return Finding("master key", Verdict.OK, "profile local makes one at its first start")
    ring = KeyRing(file, directory, profile.is_local, lambda _: None, chosen.wallets.former_keys)
    try:
        key, *former = find_keys(ring, (), may_make=False)
        fernet_key(chosen.wallets)
    except StartupError as error:
        return Finding("master key", Verdict.BAD, str(error))
    if former:
        beside = f"{key.id}, and beside it {', '.join(one.id for one in former)}"
        return Finding("master key", Verdict.OK, f"{beside}; keep copies apart from the backups")
    return Finding("master key", Verdict.OK, f"{key.id}; keep a copy apart from the backups")


def _keys(chosen: settings.Settings, profile: Profile) -> Finding:
    """The files of keys, tokens and addresses that the settings name: one that cannot be read refuses a start."""
    try:
        keys = read_keys(chosen, is_local=profile.is_local)
        telegram_token(chosen.telegram)
    except StartupError as error:
        return Finding("keys", Verdict.BAD, str(error))
    count = len(keys.services) + sum(file is not None for file in keys.endpoints)
    return Finding("keys", Verdict.OK, f"{counted(count, 'file')} of keys and addresses can be read")


def _database(chosen: settings.Settings, directory: Path) -> Finding:
    url = chosen.database.url
    try:
        if url is None:
            return _own_server(directory)
        address = address_of_url(url.get_secret_value())
        is_new = trio.run(is_empty, address)
        version = 0 if is_new else trio.run(schema_version, address)
    except StartupError as error:
        return Finding("database", Verdict.BAD, str(error), "runbooks/database.md")
    if (newer := _newer_schema(version)) is not None:
        return newer
    if (directory / "postgres" / "data").exists():
        found = f"it answers, and {directory / 'postgres'} holds books too, which do not count"
        return Finding(
            "database", Verdict.WARN, found, "bot database move, runbooks/database.md; or move the folder away"
        )
    return Finding("database", Verdict.OK, "it answers and is new" if is_new else "it answers and has tables")


def _own_server(directory: Path) -> Finding:
    """The bot's own server; what it serves is known while it runs, and asked then. Raises StartupError."""
    folder = next((one for one in program_folders() if (one / "postgres").exists()), None)
    if folder is None:
        return Finding("database", Verdict.BAD, "no PostgreSQL is installed", "make install, or set DATABASE_URL")
    served = trio.run(running_cluster, directory / "postgres")
    if served is not None:
        if (stored := (served.data / "PG_VERSION").read_text("ascii").strip()) != str(served.programs.major):
            found = f"{served.data} was written by PostgreSQL {stored}, this program brings {served.programs.major}"
            return Finding("database", Verdict.BAD, found, "bot database move, runbooks/database.md")
        if (newer := _newer_schema(trio.run(schema_version, served.address()))) is not None:
            return newer
    return Finding("database", Verdict.OK, "a server of the bot's own; DATABASE_URL names another")


def _newer_schema(version: int) -> Finding | None:
    """What is wrong with a schema at that version; None where this program knows it, or brings it to its own."""
    if version <= (known := len(load())):
        return None
    newer = f"its schema is at version {version}, and this program knows {known}"
    return Finding("database", Verdict.BAD, newer, "run the newer program, or restore a backup: runbooks/backup.md")


def _vault(chosen: settings.Settings, directory: Path, profile: Profile) -> Finding:
    if place_of_vault(chosen.vault, is_local=profile.is_local) != OUTSIDE:
        return Finding("vault", Verdict.OK, "one of the bot's own")
    if silent := trio.run(why_silent, chosen.vault.socket or vault_socket(directory)):
        return Finding("vault", Verdict.BAD, silent, "runbooks/vault.md")
    return Finding("vault", Verdict.OK, "it answers")


def _endpoints(chosen: settings.Settings, profile: Profile) -> Finding:
    if profile.is_local:
        return Finding("endpoints", Verdict.OK, "profile local brings a chain of its own")
    try:
        keys = read_keys(chosen, is_local=False)
    except StartupError:
        return Finding("endpoints", Verdict.WARN, "they are not asked while a file of keys cannot be read")
    try:
        genesis = trio.run(genesis_of, [url.get_secret_value() for url in chosen.rpc.urls], keys)
    except StartupError as error:
        return Finding("endpoints", Verdict.BAD, str(error), "runbooks/endpoints.md")
    name = CLUSTERS.get(genesis, "another cluster")
    if profile.moves_money and genesis != MAINNET:
        return Finding("endpoints", Verdict.BAD, f"they serve {name}", "give endpoints of mainnet in rpc.urls")
    few = len(chosen.rpc.urls) < 2
    cure = "give a second one of another host: a single one is believed whatever it says" if few else ""
    return Finding("endpoints", Verdict.WARN if few else Verdict.OK, f"{len(chosen.rpc.urls)}, serving {name}", cure)


def _telegram(chosen: settings.Settings, profile: Profile) -> Finding:
    try:
        has_token = telegram_token(chosen.telegram) is not None
    except StartupError as error:
        return Finding("telegram", Verdict.BAD, str(error))
    if has_token and chosen.telegram.operator_chat_id is not None:
        return Finding("telegram", Verdict.OK, "a token, and a chat for operators")
    lacks = "telegram.operator_chat_id" if has_token else "a token"
    verdict = Verdict.BAD if profile.moves_money else Verdict.WARN
    cure = "alerts reach the console alone; deploy/README.md, Telegram, says how it is given"
    return Finding("telegram", verdict, f"{lacks} is missing", cure)


def _watched(chosen: settings.Settings) -> Finding:
    if chosen.alerts.heartbeat_url_file is not None:
        return Finding("watched", Verdict.OK, "somebody outside hears a sign of life")
    cure = "set alerts.heartbeat_url_file (runbooks/watching.md)"
    return Finding("watched", Verdict.WARN, "nobody outside notices that this machine is gone", cure)


def _backups(chosen: settings.Settings, directory: Path, profile: Profile, clock: Clock) -> Finding:
    place, rules = Place(directory, profile.name, chosen, None), chosen.backup
    if rules.key_file is None:
        return Finding("backups", Verdict.WARN, "none are made", "runbooks/backup.md, Once")
    if rules.archive and chosen.database.url is not None:
        return Finding("backups", Verdict.BAD, "backup.archive is of the bot's own PostgreSQL", "leave it out")
    try:
        troubles = BackupRounds(place, clock).troubles()
        place.key()
        names = [path.name for path in place.folder.iterdir()] if place.folder.is_dir() else []
    except StartupError as error:
        return Finding("backups", Verdict.BAD, str(error))
    except OSError as error:
        cure = "let the bot's user in: runbooks/backup.md, Once; or name another backup.folder"
        return Finding("backups", Verdict.WARN, f"{place.folder}: cannot be read: {error.strerror}", cure)
    if ARCHIVE in troubles:
        found = f"the archive of the log stands still, {troubles[ARCHIVE].why}"
        return Finding("backups", Verdict.WARN, found, "runbooks/backup.md, What the bot does about it")
    made = [moment for name in names if (moment := moment_of(name) or moment_of(name, BASED))]
    if not made or clock.now_ms() - max(made) > BACKUP_OLD_MS:
        newest = f"the newest is of {rfc3339_s(max(made))}" if made else f"there is none in {place.folder}"
        cure = "it is taken while the bot runs" if rules.archive else "bot backup create, and look at its timer"
        return Finding("backups", Verdict.WARN, newest, cure)
    if rules.offsite is None:
        return Finding("backups", Verdict.WARN, "they stay on this machine", "name a program in backup.offsite")
    return Finding("backups", Verdict.OK, f"the newest is of {rfc3339_s(max(made))}")


def _drills(directory: Path, profile: Profile, clock: Clock) -> Finding:
    if not profile.moves_money:
        return Finding("drills", Verdict.OK, "are asked for where money moves")
    lacking = drills.missing(directory, profile.name, date.fromisoformat(day_of(clock.now_ms())))
    if lacking:
        return Finding("drills", Verdict.WARN, "; ".join(lacking), "runbooks/drills.md")
    return Finding("drills", Verdict.OK, "the kill switch and a restore were rehearsed in time")


def _halt(directory: Path) -> Finding:
    try:
        halt = HaltFile(directory / "halt.json").kept()
    except StartupError as error:
        return Finding("halt", Verdict.BAD, str(error))
    if halt is None:
        return Finding("halt", Verdict.OK, "none is latched on this disk")
    cure = "runbooks/halted.md; bot rearm ends it"
    return Finding("halt", Verdict.WARN, f"by {halt.cause} since {rfc3339_s(halt.since_ms)} ({halt.why})", cure)


def _journal(directory: Path) -> Finding:
    try:
        waiting = len(FileJournal(directory / "spool.journal").records())
    except StartupError as error:
        return Finding("journal", Verdict.BAD, str(error))
    return Finding(
        "journal", Verdict.OK, f"{waiting} exits wait for the database" if waiting else "nothing waits in it"
    )


def _running(directory: Path, port: int | None) -> Finding:
    try:
        state = control.ask(control_socket(directory), {"verb": "status"})["state"]
    except (control.NotRunning, StartupError):
        taken = _port(port)
        return taken if taken.verdict is Verdict.BAD else Finding("bot", Verdict.OK, "does not run here")
    return Finding("bot", Verdict.OK, f"runs here, {state}")


def _port(port: int | None) -> Finding:
    if port is not None and _is_taken(port):
        return Finding("port", Verdict.BAD, f"another program has web.port {port}", "choose another")
    return Finding("port", Verdict.OK, "nobody is asked for on the network" if port is None else "it is free")


def _is_taken(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
