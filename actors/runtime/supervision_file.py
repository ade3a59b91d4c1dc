"""supervision.toml: the tree and its policies as a file, checked whole before anything starts.

Generic: it knows supervisors and actors by the names in the file, and the caller says what code stands behind a name
and which sections of his own are in the file beside them.
"""

import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from re import search
from types import MappingProxyType
from typing import Any, Final

from actors.runtime.actor import Actor
from actors.runtime.errors import SupervisionError
from actors.runtime.spec import ChildSpec, SupervisorSpec
from actors.runtime.supervision_check import FLAGS, POLICY, ROOT, Bounds, Checker, Section, Table, unknown
from actors.runtime.supervision_profiles import Profiles
from actors.runtime.toml_places import Key, find_places, unreasonable

Start = Callable[..., Awaitable[object]] | type[Actor[Any, Any]]
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Supervision:
    """A supervision file that was found good. Sections are as in the file, with backoff and mailbox already built.

    `extras` has the caller's own sections by kind and name, each as the record that its table makes.
    """

    path: str
    supervisors: Mapping[str, Section]
    actors: Mapping[str, Section]
    extras: Records = field(default_factory=lambda: MappingProxyType({}))

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
        lines += [f"{self.path}: start {name!r}, {unknown('a static actor', name, wanted)}" for name in strangers]
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
            raise SupervisionError((f"{self.path}: {template!r}, {unknown('an actor', template, self.actors)}",))
        policy = {key: value for key, value in self.actors[template].items() if key != "name"}
        return ChildSpec(id, start, name=name, template=template, **policy)

    def refit(self, spec: ChildSpec) -> ChildSpec:
        """Return the spec of a child that `child` made, by this file or an earlier one, with the policy of this one."""
        if spec.template is None or isinstance(spec.start, SupervisorSpec):
            return spec
        return self.child(spec.template, id=spec.id, start=spec.start, name=spec.name)

    def _supervisor(self, name: str, starts: Mapping[str, Start]) -> SupervisorSpec:
        section = self.supervisors[name]
        children = tuple(self._child_spec(child, starts) for child in section.get("children", ()))
        flags = {key: value for key, value in section.items() if key in FLAGS}
        flags.setdefault("strategy", "one_for_one")
        return SupervisorSpec(name, children=children, **flags)

    def _child_spec(self, name: str, starts: Mapping[str, Start]) -> ChildSpec:
        if name in self.supervisors:
            policy = {key: value for key, value in self.supervisors[name].items() if key in POLICY}
            return ChildSpec(name, self._supervisor(name, starts), type="supervisor", **policy)
        return ChildSpec(name, starts[name], **self.actors[name])


Rule = Callable[[Supervision], Iterable[tuple[Key, str]]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a caller adds to the language of the file; all of it is checked in the same pass as the tree.

    `sections` are kinds of sections of his own: `[<kind>.<name>]` for exactly these names, each with its table.
    `profiles` are the names under which a file may override keys: `[profile.<profile>.<kind>.<name>]`. `outcomes` are
    the values that `on_exhausted` may have, None for any. `bounds` are the least and the greatest value of a number, by
    its key (`intensity`, `backoff.max_s`). `rule` yields what else is wrong with a file that is good so far, each with the
    key where it stands.
    """

    sections: Mapping[str, Mapping[str, Table]] = field(default_factory=lambda: MappingProxyType({}))
    profiles: tuple[str, ...] = ()
    outcomes: tuple[str, ...] | None = None
    rule: Rule | None = None
    bounds: Bounds = field(default_factory=lambda: MappingProxyType({}))


PLAIN: Final = Dialect()


def load_supervision(path: Path | str, dialect: Dialect = PLAIN, profile: str | None = None) -> Supervision:
    """Read and check a supervision file; raise SupervisionError with every fault in it, one line each, or OSError."""
    return read_supervision(str(path), Path(path).read_text(encoding="utf-8"), dialect, profile)


def read_supervision(path: str, text: str, dialect: Dialect = PLAIN, profile: str | None = None) -> Supervision:
    """Check the text of a supervision file and return it as it is under `profile`; `path` is what faults call it.

    Every profile of the file is checked, whichever is asked for. Raises SupervisionError.
    """
    if found_wrong := unreasonable(text):
        (line, column), what = found_wrong
        raise SupervisionError((f"{path}:{line}:{column}: {what}",))
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SupervisionError((_syntax_line(path, text, str(error)),)) from None
    places = find_places(text)
    profiles = Profiles(raw, places, dialect.profiles, ("supervisor", "actor", *dialect.sections))
    faults = set(profiles.faults)
    found: dict[str | None, Supervision] = {}
    for name, (sections, where) in profiles.readings.items():
        checker = Checker(sections, where, dialect.sections, dialect.outcomes, dialect.bounds)
        checker.check()
        supervision = Supervision(path, checker.supervisors, checker.actors, checker.extras)
        if not checker.faults and dialect.rule is not None:
            for key, what in dialect.rule(supervision):
                checker.fault(key, what)
        faults.update(checker.faults)
        found[name] = supervision
    if faults:
        raise SupervisionError(tuple(f"{path}:{line}:{column}: {what}" for line, column, what in sorted(faults)))
    return found.get(profile) or found[None]


def _syntax_line(path: str, text: str, message: str) -> str:
    found = search(r"\s*\(at line (\d+), column (\d+)\)$", message)
    if found is None:
        return f"{path}:{text.count(chr(10)) + 1}:1: {message.removesuffix(' (at end of document)')}"
    return f"{path}:{found[1]}:{found[2]}: {message[: found.start()]}"
