"""From what an operator types to one child of the tree: whole paths, unique beginnings, or an id alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from actors.runtime import NotFound, Supervisor

TOP = "bot"
NAMED_MAX = 20  # names in an error


@dataclass(frozen=True, slots=True)
class Place:
    """One child of a running supervisor; `supervisor` is None for a root itself."""

    supervisor: Supervisor | None
    id: str
    path: str

    @property
    def state(self) -> str:
        """As which_children shows it; `gone` when the supervisor has no such child any more."""
        if self.supervisor is None:
            return "running"
        return next((child.state for child in self.supervisor.which_children() if child.id == self.id), "gone")

    @property
    def is_supervisor(self) -> bool:
        """Whether there are children below it."""
        return self.supervisor is None or self.supervisor.get_childspec(self.id).type == "supervisor"


def find_place(roots: Sequence[Supervisor], typed: str) -> Place:
    """The child at a path such as `root/money/reconciler`; every part of it may be a unique beginning.

    Without a `/` it may be the id, or its unique beginning, of whatever runs anywhere. Raises LookupError in one line.
    """
    names = [name for name in typed.strip("/").split("/") if name]
    if names[:1] == [TOP]:
        names = names[1:]
    if not names:
        raise LookupError("give a path below root or foundation, such as root/hunt/launch_watcher")
    root = next((root for root in roots if root.path == names[0]), None)
    if root is None and len(names) == 1:
        return _anywhere(roots, names[0])
    if root is None:
        raise _unknown(names[0], TOP, [root.path for root in roots])
    place = Place(None, root.path, root.path)
    for name in names[1:]:
        place = _below(place, root if place.supervisor is None else _inner(place), name)
    return place


def every_supervisor(root: Supervisor) -> Iterator[Supervisor]:
    """A supervisor and every one that runs below it."""
    yield root
    for child in root.which_children():
        if child.type == "supervisor" and child.state == "running":
            yield from every_supervisor(root.child(child.id))


def _below(parent: Place, supervisor: Supervisor, name: str) -> Place:
    known = [child.id for child in supervisor.which_children()]
    fitting = [name] if name in known else [child_id for child_id in known if child_id.startswith(name)]
    if not fitting:
        raise _unknown(name, parent.path, known)
    if len(fitting) > 1:
        raise LookupError(f"{name!r} below {parent.path} is the beginning of {_some(fitting)}; give more of it")
    return Place(supervisor, fitting[0], f"{parent.path}/{fitting[0]}")


def _inner(place: Place) -> Supervisor:
    assert place.supervisor is not None
    try:
        return place.supervisor.child(place.id)
    except NotFound:
        what = f"is {place.state}" if place.is_supervisor else "is an actor"
        raise LookupError(f"{place.path} {what}, so nothing lies below it") from None


def _anywhere(roots: Sequence[Supervisor], name: str) -> Place:
    places = [
        Place(supervisor, child.id, f"{supervisor.path}/{child.id}")
        for root in roots
        for supervisor in every_supervisor(root)
        for child in supervisor.which_children()
    ]
    exact = [place for place in places if place.id == name]
    fitting = exact or [place for place in places if place.id.startswith(name)]
    if not fitting:
        raise _unknown(name, TOP, [*(root.path for root in roots), *(place.id for place in places)])
    if len(fitting) > 1:
        raise LookupError(f"{name!r} fits {_some([place.path for place in fitting])}; give one of these paths")
    return fitting[0]


def _unknown(name: str, parent: str, known: Sequence[str]) -> LookupError:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {_some(known) if known else 'nothing'}"
    return LookupError(f"there is no {name!r} below {parent}; {hint}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
