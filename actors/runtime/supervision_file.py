"""supervision.toml: the tree and its policies as a file, checked whole before anything starts.

Generic: it knows supervisors and actors by the names in the file, and the caller says what code stands behind a name.
"""

import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import partial
from math import inf
from pathlib import Path
from re import search
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from actors.runtime.errors import SpecError, SupervisionError
from actors.runtime.policy import Backoff
from actors.runtime.spec import DYNAMIC, ChildSpec, Mailbox, SupervisorSpec
from actors.runtime.toml_places import Key, find_places

ROOT: Final = "root"

Start = Callable[..., Awaitable[object]]
Section = Mapping[str, Any]
Built = TypeVar("Built")

_FLAGS: Final = frozenset({"strategy", "intensity", "period_s", "auto_shutdown", "max_children", "budget"}) | {
    "max_quarantined",
    "on_exhausted",
}
_POLICY: Final = frozenset({"restart", "shutdown_ms", "significant", "init_timeout_ms", "backoff"})
_ACTOR_KEYS: Final = _POLICY | {"mailbox", "name"}
_SUPERVISOR_KEYS: Final = _FLAGS | _POLICY | {"children", "template"}
_TABLES: Final[Mapping[str, type[Backoff] | type[Mailbox]]] = {"backoff": Backoff, "mailbox": Mailbox}

_STAND_INS: Final[Mapping[str, Section]] = {"backoff": {"min_s": 0, "max_s": inf}, "mailbox": {"capacity": 1}}
"""Required keys with a value that is always good, so that the faults beside a refused one are found too."""


class _Placeholder:
    """Stands for an actor's start while the file alone is judged."""

    takes_messages: ClassVar[bool] = True

    async def __call__(self, _ctx: object) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Supervision:
    """A supervision file that was found good. Sections are as in the file, with backoff and mailbox already built."""

    path: str
    supervisors: Mapping[str, Section]
    actors: Mapping[str, Section]

    def static_actors(self) -> tuple[str, ...]:
        """Return the names for which `tree` wants a start, in start order of the file."""
        children = [name for section in self.supervisors.values() for name in section.get("children", ())]
        return tuple(name for name in children if name in self.actors)

    def tree(self, starts: Mapping[str, Start]) -> SupervisorSpec:
        """Return the spec of the root with a start for each static actor; raise SupervisionError for a wrong name."""
        wanted = self.static_actors()
        lines = [
            f"{self.path}: actor {name!r} is in the file and has no start" for name in wanted if name not in starts
        ]
        strangers = [name for name in starts if name not in wanted]
        lines += [f"{self.path}: start {name!r}, {_unknown('a static actor', name, wanted)}" for name in strangers]
        for name in wanted:
            if "mailbox" in self.actors[name] and name in starts and not getattr(starts[name], "takes_messages", False):
                lines.append(f"{self.path}: actor {name!r} has a mailbox in the file, but its start takes no messages")
        if lines:
            raise SupervisionError(tuple(lines))
        return self._supervisor(ROOT, starts)

    def child(self, template: str, *, id: str, start: Start, name: str | None = None) -> ChildSpec:  # noqa: A002
        """Return the spec of a child of a dynamic supervisor, with the policy of the [actor.<template>] section.

        Raises SupervisionError for an unknown template, and SpecError where the policy does not fit the start.
        """
        if template not in self.actors:
            raise SupervisionError((f"{self.path}: {template!r}, {_unknown('an actor', template, self.actors)}",))
        policy = {key: value for key, value in self.actors[template].items() if key != "name"}
        return ChildSpec(id, start, name=name, **policy)

    def _supervisor(self, name: str, starts: Mapping[str, Start]) -> SupervisorSpec:
        section = self.supervisors[name]
        children = tuple(self._child_spec(child, starts) for child in section.get("children", ()))
        flags = {key: value for key, value in section.items() if key in _FLAGS}
        flags.setdefault("strategy", "one_for_one")
        return SupervisorSpec(name, children=children, **flags)

    def _child_spec(self, name: str, starts: Mapping[str, Start]) -> ChildSpec:
        if name in self.supervisors:
            policy = {key: value for key, value in self.supervisors[name].items() if key in _POLICY}
            return ChildSpec(name, self._supervisor(name, starts), type="supervisor", **policy)
        return ChildSpec(name, starts[name], **self.actors[name])


