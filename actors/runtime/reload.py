"""A changed spec for a tree that runs: judged whole, then taken over at once, with no running child touched."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actors.runtime.cell import SupervisorCell
from actors.runtime.child import Child
from actors.runtime.errors import AlreadyStarted, SpecError
from actors.runtime.spec import ChildSpec, SupervisorSpec

if TYPE_CHECKING:
    from actors.runtime.engine import Engine


Refit = Callable[[ChildSpec], ChildSpec]
"""From the spec of a dynamic supervisor's child to the one that it follows from now on; the same when nothing changed."""


def reload_engine(engine: "Engine", spec: SupervisorSpec, refit: Refit | None = None) -> None:
    """Take over `spec` for a supervisor and for those below it that run; raise SpecError or AlreadyStarted before.

    Flags hold at once, and so does what is looked up when it matters: restart type, backoff and `shutdown_ms`. The rest
    of a child's new spec holds from its next start. Children that are new are `undefined` until restart_child; children
    that are gone from the spec keep running. A `dynamic` supervisor's spec does not name its children: `refit` gives
    the new spec of each of them, of the same id, start and name.
    """
    if spec.name != engine.spec.name:
        raise SpecError("name", spec.name, f"is the spec of another supervisor than {engine.path}")
    _check(engine, spec)
    refitted = [] if refit is None else list(_refitted(engine, refit))
    _apply(engine, spec)
    for child, child_spec in refitted:
        child.spec = child_spec


def _refitted(engine: "Engine", refit: Refit) -> "Iterator[tuple[Child, ChildSpec]]":
    """The children of running dynamic supervisors whose spec changes, judged before anything is taken over."""
    for child in engine.children.values():
        if isinstance(child.cell, SupervisorCell):
            yield from _refitted(child.cell.engine, refit)
        elif engine.spec.strategy == "dynamic":
            child_spec = refit(child.spec)
            if child_spec is not child.spec:
                yield child, child_spec


def _check(engine: "Engine", spec: SupervisorSpec) -> None:
    if spec.strategy != engine.spec.strategy and (spec.is_dynamic or engine.spec.is_dynamic):
        why = f"{engine.path} runs as {engine.spec.strategy}, and its children are not the same sort of thing"
        raise SpecError("strategy", spec.strategy, why)
    if spec.is_dynamic:
        return
    for child_spec in spec.children:
        child = engine.children.get(child_spec.id)
        if child_spec.name is not None:
            holder = engine.runtime.holder(child_spec.name)
            if holder is not None and holder is not child:
                raise AlreadyStarted(child_spec.name, f"the name belongs to {holder.path}")
        if child is None:
            continue
        if child.is_alive and child_spec.type != child.spec.type:
            raise SpecError("type", child_spec.type, f"{child.path} runs as a {child.spec.type}")
        inner = _running_inner(child, child_spec)
        if inner is not None:
            _check(*inner)


def _apply(engine: "Engine", spec: SupervisorSpec) -> None:
    engine.spec = spec
    if spec.is_dynamic:
        if spec.children:
            for child in engine.children.values():
                child.spec = spec.children[0]
        return
    order: dict[str, Child] = {}
    for child_spec in spec.children:
        present = engine.children.get(child_spec.id)
        if present is None:
            order[child_spec.id] = engine.add(child_spec, child_spec.id)
            continue
        inner = _running_inner(present, child_spec)
        if inner is not None:
            _apply(*inner)
        engine.rename(present, child_spec.name)
        present.spec = child_spec
        order[child_spec.id] = present
    engine.children = order | {key: child for key, child in engine.children.items() if key not in order}


def _running_inner(child: Child, spec: ChildSpec) -> "tuple[Engine, SupervisorSpec] | None":
    if isinstance(child.cell, SupervisorCell) and isinstance(spec.start, SupervisorSpec):
        return child.cell.engine, spec.start
    return None
