"""The supervision tree as the record of `bot supervisor status --json`: from the runtime's statistics to plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from actors.runtime import ChildStatistics, NotFound, Supervisor, SupervisorStatistics
from bot.clock import rfc3339

Record = dict[str, Any]
Node = SupervisorStatistics | ChildStatistics
WallTime = Callable[[float], int]
"""From a moment on trio's clock in seconds to milliseconds since 1970."""

TOP: Final = "bot"
LISTED_MAX: Final = 200
"""Children of one supervisor in a record, those in trouble first; of the others it has the counts."""
NAMED_MAX: Final = 20


def whole_tree(roots: Sequence[Supervisor], level: int, wall_ms: WallTime) -> Record:
    """All trees of the program below one node `bot`."""
    children = [_node(root.statistics(LISTED_MAX), level, wall_ms) for root in roots]
    return {**_empty(TOP), "kind": "supervisor", "children": children}


def part_of_tree(roots: Sequence[Supervisor], path: str, level: int, wall_ms: WallTime) -> Record:
    """The node at a path such as `root/money`; raises LookupError that names what there is."""
    names = path.strip("/").split("/")
    if names[0] == TOP:
        names = names[1:]
    if not names:
        return whole_tree(roots, level, wall_ms)
    root = next((one for one in roots if one.path == names[0]), None)
    if root is None:
        raise _unknown(names[0], TOP, [one.path for one in roots])
    return _node(_look_down(root, names[1:]), level, wall_ms)


def only_in_state(node: Record, state: str) -> Record | None:
    """The node with nobody below it but who is in this state, and who is above such; None when there is nobody."""
    children = [kept for child in node["children"] if (kept := only_in_state(child, state)) is not None]
    unlisted = {name: count for name, count in node["unlisted"].items() if name == state}
    if not children and not unlisted and node["state"] != state:
        return None
    return {**node, "children": children, "unlisted": unlisted}


def _look_down(supervisor: Supervisor, names: Sequence[str]) -> Node:
    if not names:
        return supervisor.statistics(LISTED_MAX)
    try:
        if len(names) == 1:
            return supervisor.statistics_of(names[0], LISTED_MAX)
        below = supervisor.child(names[0])
    except NotFound as error:
        known = [child.id for child in supervisor.which_children()]
        if names[0] in known:
            raise LookupError(
                f"nothing lies below {supervisor.path}/{names[0]}: it is no supervisor that runs"
            ) from error
        raise _unknown(names[0], supervisor.path, known) from error
    return _look_down(below, names[1:])


def _unknown(name: str, parent: str, known: Sequence[str]) -> LookupError:
    return LookupError(f"there is no {name!r} below {parent}; there is {', '.join(known[:NAMED_MAX]) or 'nothing'}")


def workers(node: Node) -> Iterator[ChildStatistics]:
    """Every worker at and below a node. A subtree that is used up and waits for its restart counts as one."""
    if isinstance(node, SupervisorStatistics):
        for child in node.children:
            yield from workers(child)
    else:
        yield node


def _empty(name: str) -> Record:
    return {
        "name": name,
        "kind": "worker",
        "strategy": None,
        "state": "running",
        "incarnation": 1,
        "restarts": 0,
        "mailbox": None,
        "message_age_s": None,
        "ending_s": None,
        "last_failure": None,
        "last_failure_at": None,
        "level": 1,
        "children": [],
        "unlisted": {},
        "budget_left": None,
        "dead_letters": 0,
        "on_exhausted": None,
    }


def _node(statistics: Node, level: int, wall_ms: WallTime) -> Record:
    node = {
        **_empty(statistics.id),
        "state": statistics.state,
        "incarnation": statistics.incarnation,
        "restarts": statistics.restarts,
        "level": level,
    }
    if isinstance(statistics, SupervisorStatistics):
        node["kind"] = "supervisor"
        node["strategy"] = statistics.strategy
        node["children"] = [_node(child, level, wall_ms) for child in statistics.children if not _absent(child)]
        node["unlisted"] = dict(statistics.unlisted)
        node["budget_left"] = statistics.budget_left
        node["dead_letters"] = statistics.dead_letters
        node["on_exhausted"] = statistics.on_exhausted
        return node
    node["ending_s"] = statistics.ending_s
    node["last_failure"] = statistics.last_failure
    if statistics.last_failure_at is not None:
        node["last_failure_at"] = rfc3339(wall_ms(statistics.last_failure_at))
    if statistics.mailbox is not None:
        node["mailbox"] = {"depth": statistics.mailbox.depth, "capacity": statistics.mailbox.capacity}
        node["message_age_s"] = statistics.mailbox.message_age_s
    return node


def _absent(statistics: Node) -> bool:
    """An actor that this configuration does not have: its start was ignored."""
    return (
        isinstance(statistics, ChildStatistics)
        and statistics.state == "undefined"
        and statistics.last_failure is None
        and statistics.restarts == 0
    )
