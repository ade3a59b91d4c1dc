"""The supervision tree as the record of `bot supervisor status --json`: from the runtime's statistics to plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from actors.runtime import ChildStatistics, SupervisorStatistics
from bot.clock import rfc3339

Record = dict[str, Any]
Node = SupervisorStatistics | ChildStatistics
WallTime = Callable[[float], int]
"""From a moment on trio's clock in seconds to milliseconds since 1970."""


def whole_tree(roots: list[SupervisorStatistics], level: int, wall_ms: WallTime) -> Record:
    """All trees of the program below one node `bot`."""
    children = [_node(root, level, wall_ms) for root in roots]
    return {**_empty("bot"), "kind": "supervisor", "children": children}


def find(tree: Record, path: str) -> Record:
    """The node at a path such as `root/money`; raises LookupError that names what there is."""
    node = tree
    for name in path.strip("/").split("/"):
        if name == node["name"] and node is tree:
            continue
        matches = [child for child in node["children"] if child["name"] == name]
        if not matches:
            known = ", ".join(child["name"] for child in node["children"][:20]) or "nothing"
            raise LookupError(f"there is no {name!r} below {node['name']}; there is {known}")
        node = matches[0]
    return node


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
        "last_failure": None,
        "last_failure_at": None,
        "level": 1,
        "children": [],
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
        return node
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
