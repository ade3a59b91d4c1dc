"""Ways to take a service away from the whole bot in virtual time, and to crash one of its actors until it is given up."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

import trio

from actors.runtime import ChildStatistics, Supervisor, SupervisorStatistics
from bot.errors import Conflict, StoreUnavailable
from bot.storage.memory import MemoryStore
from bot.tree import TradingBot


class CutStore:
    """The store in memory behind a connection that can be cut or hang.

    While it is away every call raises StoreUnavailable, while it hangs none is answered. The calls named in `broken` raise
    what nobody expects of a store, those named in `refused` find the rows in another state than they need; with one named in
    `loses` it goes away after that was carried out and before it is answered.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.is_away = self.hangs = False
        self.broken: set[str] = set()
        self.refused: set[str] = set()
        self.loses: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        if not iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        async def call(*arguments: Any, **named: Any) -> Any:
            await trio.lowlevel.checkpoint()
            while self.hangs:
                await trio.sleep(0.1)
            if self.is_away:
                raise StoreUnavailable("the database is away")
            if name in self.broken:
                raise ZeroDivisionError(f"a bug in {name}")
            if name in self.refused:
                raise Conflict(f"{name} found another state")
            answer = await method(*arguments, **named)
            if name in self.loses:
                self.loses.discard(name)
                self.is_away = True
                raise StoreUnavailable("the connection was lost before the answer came")
            return answer

        return call


WRITE_S = 5.0  # a write ends by its own deadline, whatever is cancelled


class HangingStore(CutStore):
    """A store whose calls hang while `hangs`, as writes do: no cancellation ends one that has begun, its deadline does."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.hanging = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        if not iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        async def call(*arguments: Any, **named: Any) -> Any:
            await trio.lowlevel.checkpoint_if_cancelled()
            if not self.hangs:
                return await method(*arguments, **named)
            self.hanging += 1
            with trio.CancelScope(shield=True):
                await trio.sleep(WRITE_S)
            raise StoreUnavailable("no answer in time")

        return call


async def crash_until_given_up(supervisor: Supervisor, child_id: str) -> None:
    """End a child whenever it runs, as its own crashes would, until its supervisor gives it up.

    Somebody may start it anew in that very moment: then it counts its incarnations from one again.
    """
    incarnation = 0
    with trio.fail_after(120):
        while True:
            child = next((one for one in supervisor.which_children() if one.id == child_id), None)
            if child is not None and (child.state == "quarantined" or child.incarnation < incarnation):
                return
            if child is not None and child.state == "running":
                incarnation = child.incarnation
                supervisor.kill(child_id)
            await trio.sleep(0.1)


def state_of(supervisor: Supervisor, child_id: str) -> str | None:
    """The state of a child; None when there is none of this id."""
    return next((child.state for child in supervisor.which_children() if child.id == child_id), None)


def incarnations(bot: TradingBot) -> dict[str, int]:
    """How often each actor and supervisor of the tree has been started, by its path."""
    assert bot.root is not None
    counts: dict[str, int] = {}

    def walk(node: SupervisorStatistics | ChildStatistics) -> None:
        counts[node.path] = node.incarnation
        if isinstance(node, SupervisorStatistics):
            for child in node.children:
                walk(child)

    walk(bot.root.statistics())
    return counts
