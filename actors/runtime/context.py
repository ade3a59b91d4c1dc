"""What a child sees of its supervisor: who it is, how it says that it is ready, and where its resources live."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from actors.runtime.envelopes import Ask
from actors.runtime.exits import Caught

if TYPE_CHECKING:
    from actors.runtime.cell import WorkerCell
    from actors.runtime.mailbox import Inbox
    from actors.runtime.supervisor import Supervisor
    from actors.runtime.timers import Timer

Resource = TypeVar("Resource")


class Context:
    """The one argument of a child's start; it belongs to one incarnation."""

    __slots__ = ("_cell", "_guard", "_stack", "inbox")

    inbox: "Inbox | None"
    """The mailbox of the address; the actor loop's own door, others send through a Ref."""

    def __init__(self, cell: "WorkerCell") -> None:
        self._cell = cell
        self.inbox = cell.child.inbox
        self._stack: AsyncExitStack | None = None
        self._guard: trio.CancelScope | None = None

    @property
    def id(self) -> str:
        """The child's id within its supervisor."""
        return self._cell.child.id

    @property
    def path(self) -> str:
        """The ids from the root down to this child, parted by `/`."""
        return self._cell.child.path

    @property
    def name(self) -> str | None:
        """The registered name, None without one."""
        return self._cell.child.spec.name

    @property
    def args(self) -> tuple[Any, ...]:
        """What start_child of a simple_one_for_one supervisor was given beside the id."""
        return self._cell.child.args

    @property
    def incarnation(self) -> int:
        """1 for the first start of this address, one more for each start after it."""
        return self._cell.incarnation

    @property
    def supervisor(self) -> "Supervisor":
        """The handle of the supervisor that this child belongs to."""
        return self._cell.child.home.handle

    def ready(self) -> None:
        """Say that init is done: the starter goes on, and from here on an end is an exit and no failed start."""
        self._cell.set_ready()

    def progress(self) -> None:
        """Say that the message in progress is alive, which begins its `hung_after_ms` anew."""
        inbox = self.inbox
        if inbox is not None:
            inbox.since = trio.current_time()

    def at(self, when_s: float, callback: Callable[[], None]) -> "Timer":
        """Call `callback`, which waits for nothing and never raises, when trio's clock reaches `when_s`.

        One task keeps the time of the whole tree, so that this costs no cancel scope. Cancel it when it is no longer wanted.
        """
        return self._cell.child.timers.at(when_s, callback)

    def reply(self, value: object) -> None:
        """Answer the ask that is being handled; for a tell nobody waits, so its answer goes nowhere."""
        inbox = self.inbox
        if inbox is not None and type(ask := inbox.current) is Ask:
            ask.answer(value)

    async def enter(self, manager: AbstractAsyncContextManager[Resource]) -> Resource:
        """Enter a resource that is left, last in first out, when this incarnation ends, within its `shutdown_ms`."""
        if self._stack is None:
            self._stack = AsyncExitStack()
            # Entered first, so everything entered later is inside; it becomes the shield of the cleanup.
            self._guard = self._stack.enter_context(trio.CancelScope())
        return await self._stack.enter_async_context(manager)

    @contextmanager
    def cleanup(self) -> Iterator[trio.CancelScope]:
        """A scope that a stop does not cancel; the runtime cancels it when the time of `shutdown_ms` is over."""
        cell = self._cell
        with trio.CancelScope(shield=True, deadline=cell.cleanup_deadline()) as scope:
            cell.add_cleanup(scope)
            try:
                yield scope
            finally:
                cell.remove_cleanup(scope)

    @property
    def cell(self) -> "WorkerCell":
        """The incarnation itself; the actor loop's own door."""
        return self._cell

    async def close(self, error: BaseException | None) -> BaseException | None:
        """Leave what was entered, under the cleanup's shield and deadline, and return the error that remains."""
        if self._stack is None or self._guard is None:
            return error
        cell = self._cell
        self._guard.shield = True
        self._guard.deadline = cell.cleanup_deadline()
        cell.add_cleanup(self._guard)
        swallowed: bool | None = False
        with Caught() as caught:
            kind = None if error is None else type(error)
            swallowed = await self._stack.__aexit__(kind, error, None if error is None else error.__traceback__)
        if caught.error is not None:
            return caught.error
        # What our own guard swallowed is the end of the cleanup's time, not of the error.
        return None if swallowed and not self._guard.cancelled_caught else error
