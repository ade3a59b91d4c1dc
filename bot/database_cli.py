"""`bot database move --to url|own`. It runs in the process of the verb, while no bot runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.profile_argument import add_profile


def add_database(verbs: Any) -> argparse.ArgumentParser:
    """The verb with what it does; the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "database", help="move the books between the bot's own PostgreSQL and that of database.url; the bot is stopped"
    )
    verb.add_argument("what", choices=("move",), help="copy, compare, and switch; the old one is kept")
    verb.add_argument("--to", required=True, choices=("url", "own"), help="url: to that of database.url; own: back")
    verb.add_argument("--config", metavar="FILE", help="the bot's settings file")
    add_profile(verb)
    return verb


def run_database(arguments: argparse.Namespace, directory: Path) -> int:
    """Do it and say what was done; raises StartupError with one line."""
    import trio

    from bot import logs
    from bot.backups.taking import place_of
    from bot.clock import system_clock
    from bot.database_move import move
    from bot.start import one_error

    logs.configure("error")  # what a server says while it starts and stops is none of the answer
    place = place_of(directory, arguments.profile, arguments.config)

    async def do() -> None:
        await move(place, system_clock(), print, to_own=arguments.to == "own")

    try:
        trio.run(do)
    except BaseExceptionGroup as group:
        raise one_error(group) from group
    return 0
