"""`bot config`: its arguments, and what it prints. Loads nothing heavy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bot import control
from bot.errors import BotError

Answer = dict[str, Any]
# A database that hangs delays a change; it is not given up before the bot says so itself.
WITHIN_S = 30.0


def add_config(verbs: Any) -> list[argparse.ArgumentParser]:
    """Add the verb with its own; the parsers that take a data directory."""
    config = verbs.add_parser("config", help="settings of the bot that runs: look, change, take back").add_subparsers(
        dest="what", required=True, metavar="VERB"
    )
    get = config.add_parser("get", help="every setting with where it is from; a secret by name, source and age")
    get.add_argument("key", nargs="?", metavar="KEY", help="only this one, or this section")
    change = config.add_parser("set", help="change settings of the bot that runs, all or none; they outlive a restart")
    change.add_argument("pairs", nargs="+", metavar="KEY VALUE", help="the value `file` gives a key back to the file")
    history = config.add_parser("history", help="who changed what, when and why, newest first")
    rollback = config.add_parser("rollback", help="let hold again what held before the newest change")
    rollback.add_argument(
        "version", nargs="?", type=int, metavar="VERSION", help="what held after this one; 0: the file"
    )
    for verb in (change, rollback):
        verb.add_argument("--why", metavar="TEXT", help="the reason, for the audit")
    for verb in (get, history):
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return [get, change, history, rollback]


def config_verb(arguments: argparse.Namespace, socket: Path) -> int:
    """`bot config ...`; the exit code. Raises control.NotRunning and control.Refused."""
    match arguments.what:
        case "get":
            answer = control.ask(socket, {"verb": "config_get", "key": arguments.key})
            print(json.dumps(answer, indent=2) if arguments.json else get_text(answer))
        case "set":
            request = {"verb": "config_set", "values": _pairs(arguments.pairs), "why": arguments.why}
            print(version_text(control.ask(socket, request, WITHIN_S)))
        case "history":
            answer = control.ask(socket, {"verb": "config_history"})
            print(json.dumps(answer, indent=2) if arguments.json else history_text(answer))
        case "rollback":
            request = {"verb": "config_rollback", "version": arguments.version, "why": arguments.why}
            print(version_text(control.ask(socket, request, WITHIN_S)))
    return 0


def _pairs(words: list[str]) -> dict[str, str]:
    if len(words) % 2:
        raise BotError("give each key its value: bot config set KEY VALUE KEY VALUE ...")
    return dict(zip(words[::2], words[1::2], strict=True))


def get_text(answer: Answer) -> str:
    """A line a key; those that do not change while the bot runs say so."""
    lines = [f"version {answer['version']}"]
    if answer["trouble"]:
        lines.append(answer["trouble"])
    if answer["waiting"]:
        lines.append(f"the file says otherwise from the next start on: {', '.join(answer['waiting'])}")
    for one in answer["keys"]:
        source = (
            f"runtime; without it {one['file_value']}, {one.get('file_source', 'which the file says')}"
            if "file_value" in one
            else one["source"]
        )
        age = f", written {one['changed']}" if "changed" in one else f", {one['trouble']}" if "trouble" in one else ""
        live = "" if one["live"] else "; needs a restart"
        lines.append(f"{one['key']:<38} {one['value']}{age}  ({source}{live})")
    return "\n".join(lines)


def version_text(version: Answer) -> str:
    """One change: who, when, why, and each key from what to what."""
    lines = [f"version {version['version']}, {version['at']}, by {version['by']}: {version['why']}"]
    lines += [f"  {key}: {one['before']} -> {one['after']}" for key, one in version["changed"].items()]
    return "\n".join(lines)


def history_text(answer: Answer) -> str:
    """All changes, newest first."""
    return "\n".join(version_text(one) for one in answer["versions"]) or "nothing was changed while a bot ran"
