"""The check of a supervision file: every fault at once, each with its place and the near miss."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from math import inf
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from actors.runtime.errors import SpecError
from actors.runtime.policy import Backoff
from actors.runtime.spec import DYNAMIC, ChildSpec, Mailbox, SupervisorSpec
from actors.runtime.toml_places import Key, Place

ROOT: Final = "root"

Section = Mapping[str, Any]
Sections = Mapping[str, Any]
Bounds = Mapping[str, tuple[float, float]]
Fault = tuple[int, int, str]
"""Line, column and what is wrong there."""

Built = TypeVar("Built")
_NONE: Final[Section] = MappingProxyType({})
_NO_BOUNDS: Final[Bounds] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file that becomes `make(**keys)`, which raises SpecError for a value that it refuses.

    `needs` are the keys that must be there, each with a value that is always good, so that the faults beside a refused
    one are found too. `tables` are the keys that are tables themselves.
    """

    make: Callable[..., object]
    keys: tuple[str, ...]
    needs: Section = field(default_factory=lambda: _NONE)
    tables: "Mapping[str, Table]" = field(default_factory=lambda: _NONE)


FLAGS: Final = frozenset({"strategy", "intensity", "period_s", "auto_shutdown", "max_children", "budget"}) | {
    "max_quarantined",
    "on_exhausted",
}
POLICY: Final = frozenset({"restart", "shutdown_ms", "significant", "init_timeout_ms", "backoff"})
_ACTOR_KEYS: Final = POLICY | {"mailbox", "name"}
_SUPERVISOR_KEYS: Final = FLAGS | POLICY | {"children", "template"}
_TABLES: Final[Mapping[str, Table]] = {
    "backoff": Table(Backoff, tuple(one.name for one in fields(Backoff)), {"min_s": 0, "max_s": inf}),
    "mailbox": Table(Mailbox, tuple(one.name for one in fields(Mailbox)), {"capacity": 1}),
}


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return that `name` is not `what`, and the near miss where there is one."""
    near = get_close_matches(name, tuple(known), n=1)
    return f"which is not {what}" + (f"; did you mean {near[0]!r}?" if near else "")


def place_of(places: Mapping[Key, Place], key: Key) -> Place:
    """Return where a key stands, or else the nearest table around it."""
    while key and key not in places:
        key = key[:-1]
    return places.get(key, (1, 1))


class _Placeholder:
    """Stands for an actor's start while the file alone is judged."""

    takes_messages: ClassVar[bool] = True

    async def __call__(self, _ctx: object) -> None:
        raise NotImplementedError


