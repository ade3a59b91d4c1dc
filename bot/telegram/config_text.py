"""The program's settings in a chat: what holds, what was changed, and by whom.

Only what changes while the bot runs is shown: the rest names files and hosts of the machine, which a chat is not for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.telegram.foreign import foreign
from bot.telegram.gateway_cards import MAX_UNITS, units

Record = Mapping[str, Any]

VALUE_MAX = 200  # letters; a blacklist may hold many addresses
REST = "bot config get, on the machine, has all others: they need a restart."


def get_text(answer: Record) -> str:
    """A line a key that changes while the bot runs, with where its value is from where that is no file."""
    lines = [f"Version {answer['version']}."]
    if answer["trouble"]:
        lines.append(foreign(str(answer["trouble"]).splitlines()[0], VALUE_MAX))
    if answer["waiting"]:
        lines.append(f"From the next start on the file says otherwise of: {', '.join(answer['waiting'])}")
    lines += [_line(one) for one in answer["keys"]]
    return _within("\n".join([*lines, REST]))


def _line(one: Record) -> str:
    here = f" (the file says {_short(one['file_value'])})" if "file_value" in one else ""
    return f"{one['key']} = {_short(one['value'])}{here}"


def change_text(version: Record, handles: Mapping[str, str]) -> str:
    """One change: who, when, why, and each key from what to what. `handles` has the handle of a user by his id."""
    by = handles.get(str(version["by"]), str(version["by"]))
    why = foreign(str(version["why"]), VALUE_MAX)
    lines = [f"Version {version['version']}, {version['at']}, by {foreign(by, VALUE_MAX)}: {why}"]
    lines += [f"{key}: {_short(one['before'])} -> {_short(one['after'])}" for key, one in version["changed"].items()]
    return "\n".join(lines)


def history_text(answer: Record, handles: Mapping[str, str]) -> str:
    """The newest changes, newest first, as many as fit into one message."""
    told = [change_text(one, handles) for one in answer["versions"]]
    return _within("\n".join(told)) if told else "Nothing was changed while a bot ran."


def _short(value: object) -> str:
    """A value that was checked as the settings are; nobody chose its letters freely."""
    text = str(value)
    return text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]}... ({len(text)} letters)"


def _within(text: str) -> str:
    """As many lines as one message holds."""
    kept: list[str] = []
    room = MAX_UNITS - 100
    for line in text.split("\n"):
        room -= units(line) + 1
        if room < 0:
            kept.append("... and more: bot config, on the machine, has all of it.")
            break
        kept.append(line)
    return "\n".join(kept)