def load_supervision(path: Path | str) -> Supervision:
    """Read and check a supervision file; raise SupervisionError with every fault in it, one line each."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SupervisionError((_syntax_line(str(path), text, str(error)),)) from None
    return _Checker(str(path), text, raw).check()


def _syntax_line(path: str, text: str, message: str) -> str:
    found = search(r"\s*\(at line (\d+), column (\d+)\)$", message)
    if found is None:
        return f"{path}:{text.count(chr(10)) + 1}:1: {message.removesuffix(' (at end of document)')}"
    return f"{path}:{found[1]}:{found[2]}: {message[: found.start()]}"


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, tuple(known), n=1)
    return f"which is not {what}" + (f"; did you mean {near[0]!r}?" if near else "")


class _Checker:
    """Collects every fault of one file with its place."""

    def __init__(self, path: str, text: str, raw: Mapping[str, Any]) -> None:
        self._path = path
        self._raw = raw
        self._places = find_places(text)
        self._faults: list[tuple[int, int, str]] = []
        self._supervisors: dict[str, dict[str, Any]] = {}
        self._actors: dict[str, dict[str, Any]] = {}

    def check(self) -> Supervision:
        self._read_sections()
        for name, section in self._supervisors.items():
            self._check_supervisor(name, section)
        for name, section in self._actors.items():
            self._build(("actor", name), section, partial(ChildSpec, name, _Placeholder()))
        self._check_names()
        if self._faults:
            lines = tuple(f"{self._path}:{line}:{column}: {text}" for line, column, text in sorted(self._faults))
            raise SupervisionError(lines)
        return Supervision(self._path, self._supervisors, self._actors)

    def _fault(self, key: Key, text: str) -> None:
        while key and key not in self._places:
            key = key[:-1]
        self._faults.append((*self._places.get(key, (1, 1)), text))

    def _read_sections(self) -> None:
        for kind, sections in self._raw.items():
            if kind not in ("supervisor", "actor"):
                self._fault((kind,), f"unknown key {kind!r}, {_unknown('a section', kind, ('supervisor', 'actor'))}")
            elif not isinstance(sections, dict):
                self._fault((kind,), f"{kind} must be tables: [{kind}.<name>]")
            else:
                for name, section in sections.items():
                    self._read_section(kind, name, section)

    def _read_section(self, kind: str, name: str, section: object) -> None:
        if not isinstance(section, dict):
            self._fault((kind, name), f"must be a table: [{kind}.{name}]")
            return
        known = _SUPERVISOR_KEYS if kind == "supervisor" else _ACTOR_KEYS
        kept: dict[str, Any] = {}
        for key, value in section.items():
            if key not in known:
                self._fault((kind, name, key), f"unknown key {key!r}, {_unknown(f'a key of {kind}s', key, known)}")
            elif key in _TABLES:
                built = self._read_table((kind, name, key), value, _TABLES[key])
                if built is not None:
                    kept[key] = built
            else:
                kept[key] = value
        (self._supervisors if kind == "supervisor" else self._actors)[name] = kept

    def _read_table(self, key: Key, value: object, kind: type[Backoff] | type[Mailbox]) -> object:
        if not isinstance(value, dict):
            self._fault(key, f"{key[-1]} must be a table: {{ ... }}")
            return None
        known = [field.name for field in fields(kind)]
        for name in value:
            if name not in known:
                self._fault((*key, name), f"unknown key {name!r}, {_unknown(f'a key of {key[-1]}', name, known)}")
        values = {name: inner for name, inner in value.items() if name in known}
        stand_ins = _STAND_INS[str(key[-1])]
        absent = [name for name in stand_ins if name not in values]
        if absent:
            self._fault(key, f"{key[-1]} needs {' and '.join(absent)}")
            return None
        return self._build(key[:-1], values, kind, stand_ins=stand_ins)

    def _check_supervisor(self, name: str, section: dict[str, Any]) -> None:
        key: Key = ("supervisor", name)
        children = section.get("children", [])
        if not isinstance(children, list) or not all(isinstance(child, str) for child in children):
            self._fault((*key, "children"), "children must be a list of names")
            section["children"] = []
        dynamic = section.get("strategy") in DYNAMIC
        if section.get("strategy") == "simple_one_for_one":
            self._fault((*key, "strategy"), "in a file, write `dynamic` with a template")
        if dynamic and section.pop("children", []):
            self._fault((*key, "children"), "a dynamic supervisor begins with none; it takes a template")
        if dynamic and not isinstance(section.get("template"), str):
            self._fault((*key, "template"), f'dynamic supervisor {name!r} needs template = "<actor section>"')
        if not dynamic and section.pop("template", None) is not None:
            self._fault((*key, "template"), "template belongs to a dynamic supervisor")
        flags = {flag: value for flag, value in section.items() if flag in _FLAGS}
        self._build(key, flags, partial(SupervisorSpec, name), {"strategy": "one_for_one"})
        policy = {part: value for part, value in section.items() if part in _POLICY}
        inner = SupervisorSpec(name, "one_for_one")
        self._build(key, policy, partial(ChildSpec, name, inner, type="supervisor"))

    def _build(
        self, key: Key, values: Section, make: Callable[..., Built], stand_ins: Section = MappingProxyType({})
    ) -> Built | None:
        """Make the value, noting each refusal and trying again with the stand-in or without the key, to find them all.

        Returns None when anything was refused.
        """
        left = {**stand_ins, **values}
        refused: set[str] = set()
        while True:
            try:
                built = make(**left)
            except SpecError as error:
                self._fault((*key, *error.field.split(".")), str(error))
                field = error.field.split(".")[-1]
                if field in refused or field not in left:
                    return None
                refused.add(field)
                del left[field]
                if field in stand_ins:
                    left[field] = stand_ins[field]
            else:
                return None if refused else built

    def _check_names(self) -> None:
        if ROOT not in self._supervisors:
            self._fault((), f"there is no [supervisor.{ROOT}]")
        for name in self._supervisors.keys() & self._actors.keys():
            self._fault(("actor", name), f"{name!r} is a supervisor and an actor")
        parents: dict[str, str] = {}
        for parent, section in self._supervisors.items():
            for index, child in enumerate(section.get("children", ())):
                self._check_child(parent, index, child, parents)
            template = section.get("template")
            if isinstance(template, str):
                if template not in self._actors:
                    place = ("supervisor", parent, "template")
                    self._fault(place, f"template {template!r}, {_unknown('an actor', template, self._actors)}")
                parents.setdefault(template, parent)
                self._check_significance(parent, template)
        for kind, sections in (("supervisor", self._supervisors), ("actor", self._actors)):
            for name in sections:
                if name != ROOT and name not in parents:
                    self._fault((kind, name), f"{name!r} is in no supervisor's children and is no template")
        self._check_cycles(parents)

    def _check_child(self, parent: str, index: int, child: str, parents: dict[str, str]) -> None:
        place: Key = ("supervisor", parent, "children", index)
        known = [*self._supervisors, *self._actors]
        if child not in known:
            self._fault(place, f"child {child!r}, {_unknown('a supervisor or an actor', child, known)}")
        elif child == ROOT:
            self._fault(place, f"{ROOT!r} cannot be a child")
        elif child in parents:
            self._fault(place, f"{child!r} is a child of {parents[child]!r} already")
        else:
            parents[child] = parent
            self._check_significance(parent, child)

    def _check_significance(self, parent: str, child: str) -> None:
        kind = "actor" if child in self._actors else "supervisor"
        section = (self._actors if kind == "actor" else self._supervisors).get(child, {})
        if section.get("significant") is True and self._supervisors[parent].get("auto_shutdown", "never") == "never":
            self._fault(
                (kind, child, "significant"), f"significant means nothing while {parent!r} has no auto_shutdown"
            )

    def _check_cycles(self, parents: Mapping[str, str]) -> None:
        told: set[str] = set()
        for name in self._supervisors:
            chain: list[str] = [name]
            while chain[-1] in parents and parents[chain[-1]] not in chain:
                chain.append(parents[chain[-1]])
            if parents.get(chain[-1]) == name and name not in told:
                told.update(chain)
                circle = " -> ".join([name, *reversed(chain[1:]), name]) if len(chain) > 1 else f"{name} -> {name}"
                self._fault(("supervisor", name, "children"), f"these supervisors hold each other: {circle}")
