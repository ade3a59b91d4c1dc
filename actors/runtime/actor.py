"""An actor: a child that holds one frozen state and handles one message at a time from the mailbox of its address."""

from typing import ClassVar, Final, Generic, TypeVar, cast

import trio

from actors.runtime.cell import WorkerCell
from actors.runtime.context import Context
from actors.runtime.envelopes import ENVELOPES, Ask
from actors.runtime.errors import ActorFailed, Ignore, IgnoreType
from actors.runtime.exits import Caught
from actors.runtime.mailbox import NOTHING, Inbox
from actors.runtime.timers import Timer

State = TypeVar("State")
Message = TypeVar("Message")

BATCH_MASK: Final = 63
"""After each 64 messages the other tasks get a turn."""


class Actor(Generic[State, Message]):
    """Subclass this and give an instance (or the class, to be made anew for each incarnation) as a ChildSpec's start.

    `init` returns the first state; `handle` returns the next one, or None to keep it, and its change is dropped when it
    raises; `terminate` runs in the cleanup scope at the end of every incarnation that was ready and is not killed.
    With `keep_state` a restart begins with the last state instead of `init`, but cold after three failures in a row.
    """

    takes_messages: ClassVar[bool] = True
    keep_state: ClassVar[bool] = False

    async def init(self, ctx: Context) -> State | IgnoreType:
        """Acquire what the actor needs (`await ctx.enter(...)`) and return its first state, or Ignore."""
        return cast("State", None)

    async def handle(self, ctx: Context, state: State, message: Message) -> State | None:
        """Deal with one message: decide in plain functions, then await what was decided."""
        raise NotImplementedError

    async def terminate(self, ctx: Context, state: State) -> None:
        """Put things in order before the resources of this incarnation are left."""

    async def __call__(self, ctx: Context) -> object:
        """Run one incarnation; supervision calls this."""
        cell = ctx.cell
        inbox = cell.child.inbox
        assert inbox is not None
        state = cell.child.warm_state() if self.keep_state else NOTHING
        if state is NOTHING:
            state = await self.init(ctx)
            if state is Ignore:
                return Ignore
        inbox.kept = state
        ctx.ready()
        error: BaseException | None = None
        try:
            await self._serve(ctx, cell, inbox, cast("State", state))
        except BaseException as raised:  # noqa: ASYNC103 - raised again below, after terminate
            error = raised
        if type(self).terminate is not Actor.terminate:
            with Caught() as terminating, ctx.cleanup():
                await self.terminate(ctx, cast("State", inbox.kept))
            if error is not None and terminating.error is not None:
                # Both are told: the error of the cleanup must not cover up the one that led to it.
                text = "the actor failed, and so did its terminate"
                raise BaseExceptionGroup(text, [error, terminating.error])
            terminating.raise_again()
        if error is not None:
            raise error
        return None

    async def _serve(self, ctx: Context, cell: WorkerCell, inbox: Inbox, state: State) -> None:
        task = trio.lowlevel.current_task()
        now = trio.lowlevel.current_clock().current_time
        limit_ms = inbox.spec.hung_after_ms
        watch = None if limit_ms is None else HungWatch(cell, inbox, limit_ms / 1000)
        is_plain = inbox.spec.overflow in ("reject", "drop_oldest")
        handle = self.handle
        handled = inbox.handled
        task.custom_sleep_data = None
        while not inbox.halted:
            queue = inbox.queue
            if queue and is_plain and inbox.control is None:
                # What take() does in the common case, without the call.
                inbox.current = item = queue.popleft()
            else:
                item = inbox.take()
                if item is NOTHING:
                    if not inbox.is_open:
                        return
                    inbox.go_idle(task)
                    await trio.lowlevel.wait_task_rescheduled(inbox.stop_sleeping)
                    continue
            if watch is not None:
                inbox.since = now()
                watch.begin()
            elif task.custom_sleep_data is not inbox:
                # Trio clears the mark whenever the task is rescheduled. Nobody can look at the age of a message before
                # its handler suspends, so all that are handled without a suspension share one reading of the clock.
                task.custom_sleep_data = inbox
                inbox.since = now()
            if type(item) in ENVELOPES:
                following = await handle(ctx, state, item.message)  # type: ignore[attr-defined]
                if isinstance(item, Ask) and item.is_live:
                    item.fail(ActorFailed(inbox.path, "the handler returned and did not reply"))
            else:
                following = await handle(ctx, state, item)  # type: ignore[arg-type]
            if following is not None:
                inbox.kept = state = following
            inbox.handled = handled = handled + 1
            if not handled & BATCH_MASK:
                inbox.current = NOTHING
                await trio.lowlevel.checkpoint()
        inbox.current = NOTHING


class HungWatch:
    """Ends an incarnation whose handler takes too long for one message; at most one deadline waits at a time."""

    __slots__ = ("_cell", "_inbox", "_limit_s", "_timer")

    def __init__(self, cell: WorkerCell, inbox: Inbox, limit_s: float) -> None:
        self._cell = cell
        self._inbox = inbox
        self._limit_s = limit_s
        self._timer: Timer | None = None

    def begin(self) -> None:
        """A message begins now; a deadline that is already waiting will find it."""
        if self._timer is None:
            self._timer = self._cell.child.timers.at(self._inbox.since + self._limit_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._cell.finished or self._inbox.current is NOTHING:
            return
        if trio.current_time() >= self._inbox.since + self._limit_s:
            self._cell.end("hung")
        else:
            self.begin()
