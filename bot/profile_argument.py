"""`--profile` of every verb that has one, so that all of them ask the same places. Standard library only."""

from __future__ import annotations

import argparse
import os

NAMES = ("local", "paper", "live")
VARIABLE = "BOT_PROFILE"  # one line for the bot, its vault, its backups and whoever looks after them


def add_profile(verb: argparse.ArgumentParser, text: str = "what is traded, and where") -> None:
    """The argument: as given, else `$BOT_PROFILE`, else `local`."""
    verb.add_argument(
        "--profile",
        type=_name,
        default=os.environ.get(VARIABLE) or NAMES[0],
        metavar="{" + ",".join(NAMES) + "}",
        help=f"{text} (default: ${VARIABLE}, else {NAMES[0]})",
    )


def _name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no profile, neither here nor in {VARIABLE}; give one of {', '.join(NAMES)}"
        )
    return text
