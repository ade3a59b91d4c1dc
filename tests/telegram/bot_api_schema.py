"""The Bot API's own schema as a judge of requests and of answers: unknown, missing and ill-typed parts by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SCALARS: dict[str, type | tuple[type, ...]] = {"Integer": int, "String": str, "Boolean": bool, "Float": (int, float)}


class Schema:
    """Methods by their lower-case name, types by their name."""

    def __init__(self, path: Path) -> None:
        entries = [entry for group in json.loads(path.read_text("utf-8"))["items"] for entry in group["children"]]
        self._types = {entry["name"]: entry for entry in entries if entry["name"][0].isupper()}
        self._methods = {entry["name"].lower(): entry for entry in entries if entry["name"][0].islower()}

    def complaints_about_request(self, method: str, parameters: dict[str, Any]) -> list[str]:
        """What is wrong with a request; every complaint names its place."""
        entry = self._methods.get(method.lower())
        return [f"there is no method {method}"] if entry is None else list(_parts(self, entry, parameters, method))

    def complaints_about(self, kind: str, value: Any, place: str) -> Iterator[str]:
        """What is wrong with a value that should be of a type in the schema's own words."""
        if kind.startswith("Array of "):
            if not isinstance(value, list):
                yield f"{place} is no array"
                return
            for number, one in enumerate(value):
                yield from self.complaints_about(kind.removeprefix("Array of "), one, f"{place}[{number}]")
        elif " or " in kind:
            yield from self._of_one(kind.split(" or "), value, place)
        elif kind in _SCALARS:
            right = isinstance(value, _SCALARS[kind]) and (kind == "Boolean") == isinstance(value, bool)
            if not right:
                yield f"{place} is {value!r}, not of type {kind}"
        else:
            entry = self._types[kind]
            members = [line[3:] for line in entry["description"].splitlines() if line.startswith(" - ")]
            if members and not entry["annotations"]:
                yield from self._of_one(members, value, place)
            elif isinstance(value, dict):
                yield from _parts(self, entry, value, place)
            else:
                yield f"{place} is no {kind}"

    def _of_one(self, kinds: list[str], value: Any, place: str) -> Iterator[str]:
        if all(any(self.complaints_about(kind, value, place)) for kind in kinds):
            yield f"{place} is none of {', '.join(kinds)}"


def _parts(schema: Schema, entry: dict[str, Any], values: dict[str, Any], place: str) -> Iterator[str]:
    known = {part["name"]: part for part in entry["annotations"]}
    for name in values.keys() - known.keys():
        yield f"{place} has no {name}"
    for name, part in known.items():
        if name in values:
            yield from schema.complaints_about(part["type"], values[name], f"{place}.{name}")
        elif part["required"]:
            yield f"{place} lacks {name}"