class Checker:
    """Collects every fault of one file with its place, and what is good of it.

    `own` are the caller's kinds of sections with the table of each name, `outcomes` what `on_exhausted` may say, `bounds`
    the least and the greatest value of the numbers in the sections of supervisors and actors.
    """

    def __init__(
        self,
        raw: Sections,
        places: Mapping[Key, Place],
        own: Mapping[str, Mapping[str, Table]],
        outcomes: tuple[str, ...] | None,
        bounds: Bounds = _NO_BOUNDS,
    ) -> None:
        self._raw = raw
        self._places = places
        self._own = own
        self._outcomes = outcomes
        self._bounds = bounds
        self.faults: list[Fault] = []
        self.supervisors: dict[str, dict[str, Any]] = {}
        self.actors: dict[str, dict[str, Any]] = {}
        self.extras: dict[str, dict[str, Any]] = {kind: {} for kind in own}

    def check(self) -> None:
        """Judge the whole file."""
        self._read_sections()
        for name, section in self.supervisors.items():
            self._check_supervisor(name, section)
        for name, section in self.actors.items():
            self._build(("actor", name), section, partial(ChildSpec, name, _Placeholder()))
        self._check_names()
        for kind, tables in self._own.items():
            written = self._raw.get(kind, {})
            for name in tables if isinstance(written, dict) else ():
                if name not in written:
                    self.fault((kind,), f"there is no [{kind}.{name}]")

    def fault(self, key: Key, text: str) -> None:
        """Note what is wrong at a key."""
        self.faults.append((*place_of(self._places, key), text))

    def _read_sections(self) -> None:
        kinds = ("supervisor", "actor", *self._own)
        for kind, sections in self._raw.items():
            if kind not in kinds:
                self.fault((kind,), f"unknown key {kind!r}, {unknown('a section', kind, kinds)}")
            elif not isinstance(sections, dict):
                self.fault((kind,), f"{kind} must be tables: [{kind}.<name>]")
            else:
                for name, section in sections.items():
                    self._read_section(kind, name, section)

    def _read_section(self, kind: str, name: str, section: object) -> None:
        if not isinstance(section, dict):
            self.fault((kind, name), f"must be a table: [{kind}.{name}]")
            return
        if kind in self._own:
            self._read_own(kind, name, section)
            return
        known = _SUPERVISOR_KEYS if kind == "supervisor" else _ACTOR_KEYS
        kept: dict[str, Any] = {}
        for key, value in section.items():
            if key not in known:
                self.fault((kind, name, key), f"unknown key {key!r}, {unknown(f'a key of {kind}s', key, known)}")
            elif key in _TABLES:
                built = self._read_table((kind, name, key), value, _TABLES[key])
                if built is not None:
                    kept[key] = built
                    for part, number in value.items():
                        self._check_bounds((kind, name, key), f"{key}.{part}", number)
            elif self._check_bounds((kind, name), key, value):
                kept[key] = value
        (self.supervisors if kind == "supervisor" else self.actors)[name] = kept

    def _check_bounds(self, table: Key, key: str, value: object) -> bool:
        """Whether a number is within the bounds of its key; what is no number is judged elsewhere."""
        if key not in self._bounds or isinstance(value, bool) or not isinstance(value, int | float):
            return True
        least, most = self._bounds[key]
        if least <= value <= most:
            return True
        self.fault((*table, key.rpartition(".")[2]), f"{key} = {value!r}: must be {least} to {most}")
        return False

    def _read_own(self, kind: str, name: str, section: Section) -> None:
        tables = self._own[kind]
        if name not in tables:
            self.fault((kind, name), f"[{kind}.{name}], {unknown(f'a {kind}', name, tables)}")
            return
        record = self._read_keys((kind, name), section, tables[name], f"{kind}.{name}")
        if record is not None:
            self.extras[kind][name] = record

    def _read_table(self, key: Key, value: object, table: Table) -> object:
        if not isinstance(value, dict):
            self.fault(key, f"{key[-1]} must be a table: {{ ... }}")
            return None
        return self._read_keys(key, value, table, str(key[-1]), of=key[:-1])

    def _read_keys(self, key: Key, section: Section, table: Table, what: str, of: Key | None = None) -> object:
        """Build a table's record; a SpecError names a field below `of`, which is the table itself unless given."""
        values: dict[str, Any] = {}
        is_whole = True
        for name, value in section.items():
            if name not in table.keys:
                self.fault((*key, name), f"unknown key {name!r}, {unknown(f'a key of {what}', name, table.keys)}")
            elif name in table.tables:
                built = self._read_table((*key, name), value, table.tables[name])
                is_whole = is_whole and built is not None
                values[name] = table.needs.get(name) if built is None else built
            else:
                values[name] = value
        if absent := [name for name in table.needs if name not in values]:
            self.fault(key, f"{what} needs {' and '.join(absent)}")
        record = self._build(key if of is None else of, values, table.make, stand_ins=table.needs)
        return record if is_whole and not absent else None

    def _check_supervisor(self, name: str, section: dict[str, Any]) -> None:
        key: Key = ("supervisor", name)
        children = section.get("children", [])
        if not isinstance(children, list) or not all(isinstance(child, str) for child in children):
            self.fault((*key, "children"), "children must be a list of names")
            section["children"] = []
        strategy = section.get("strategy")
        dynamic = isinstance(strategy, str) and strategy in DYNAMIC
        if strategy == "simple_one_for_one":
            self.fault((*key, "strategy"), "in a file, write `dynamic` with a template")
        if dynamic and section.pop("children", []):
            self.fault((*key, "children"), "a dynamic supervisor begins with none; it takes a template")
        if dynamic and not isinstance(section.get("template"), str):
            self.fault((*key, "template"), f'dynamic supervisor {name!r} needs template = "<actor section>"')
        if not dynamic and section.pop("template", None) is not None:
            self.fault((*key, "template"), "template belongs to a dynamic supervisor")
        outcome = section.get("on_exhausted")
        if self._outcomes is not None and isinstance(outcome, str) and outcome not in self._outcomes:
            near = get_close_matches(outcome, self._outcomes, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            what = f"on_exhausted = {outcome!r}: must be one of {', '.join(self._outcomes)}{meant}"
            self.fault((*key, "on_exhausted"), what)
        flags = {flag: value for flag, value in section.items() if flag in FLAGS}
        self._build(key, flags, partial(SupervisorSpec, name), {"strategy": "one_for_one"})
        policy = {part: value for part, value in section.items() if part in POLICY}
        inner = SupervisorSpec(name, "one_for_one")
        self._build(key, policy, partial(ChildSpec, name, inner, type="supervisor"))

    def _build(self, key: Key, values: Section, make: Callable[..., Built], stand_ins: Section = _NONE) -> Built | None:
        """Make the value, noting each refusal and trying again with the stand-in or without the key, to find them all.

        Returns None when anything was refused.
        """
        left = {**stand_ins, **values}
        refused: set[str] = set()
        while True:
            try:
                built = make(**left)
            except SpecError as error:
                self.fault((*key, *error.field.split(".")), str(error))
                name = error.field.split(".")[-1]
                if name in refused or name not in left:
                    return None
                refused.add(name)
                del left[name]
                if name in stand_ins:
                    left[name] = stand_ins[name]
            else:
                return None if refused else built

    def _check_names(self) -> None:
        if ROOT not in self.supervisors:
            self.fault((), f"there is no [supervisor.{ROOT}]")
        for name in self.supervisors.keys() & self.actors.keys():
            self.fault(("actor", name), f"{name!r} is a supervisor and an actor")
        parents: dict[str, str] = {}
        for parent, section in self.supervisors.items():
            for index, child in enumerate(section.get("children", ())):
                self._check_child(parent, index, child, parents)
            template = section.get("template")
            if isinstance(template, str):
                if template not in self.actors:
                    place = ("supervisor", parent, "template")
                    self.fault(place, f"template {template!r}, {unknown('an actor', template, self.actors)}")
                parents.setdefault(template, parent)
                self._check_significance(parent, template)
        for kind, sections in (("supervisor", self.supervisors), ("actor", self.actors)):
            for name in sections:
                if name != ROOT and name not in parents:
                    self.fault((kind, name), f"{name!r} is in no supervisor's children and is no template")
        self._check_cycles(parents)

    def _check_child(self, parent: str, index: int, child: str, parents: dict[str, str]) -> None:
        place: Key = ("supervisor", parent, "children", index)
        known = [*self.supervisors, *self.actors]
        if child not in known:
            self.fault(place, f"child {child!r}, {unknown('a supervisor or an actor', child, known)}")
        elif child == ROOT:
            self.fault(place, f"{ROOT!r} cannot be a child")
        elif child in parents:
            self.fault(place, f"{child!r} is a child of {parents[child]!r} already")
        else:
            parents[child] = parent
            self._check_significance(parent, child)

    def _check_significance(self, parent: str, child: str) -> None:
        kind = "actor" if child in self.actors else "supervisor"
        section = (self.actors if kind == "actor" else self.supervisors).get(child, {})
        if section.get("significant") is True and self.supervisors[parent].get("auto_shutdown", "never") == "never":
            self.fault((kind, child, "significant"), f"significant means nothing while {parent!r} has no auto_shutdown")

    def _check_cycles(self, parents: Mapping[str, str]) -> None:
        told: set[str] = set()
        for name in self.supervisors:
            chain: list[str] = [name]
            while chain[-1] in parents and parents[chain[-1]] not in chain:
                chain.append(parents[chain[-1]])
            if parents.get(chain[-1]) == name and name not in told:
                told.update(chain)
                circle = " -> ".join([name, *reversed(chain[1:]), name]) if len(chain) > 1 else f"{name} -> {name}"
                self.fault(("supervisor", name, "children"), f"these supervisors hold each other: {circle}")
