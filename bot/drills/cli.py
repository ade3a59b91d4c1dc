"""`bot drill`: rehearse an emergency on a scratch bot with a local chain of its own, or list what was rehearsed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bot.profile_argument import add_profile


def add_drill(verbs: Any) -> argparse.ArgumentParser:
    """The verb, to which the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "drill", help="rehearse an emergency on a scratch bot and keep a dated record; see runbooks/drills.md"
    )
    verb.add_argument(
        "kind",
        nargs="?",
        choices=("kill-switch", "restore", "failover"),
        help="which; left out, the records are listed",
    )
    add_profile(verb, "of the bot it is for")
    verb.add_argument("--config", metavar="FILE", help="the bot's settings file, for what backs it up")
    return verb


def run_drill(arguments: argparse.Namespace, directory: Path) -> int:
    """Rehearse, or list; 1 where a drill was not passed."""
    if arguments.kind is None:
        return _list(arguments, directory)
    import trio

    from bot import logs
    from bot.backups import taking as backup
    from bot.clock import system_clock
    from bot.drills.scenes import rehearse

    logs.configure("error")  # what the servers of the scratch bot say is none of the answer
    place = backup.place_of(directory, arguments.profile, arguments.config)
    drill, file = trio.run(rehearse, arguments.kind, place, system_clock(), lambda line: print(line, flush=True))
    print(f"{drill.line}; recorded in {file}")
    return 0 if drill.passed else 1


def _list(arguments: argparse.Namespace, directory: Path) -> int:
    from bot.drills.records import KINDS, command, kept

    drills = kept(directory)
    if arguments.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode({"drills": drills})).decode())
        return 0
    for drill in drills:
        print(drill.line)
    for kind in KINDS:
        if not any(drill.kind == kind and drill.passed for drill in drills):
            print(f"{kind} was never passed: {command(kind, arguments.profile)}")
    return 0
