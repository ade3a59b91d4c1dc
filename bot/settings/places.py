"""Where a fault of the settings stands and what is wrong there: one line per fault, never with a secret in it."""

from __future__ import annotations

import difflib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.settings.sections import Settings

# Sections that were in the settings file once, and where each went.
MOVED = {
    "levels": "what an outage means is in supervision.toml now: `dwell_s`, `critical_after_s` and `pauses_after_s` of"
    " [dependency.rpc], [dependency.database], [dependency.stream] and [dependency.telegram]; take this section out",
}


def toml_place(name: str, text: str, message: str) -> str:
    """Place and fault of a text that is no TOML. Tomllib says `(at line 3, column 7)` at the end, or `(at end of document)`."""
    if found := re.search(r"\s*\(at line (\d+), column (\d+)\)$", message):
        return f"{name}:{found[1]}:{found[2]}: not valid TOML: {message[: found.start()]}"
    return f"{name}:{len(text.splitlines()) or 1}:1: not valid TOML: {message.removesuffix(' (at end of document)')}, at the end"


def fault_lines(name: str, text: str, variables: Mapping[tuple[str, str], str], error: ValidationError) -> list[str]:
    """One line per fault, those of the file in its order first, then those of the environment.

    `variables` names the variable of each key that the environment set.
    """
    lines: list[tuple[tuple[int, int], str]] = []
    for fault in error.errors():
        path = tuple(str(part) for part in fault["loc"])
        lines.append(_line(name, text, variables, path, _message(path, fault)))
    return [line for _, line in sorted(lines)]


def lines_of(
    name: str,
    text: str,
    variables: Mapping[tuple[str, str], str],
    faults: Iterable[tuple[tuple[str, ...], str]],
) -> list[str]:
    """The same of faults that are told as the path of a key and what is wrong with it."""
    return [line for _, line in sorted(_line(name, text, variables, path, message) for path, message in faults)]


def _line(
    name: str, text: str, variables: Mapping[tuple[str, str], str], path: tuple[str, ...], message: str
) -> tuple[tuple[int, int], str]:
    """Where a fault stands, for the order of the lines, and its line."""
    variable = variables.get((path[0], path[1])) if len(path) > 1 else None
    place = locate(text, path) if variable is None else None
    where = (
        f"{name}:{place[0]}:{place[1]}"
        if place
        else f"environment {variable or _variable_of(path, variables, message)}"
    )
    return place or (sys.maxsize, 0), f"{where}: {'.'.join(path)}: {message}"


def place_of(name: str, text: str, variables: Mapping[tuple[str, str], str], path: tuple[str, str]) -> str:
    """Where a key got its value: the variable that set it, its place in the settings file, or that it is the default."""
    if path in variables:
        return f"environment {variables[path]}"
    place = locate(text, path)
    is_there = place is not None and re.match(rf"[\s\S]*\b{path[1]}\b", text.splitlines()[place[0] - 1])
    return f"{name}:{place[0]}:{place[1]}" if place is not None and is_there else "the default"


def _variable_of(path: tuple[str, ...], variables: Mapping[tuple[str, str], str], message: str) -> str:
    """The variable of a fault that is a section's, not a key's: the first whose key the message names, else of the section."""
    of_section = {key: variable for (section, key), variable in variables.items() if section == path[0]}
    named = [variable for key, variable in of_section.items() if key in message] or list(of_section.values())
    return named[0] if named else f"BOT_{'__'.join(path).upper()}"


def _message(path: tuple[str, ...], fault: ErrorDetails) -> str:
    match fault["type"]:
        case "extra_forbidden" if path[0] in MOVED:
            return MOVED[path[0]]
        case "extra_forbidden":
            return "unknown key" + _near_miss(path)
        case "model_type":
            return f"this is a table; write [{path[-1]}] and its keys below it"
        case _:
            return fault["msg"]


def _near_miss(path: tuple[str, ...]) -> str:
    fields = _fields_at(path[:-1])
    close = difflib.get_close_matches(path[-1], fields, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}"


def _fields_at(path: tuple[str, ...]) -> Mapping[str, FieldInfo]:
    """The keys that a table of the settings may have; `rpc.endpoints.0` is the first table of a list."""
    table: type[BaseModel] = Settings
    for part in path:
        if part.isdecimal():
            continue
        kind: object = table.model_fields[part].annotation if part in table.model_fields else None
        if get_args(kind):
            kind = get_args(kind)[0]
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return {}
        table = kind
    return table.model_fields


def locate(text: str, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Line and column, from 1, of the deepest part of `path` that stands in a TOML text of tables and plain keys.

    The tables of a list, `[[rpc.endpoints]]`, are counted: their paths are `rpc.endpoints.0` and so on.
    """
    table: tuple[str, ...] = ()
    lists: Counter[tuple[str, ...]] = Counter()
    best: tuple[int, int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[(\[?)([^\[\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in header[2].split("."))
            if header[1]:
                lists[table] += 1
                table = (*table, str(lists[table] - 1))
            here, column = table, line.index("[") + 1
        elif key := re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line):
            here = table + tuple(part.strip("\"'") for part in key[1].split("."))
            column = key.start(1) + 1
        else:
            continue
        if path[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number, column)
    return None if best is None else (best[1], best[2])
