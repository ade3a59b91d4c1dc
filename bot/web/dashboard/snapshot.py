"""What one round of questions brought, for the page to draw: the record of `bot top`, the whole tree, and fills' stories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.top.reading import Answer, Fields
from bot.top.record import View
from bot.top.words import clean

STEPS = ("seen", "signal", "admitted", "signed", "sent", "landed", "settled", "told")
DEPTH_MAX = 8
CHILDREN_MAX = 60  # of one supervisor are drawn; the others are counted


@dataclass(frozen=True, slots=True)
class Node:
    """A supervisor or worker of the tree; `unlisted` are children that are not drawn."""

    name: str
    kind: str
    state: str
    strategy: str | None
    restarts: int
    last_failure: str | None
    children: tuple[Node, ...]
    unlisted: int


@dataclass(frozen=True, slots=True)
class Story:
    """A buy from its first frame to its message: each step with milliseconds after the first. `token` is for people."""

    intent: str
    token: str
    user: str
    steps: tuple[tuple[str, int], ...]

    @property
    def is_told(self) -> bool:
        return any(what == "told" for what, _ in self.steps)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`at_ms` is when the round was complete, milliseconds since 1970; `tree` is None where nobody told it."""

    at_ms: int
    view: View
    tree: Node | None
    stories: tuple[Story, ...]


def tree_of(answer: Answer) -> Node | None:
    """The tree of the answer to `supervisor`, in bounds whatever was told."""
    root = Fields(answer, ascii_only=False).part("tree")
    return _node(root, 0) if root.values else None


def _node(told: Fields, depth: int) -> Node:
    children = (told.parts("children") or []) if depth < DEPTH_MAX else []
    # Whoever is in trouble is drawn first, because that is what people look for.
    children.sort(key=lambda child: child.text("state") == "running")
    unlisted = told.part("unlisted")
    counted = sum(unlisted.whole(name) or 0 for name in unlisted.values)
    return Node(
        name=told.text("name") or "?",
        kind=told.text("kind") or "worker",
        state=told.text("state") or "?",
        strategy=told.text("strategy"),
        restarts=told.whole("restarts") or 0,
        last_failure=told.text("last_failure"),
        children=tuple(_node(child, depth + 1) for child in children[:CHILDREN_MAX]),
        unlisted=max(len(children) - CHILDREN_MAX, 0) + counted,
    )


def story_of(intent: str, token: str, user: str, answer: Mapping[str, object]) -> Story | None:
    """The answer to `trace` of one order; None where it tells of none. Of a step that came twice the first counts."""
    orders = Fields(answer, ascii_only=False).parts("orders") or []
    if not orders:
        return None
    steps: dict[str, int] = {}
    for step in orders[0].parts("steps") or []:
        what, after_ms = step.text("what"), step.whole("after_ms")
        if what in STEPS and after_ms is not None:
            steps.setdefault(what, max(after_ms, 0))
    return Story(intent, clean(token), clean(user), tuple(steps.items()))
