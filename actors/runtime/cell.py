"""One incarnation of a child: the task around it, how it is asked to end, and the record of how it ended.

No error leaves a cell: whatever the child raises becomes an Exit, so that a sibling is never cancelled by it.
"""

from math import inf
from typing import TYPE_CHECKING, Final, Literal

import trio

from actors.runtime.context import Context
from actors.runtime.errors import Ignore, InitFailed, Shutdown
from actors.runtime.exits import FATAL, Exit, ExitKind, describe, find_leaves
from actors.runtime.spec import StopMode

if TYPE_CHECKING:
    from actors.runtime.child import Child
    from actors.runtime.timers import Timer

Why = Literal["stop", "cancelled", "group", "hung", "init_timeout"]

KILL_PASSES: Final = 50
"""Passes of the scheduler after which a killed child that still runs is called unkillable, in a tree without a grace."""

_ASKED: Final[frozenset[str | None]] = frozenset({"stop", "cancelled", "group"})


class Cell:
    """What the two sorts of incarnation have in common. `why` is who asked it to end, `killed` that time was up.

    `asked_at` is the moment of the first of the two on trio's clock in seconds, None before.
    """

    __slots__ = ("_timer", "asked_at", "child", "finished", "gone", "incarnation", "is_ready", "killed", "why")

    def __init__(self, child: "Child", incarnation: int) -> None:
        self.child = child
        self.incarnation = incarnation
        self.is_ready = False
        self.killed = False
        self.finished = False
        self.why: Why | None = None
        self.asked_at: float | None = None
        self.gone: trio.Event | None = None
        self._timer: Timer | None = None

    @property
    def asked_to_stop(self) -> bool:
        """Whether supervision wants no exit decision of this end, because it decided already."""
        return self.why in _ASKED

    def start(self) -> None:
        """Begin the incarnation's task."""
        timeout_ms = self.child.spec.init_timeout_ms
        if timeout_ms is not None:
            self._timer = self.child.timers.after(timeout_ms / 1000, self._init_too_slow)
        self.child.home.runtime.nursery.start_soon(self.run, name=self.child.id)

    async def run(self) -> None:
        """Run the incarnation and hand its Exit to the child."""
        raise NotImplementedError

    def set_ready(self) -> None:
        """Take the child's word that its init is done; a second time it means nothing."""
        if self.is_ready or self.finished or self.why is not None or self.killed:
            return
        self.is_ready = True
        self._drop_timer()
        self.child.became_ready()

    def end(self, why: Why, mode: StopMode = "cancel") -> None:
        """Ask the incarnation to end within its `shutdown_ms`, after which it is killed. Asking again is harmless."""
        if self.finished:
            return
        first = self.why is None
        if first or why in ("stop", "cancelled"):
            self.why = why
        if self.asked_at is None:
            self.asked_at = trio.current_time()
        if first and not self.killed:
            self._drop_timer()
            limit = self.child.spec.shutdown_s
            if limit <= 0:
                self.kill()
                return
            if limit < inf:
                self._timer = self.child.timers.after(limit, self.kill)
        self.interrupt(mode)

    def kill(self) -> None:
        """End the incarnation with no time for cleanup."""
        raise NotImplementedError

    def interrupt(self, mode: StopMode) -> None:
        """Bring the request to end to the running code."""
        raise NotImplementedError

    async def join(self) -> None:
        """Wait until the incarnation is gone, or is given up as unkillable."""
        if self.finished:
            return
        if self.gone is None:
            self.gone = trio.Event()
        await self.gone.wait()

    def finish(self, end: Exit | None) -> None:
        """Hand the record on (None: the start was ignored), once; a task that was given up reports only its end."""
        if self.finished:
            self.child.zombie_ended()
            return
        self.finished = True
        self._drop_timer()
        self.child.ended(self, end)
        if self.gone is not None:
            self.gone.set()

    def init_failure(self, end: Exit) -> InitFailed:
        """Return a failed start as what a starter is told."""
        cause = end.leaves[0] if end.leaves else None
        failure = InitFailed(self.child.id, "timeout" if self.why == "init_timeout" else "error", cause)
        failure.__cause__ = cause
        return failure

    def _init_too_slow(self) -> None:
        if not self.is_ready:
            self.end("init_timeout")

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WorkerCell(Cell):
    """The incarnation of a worker: its start callable in a cancel scope of its own."""

    __slots__ = ("_cleanups", "_scope", "task")

    def __init__(self, child: "Child", incarnation: int) -> None:
        super().__init__(child, incarnation)
        self._scope = trio.CancelScope()
        self._cleanups: list[trio.CancelScope] | None = None
        self.task: trio.lowlevel.Task | None = None

    async def run(self) -> None:
        self.task = trio.lowlevel.current_task()
        context = Context(self)
        value: object = None
        error: BaseException | None = None
        with self._scope:
            try:
                value = await self.child.call(context)
            except BaseException as raised:  # noqa: ASYNC103 - it becomes the Exit
                error = raised
            error = await context.close(error)
        self.finish(self._judge(value, error))

    def kill(self) -> None:
        if self.killed or self.finished:
            return
        self.killed = True
        if self.asked_at is None:
            self.asked_at = trio.current_time()
        self._scope.cancel()
        for scope in self._cleanups or ():
            scope.cancel()
        self._drop_timer()
        runtime = self.child.home.runtime
        if runtime.kill_grace_s > 0:
            self._timer = self.child.timers.after(runtime.kill_grace_s, self._give_up)
        else:
            runtime.nursery.start_soon(self._reap)

    def interrupt(self, mode: StopMode) -> None:
        inbox = self.child.inbox
        if mode == "cancel" or inbox is None or not self.is_ready:
            self._scope.cancel()
        else:
            inbox.halt(drain=mode == "drain")

    async def _reap(self) -> None:
        # Without a grace: everything that a cancel can wake has had its turns after so many passes, and no time goes by.
        for _ in range(KILL_PASSES):
            if self.finished:
                return
            await trio.lowlevel.cancel_shielded_checkpoint()
        self._give_up()

    def _give_up(self) -> None:
        # Trio cannot end a task that shields itself.
        if not self.finished:
            self.finish(Exit("unkillable", "ignores its cancellation", (), self.incarnation))

    # The cleanup scopes of Context.

    def cleanup_deadline(self) -> float:
        """When cleanup that begins now must be over, on trio's clock; in the past for a killed one."""
        if self.killed:
            return -inf
        if self.why is not None:
            # The kill that ends a stop is the deadline then, so that the exit can say `killed`.
            return inf
        return trio.current_time() + self.child.spec.shutdown_s

    def add_cleanup(self, scope: trio.CancelScope) -> None:
        """Remember a shielded scope, because a kill must reach it."""
        if self._cleanups is None:
            self._cleanups = []
        self._cleanups.append(scope)

    def remove_cleanup(self, scope: trio.CancelScope) -> None:
        """Forget a scope that was left."""
        if self._cleanups is not None:
            self._cleanups.remove(scope)

    # How it ended.

    def _judge(self, value: object, error: BaseException | None) -> Exit | None:
        leaves = find_leaves(error)
        if any(isinstance(leaf, FATAL) for leaf in leaves):
            return self._exit("fatal", leaves)
        if self.asked_to_stop:
            return self._judge_stop(leaves)
        if self.why == "hung":
            return self._exit("hung", leaves, "one message took longer than hung_after_ms")
        if self.killed and self.why is None:
            return self._exit("killed", leaves, "killed")
        if not self.is_ready:
            return self._judge_init(value, error, leaves)
        if leaves and all(isinstance(leaf, Shutdown) for leaf in leaves):
            return self._exit("shutdown", leaves, leaves[0].args[0])
        if leaves:
            return self._exit("failed", leaves)
        if error is not None:
            return self._exit("cancelled", (), "a Cancelled that nobody in this child asked for")
        return self._exit("normal", ())

    def _judge_stop(self, leaves: tuple[BaseException, ...]) -> Exit:
        if self.killed:
            return self._exit("killed", leaves, "cleanup took longer than shutdown_ms")
        if all(isinstance(leaf, Shutdown) for leaf in leaves):
            return self._exit("cancelled" if self.why == "cancelled" else "stopped", leaves, self.why)
        return self._exit("failed_while_stopping", leaves)

    def _judge_init(self, value: object, error: BaseException | None, leaves: tuple[BaseException, ...]) -> Exit | None:
        if self.why == "init_timeout":
            return self._exit("init_failed", leaves, "timeout")
        if error is None and value is Ignore:
            return None
        return self._exit("init_failed", leaves, None if leaves else "ended before ctx.ready()")

    def _exit(self, kind: ExitKind, leaves: tuple[BaseException, ...], reason: object = None) -> Exit:
        if reason is None and leaves:
            reason = describe(leaves[0])
        return Exit(kind, reason, leaves, self.incarnation)


class SupervisorCell(Cell):
    """The incarnation of a supervisor below another one. It always ends by itself, because its own stop is bounded."""

    __slots__ = ("engine",)

    def __init__(self, child: "Child", incarnation: int) -> None:
        super().__init__(child, incarnation)
        self.engine = child.home.make_inner(child, self)

    async def run(self) -> None:
        end = await self.engine.run(self.set_ready)
        if not self.is_ready and not self.asked_to_stop and not self.killed and end.kind not in ("fatal", "unkillable"):
            end = Exit("init_failed", "timeout" if self.why == "init_timeout" else end.reason, end.leaves)
        if self.killed and end.kind in ("stopped", "cancelled"):
            end = Exit("killed", "its children took longer than shutdown_ms", end.leaves)
        end = Exit(end.kind, end.reason, end.leaves, self.incarnation, end.on_exhausted)
        self.engine.close(end)
        self.finish(end)

    def kill(self) -> None:
        if self.killed or self.finished:
            return
        self.killed = True
        self.engine.kill()

    def interrupt(self, mode: StopMode) -> None:
        self.engine.finish(Exit("cancelled" if self.why == "cancelled" else "stopped", self.why), mode)
