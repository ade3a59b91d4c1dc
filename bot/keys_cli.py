"""`bot vault` and `bot keys ...` on the command line; long verbs go in short steps, each of which may be the last one."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot import control
from bot.errors import BotError
from bot.paths import text_of
from bot.profile_argument import add_profile

STEP_S = 60.0  # within which the bot answers one step
LINES_AT_ONCE = 20
FILE_BYTES_MAX = 50_000_000


def add_key_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> tuple[argparse.ArgumentParser, ...]:
    """Both verbs, to which the caller adds what every verb has."""
    vault = verbs.add_parser("vault", help="the process that holds the master key and signs, for vault.run = outside")
    add_profile(vault, "that of its bot")
    vault.add_argument("--config", metavar="FILE", help="the bot's settings file, for the bounds of what is signed")
    vault.add_argument(
        "--key-id", metavar="ID", action="append", help="refuse to start without the master key of this id"
    )
    vault.add_argument("--make-key", action="store_true", help="profile local: make the master key where there is none")
    vault.add_argument("--child", action="store_true", help="end when the standard input is closed")
    keys = verbs.add_parser("keys", help="which master keys the wallets are sealed under, and their rotation")
    keys.add_argument(
        "what",
        nargs="?",
        choices=("show", "rotate", "import"),
        default="show",
        help="rotate: seal all under the newest; import: take over an earlier bot's wallets, docs/vault.md",
    )
    keys.add_argument(
        "file", nargs="?", metavar="FILE", help="of import: telegram id, address and Fernet token in each line"
    )
    return vault, keys


def rotate(socket: Path) -> int:
    """Seal every wallet and note under the newest master key, some at a time; one that was ended goes on by the same verb."""
    done = notes = failed = 0
    after: str | None = ""
    while after is not None:
        answer = control.ask(socket, {"verb": "keys_rotate", "after": after}, within_s=STEP_S)
        done, notes = done + answer["done"], notes + answer["notes"]
        failed, after = failed + answer["failed"], answer["after"]
    print(f"{done} wallets are sealed under master key {answer['newest']} now")
    if notes:
        print(f"{notes} notes of users too")
    if failed:
        raise BotError(
            f"{failed} wallets or notes could not be sealed anew and are as they were; the log has wallet_not_sealed_anew or"
            " note_not_sealed_anew"
        )
    return 0


def import_wallets(socket: Path, file: str | None) -> int:
    """Take over the wallets of a file; those that are here already are left alone."""
    if file is None:
        raise BotError(
            "name the file: bot keys import FILE, with a Telegram id, an address and a Fernet token in each line"
        )
    try:
        lines = [line for line in text_of(Path(file), FILE_BYTES_MAX).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BotError(f"{file}: cannot be read: {reason}") from None
    taken = known = 0
    refused: list[str] = []
    for place in range(0, len(lines), LINES_AT_ONCE):
        request = {"verb": "keys_import", "lines": lines[place : place + LINES_AT_ONCE]}
        answer = control.ask(socket, request, within_s=STEP_S)
        taken, known = taken + answer["taken"], known + answer["known"]
        refused += answer["refused"]
    print(f"{taken} wallets were imported, {known} were here already")
    if refused:
        raise BotError("\n".join([f"{len(refused)} lines were not imported:", *refused]))
    return 0
