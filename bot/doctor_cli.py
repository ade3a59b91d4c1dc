"""`bot doctor`: what a bot on this machine needs, a line each, with the cure; 1 where something is bad."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.profile_argument import add_profile


def add_doctor(verbs: Any) -> argparse.ArgumentParser:
    """The verb, to which the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "doctor", help="every precondition of a bot, a line each, with the cure; it changes nothing"
    )
    add_profile(verb)
    verb.add_argument("--config", metavar="FILE", help="the bot's settings file")
    verb.add_argument(
        "--start", action="store_true", help="only what a start would be refused for, as before an upgrade"
    )
    return verb


def run_doctor(arguments: argparse.Namespace, directory: Path) -> int:
    """Look and say what was found."""
    from bot.clock import system_clock
    from bot.doctor import REFUSES_A_START, Verdict, examine

    found = examine(directory, arguments.profile, arguments.config, system_clock())
    if arguments.start:
        found = [one for one in found if one.name in REFUSES_A_START]
    if arguments.json:
        print(json.dumps({"findings": [asdict(one) for one in found]}, indent=2))
    else:
        for one in found:
            print(one.line)
    return 1 if any(one.verdict is Verdict.BAD for one in found) else 0
