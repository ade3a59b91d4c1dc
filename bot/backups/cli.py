"""`bot backup create|base|verify|restore`. It runs in the process of the verb; a bot that runs does not wait."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.profile_argument import add_profile


def add_backup(verbs: Any) -> list[argparse.ArgumentParser]:
    """The verb with what it does; the caller adds what every verb has to each."""
    verb = verbs.add_parser("backup", help="back the books up, prove a backup, bring one back; see runbooks/backup.md")
    what = verb.add_subparsers(dest="what", required=True, metavar="WHAT")
    create = what.add_parser("create", help="make one while the bot runs, and bring it away by backup.offsite")
    base = what.add_parser("base", help="make a base backup of the running bot's own PostgreSQL, for its log to follow")
    check = what.add_parser("verify", help="bring one back in a scratch directory and open every wallet in it")
    check.add_argument("file", nargs="?", metavar="FILE", help="default: the newest of backup.folder")
    restore = what.add_parser("restore", help="bring one back into an empty --data-dir; a bot on it starts halted")
    restore.add_argument("file", metavar="FILE", help="a backup")
    restore.add_argument(
        "--until", metavar="MOMENT", help="of a base backup's log, as 2026-11-22T10:00:00Z (default: its end)"
    )
    for one in (create, base, check, restore):
        one.add_argument("--config", metavar="FILE", help="the bot's settings file")
        add_profile(one)
    return [create, base, check, restore]


def run_backup(arguments: argparse.Namespace, directory: Path) -> int:
    """Do it and say what was done; raises StartupError with one line."""
    import trio

    from bot import logs
    from bot.backups import base as base_backup
    from bot.backups import taking as backup
    from bot.clock import system_clock
    from bot.start import one_error

    logs.configure("error")  # what a server says while it starts and stops is none of the answer
    place = backup.place_of(directory, arguments.profile, arguments.config)
    clock = system_clock()

    async def do() -> None:
        match arguments.what:
            case "create":
                await backup.create(place, clock, print)
            case "base":
                await base_backup.take(place, clock, print)
            case "verify":
                await backup.verify(place, Path(arguments.file) if arguments.file else None, print)
            case "restore":
                await backup.restore(place, Path(arguments.file), clock, print, until=arguments.until)

    try:
        trio.run(do)
    except BaseExceptionGroup as group:
        raise one_error(group) from group
    return 0
