"""`bot supervisor` and `bot supervision`: their arguments, and what they print. Loads nothing heavy but to check a file."""

from __future__ import annotations

import argparse
import json
import select
import sys
from pathlib import Path
from typing import Any

from bot import control
from bot.errors import BotError
from bot.paths import SUPERVISION_TEXT_MAX, text_of
from bot.profile_argument import add_profile
from bot.status_text import tree_text

Answer = dict[str, Any]

STATES = ("running", "restarting", "undefined", "quarantined")
WATCH_S = 1.0
# What is stopped first may stand in a write to a database that hangs, and then the audit waits for it too.
STARTS_AGAIN_WITHIN_S = 30.0
CLEAR = "\x1b[H\x1b[2J"


def add_verbs(verbs: Any) -> list[argparse.ArgumentParser]:
    """Add both verbs with theirs; the parsers that take a data directory."""
    supervisor = verbs.add_parser("supervisor", help="the supervision tree").add_subparsers(
        dest="what", required=True, metavar="VERB"
    )
    status = supervisor.add_parser(
        "status", help="the live tree: every actor, its state, restarts, mailbox, last failure"
    )
    status.add_argument("path", nargs="?", metavar="PATH", help="only the part at this path, such as root/money")
    status.add_argument("--state", choices=STATES, help="only who is in this state")
    status.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")
    restart = supervisor.add_parser("restart", help="stop a child and start it again, with a fresh budget")
    release = supervisor.add_parser("release", help="let a child out of quarantine, with a fresh budget")
    for verb in (restart, release):
        verb.add_argument(
            "path",
            metavar="PATH",
            help="its path, or the unique beginning of one, or of an id; a user's handle for his sniper",
        )
    restart.add_argument("--yes", action="store_true", help="do not ask where money is watched over")
    letters = supervisor.add_parser("dead-letters", help="messages that no handler finished")
    letters.add_argument("path", nargs="?", metavar="PATH", help="only those to this child, or below this supervisor")
    letters.add_argument("--replay", metavar="ID", help="send this one to its address once more")

    supervision = verbs.add_parser("supervision", help="the file supervision.toml").add_subparsers(
        dest="what", required=True, metavar="VERB"
    )
    check = supervision.add_parser("check", help="check a file and print its tree; no bot need run")
    add_profile(check, "as it is in this profile")
    diff = supervision.add_parser("diff", help="what a file would change in the bot that runs, line by line")
    reload = supervision.add_parser("reload", help="apply a file to the bot that runs, whole or not at all")
    for verb in (check, diff, reload):
        verb.add_argument(
            "file",
            nargs="?",
            metavar="FILE",
            help="default: the file that the bot was started with; check: the installed one",
        )
    for verb in (restart, release, letters, reload):
        verb.add_argument("--why", metavar="TEXT", help="the reason, for the audit")
    for verb in (status, letters, diff):
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return [status, restart, release, letters, diff, reload]


def supervisor_verb(arguments: argparse.Namespace, socket: Path) -> int:
    """`bot supervisor ...`; the exit code. Raises control.NotRunning and control.Refused."""
    match arguments.what:
        case "status":
            return _status(arguments, socket)
        case "restart":
            print(_restarted(arguments, socket))
        case "release":
            request = {"verb": "supervisor_release", "path": arguments.path, "why": arguments.why}
            print(control.ask(socket, request, STARTS_AGAIN_WITHIN_S)["text"])
        case "dead-letters" if arguments.replay:
            print(control.ask(socket, {"verb": "replay", "id": _letter_id(arguments), "why": arguments.why})["text"])
        case "dead-letters":
            answer = control.ask(socket, {"verb": "dead_letters", "path": arguments.path})
            print(json.dumps(answer, indent=2) if arguments.json else letters_text(answer))
    return 0


def _status(arguments: argparse.Namespace, socket: Path) -> int:
    request = {"verb": "supervisor", "path": arguments.path, "state": arguments.state}
    while True:
        answer = control.ask(socket, request)
        text = json.dumps(answer, indent=2) if arguments.json else tree_text(answer)
        print(f"{CLEAR}{text}" if arguments.watch and sys.stdout.isatty() else text, flush=True)
        if not arguments.watch:
            return 0
        select.select([], [], [], WATCH_S)


def _restarted(arguments: argparse.Namespace, socket: Path) -> str:
    request = {"verb": "supervisor_restart", "path": arguments.path, "why": arguments.why, "yes": arguments.yes}
    answer = control.ask(socket, request, STARTS_AGAIN_WITHIN_S)
    if question := answer.get("confirm"):
        if not sys.stdin.isatty() or input(f"{question} Type yes: ").strip() != "yes":
            raise BotError(f"not confirmed, nothing was done (--yes skips the question): {question}")
        answer = control.ask(socket, {**request, "yes": True}, STARTS_AGAIN_WITHIN_S)
    return str(answer["text"])


def _letter_id(arguments: argparse.Namespace) -> str:
    """An id as the list shows it; with the supervisor's path its number alone will do."""
    given = str(arguments.replay)
    return f"{arguments.path.strip('/')}#{given}" if arguments.path and given.isdecimal() else given


def letters_text(answer: Answer) -> str:
    """The dead letters, one line each, and a second one for the error behind it."""
    rows, lines = answer["dead_letters"], []
    for row in rows:
        tries = "1 attempt" if row["attempts"] == 1 else f"{row['attempts']} attempts"
        lines.append(f"{row['id']}  {row['at']}  to {row['to']}  {row['reason']}, {tries}: {row['message']}")
        if row["error"]:
            lines.append(f"    {row['error']}")
    if answer["total"] > len(rows):
        lines.append(f"and {answer['total'] - len(rows)} older ones; give a PATH to see fewer")
    return "\n".join(lines) or "no dead letters"


def supervision_verb(arguments: argparse.Namespace, socket: Path) -> int:
    """`bot supervision ...`; the exit code. Raises BotError."""
    if arguments.what == "check":
        return _check(arguments)
    file = Path(arguments.file).absolute() if arguments.file else None
    request: Answer = {"verb": f"supervision_{arguments.what}", "why": getattr(arguments, "why", None)}
    if file is not None:
        request |= {"file": str(file), "text": _text_of(file)}
    answer = control.ask(socket, request)
    if arguments.what == "diff" and arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    for change in answer["changes"]:
        print(change["text"])
    if not answer["changes"]:
        print("no difference to what the bot runs with")
    elif arguments.what == "diff" and not all(change["live"] for change in answer["changes"]):
        print("bot supervision reload would refuse this whole file: not all of it can be applied to a tree that runs")
    elif arguments.what == "reload":
        lasting = "" if answer["file"] == answer["started_with"] else f"; the next start reads {answer['started_with']}"
        print(f"applied{lasting}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from bot.supervision.sections import SHIPPED
    from bot.supervision.tree_text import checked_text

    file = Path(arguments.file) if arguments.file else SHIPPED
    print(checked_text(str(file), _text_of(file), arguments.profile))
    print(f"{file}: good for every profile, shown as in {arguments.profile}")
    return 0


def _text_of(file: Path) -> str:
    try:
        return text_of(file, SUPERVISION_TEXT_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BotError(f"{file}: the supervision file cannot be read: {reason}") from None
