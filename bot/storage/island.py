"""The asyncio island: one asyncio loop in one thread, where asyncpg lives, and the bridge that trio tasks call it over.

A call hands over a whole unit of work, because each hop costs a wake-up in both loops. Nothing but storage uses it.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack

import outcome
import structlog
import trio

from bot.errors import StoreUnavailable

try:
    import uvloop
except ImportError:  # slower, and correct
    _new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_event_loop = uvloop.new_event_loop

log = structlog.get_logger()

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_GRACE_S = 5.0
_CLOSE_WITHIN_S = 10.0
_TASKS_END_WITHIN_S = 2.0


class IslandClosed(StoreUnavailable):
    """The island is closing, or its loop died; the effect of the call is unknown."""


class _Call:
    """One unit of work on its way: made by the trio task that waits for it, run as an asyncio task."""

    __slots__ = ("asyncio_task", "context", "raise_cancel", "result", "trio_task", "work")

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]], trio_task: trio.lowlevel.Task) -> None:
        self.work = work
        self.trio_task = trio_task
        self.context = contextvars.copy_context()
        self.asyncio_task: asyncio.Task[Any] | None = None
        self.raise_cancel: Callable[[], Any] | None = None
        self.result: outcome.Outcome[Any] | None = None


class Island:
    """Made by `open_island`. Both directions are queues that are emptied by one wake-up, however much is in them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._token = trio.lowlevel.current_trio_token()
        self._loop: asyncio.AbstractEventLoop = _new_event_loop()
        self._to_loop: deque[tuple[bool, _Call]] = deque()
        self._to_trio: deque[_Call] = deque()
        self._loop_woken = False
        self._trio_woken = False
        self._live: set[_Call] = set()
        self._closing = False
        self._idle = trio.Event()  # set once nothing is live any more while closing
        self._ended = trio.Event()

    def __repr__(self) -> str:
        return f"<Island {self._name!r} calls={len(self._live)}{' closing' if self._closing else ''}>"

    @property
    def calls(self) -> int:
        """How many units of work are on their way."""
        return len(self._live)

    # On the trio side.

    # Without the protection a KeyboardInterrupt between posting the call and waiting for it leaves a reply that wakes
    # a task which does not wait, and trio ends with an internal error.
    @trio.lowlevel.enable_ki_protection
    async def call(
        self,
        unit: Callable[[Unpack[Ts]], Coroutine[Any, Any, T]],
        *args: *Ts,
        shield: bool = False,
        let_go: bool = False,
    ) -> T:
        """Run `await unit(*args)` on the island and return its result or raise its error.

        Cancelling the trio scope cancels the asyncio task and waits for its clean-up. With `let_go`, meant for reads, it
        does not wait: the clean-up goes on behind the caller's back. With `shield`, meant for writes, a call that has
        begun runs to its end, and a cancellation is looked at again only when its outcome is known: what bounds it is the
        timeouts of the unit itself. Raises IslandClosed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if shield:
            with trio.CancelScope(shield=True):
                return await self._call(unit, args, let_go=False)
        return await self._call(unit, args, let_go=let_go)

    @trio.lowlevel.enable_ki_protection
    async def _call(self, unit: Callable[[Unpack[Ts]], Coroutine[Any, Any, T]], args: tuple[*Ts], *, let_go: bool) -> T:
        if self._closing:
            raise IslandClosed(f"the {self._name} is closed")
        call = _Call(lambda: unit(*args), trio.lowlevel.current_task())
        self._live.add(call)
        self._post(call, start=True)

        def abort(raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
            self._post(call, start=False)
            if let_go:
                self._forget(call)
                return trio.lowlevel.Abort.SUCCEEDED
            call.raise_cancel = raise_cancel
            return trio.lowlevel.Abort.FAILED

        result: outcome.Outcome[T] = await trio.lowlevel.wait_task_rescheduled(abort)
        if isinstance(result, outcome.Error) and isinstance(result.error, (asyncio.CancelledError, TimeoutError)):
            # asyncpg answers a cancelled acquire with TimeoutError. When trio asked for the end, it is a cancellation.
            if call.raise_cancel is not None:
                call.raise_cancel()
            if isinstance(result.error, asyncio.CancelledError):
                raise IslandClosed(f"the {self._name} cancelled a call") from result.error
        return result.unwrap()

    def _post(self, call: _Call, *, start: bool) -> None:
        self._to_loop.append((start, call))
        if not self._loop_woken:
            self._loop_woken = True
            with suppress(RuntimeError):  # the loop is gone, and _loop_ended answers every live call
                self._loop.call_soon_threadsafe(self._drain_to_loop)

    def _drain_to_trio(self) -> None:
        self._trio_woken = False  # before draining, so that a later append wakes again
        for _ in range(len(self._to_trio)):
            self._resume(self._to_trio.popleft())

    def _resume(self, call: _Call) -> None:
        if call in self._live:  # else nobody waits for it any more
            self._forget(call)
            trio.lowlevel.reschedule(call.trio_task, outcome.Value(call.result))

    def _forget(self, call: _Call) -> None:
        self._live.discard(call)
        if self._closing and not self._live:
            self._idle.set()

    async def _close(self) -> None:
        """Cancel what still runs, wait a while for its clean-up, and stop the loop."""
        self._closing = True
        for call in list(self._live):
            self._post(call, start=False)
        if self._live:
            with trio.move_on_after(_GRACE_S):
                await self._idle.wait()
        with suppress(RuntimeError):  # the loop is gone already
            self._loop.call_soon_threadsafe(self._loop.stop)
        await self._ended.wait()

    def _loop_ended(self, error: BaseException | None) -> None:
        self._closing = True
        self._drain_to_trio()
        for call in list(self._live):
            call.result = outcome.Error(IslandClosed(f"the {self._name} ended: {error!r}"))
            self._resume(call)
        self._ended.set()

    # On the asyncio side.

    def _drain_to_loop(self) -> None:
        self._loop_woken = False
        while self._to_loop:
            start, call = self._to_loop.popleft()
            if start:
                call.asyncio_task = self._loop.create_task(call.work(), context=call.context)
                call.asyncio_task.add_done_callback(partial(self._done, call))
            elif call.asyncio_task is not None:
                call.asyncio_task.cancel()

    def _done(self, call: _Call, task: asyncio.Task[Any]) -> None:
        """Send the reply. A callback, because a task that is cancelled before its first step runs no code of ours."""
        if task.cancelled():
            call.result = outcome.Error(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            call.result = outcome.Error(error)
        else:
            call.result = outcome.Value(task.result())
        self._to_trio.append(call)
        if not self._trio_woken:
            self._trio_woken = True
            self._in_trio(self._drain_to_trio)

    def _in_trio(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        with suppress(trio.RunFinishedError):  # nobody is left to be told
            self._token.run_sync_soon(callback, *args)

    def _main(self) -> None:
        """The thread. It ends when the loop is stopped, or when something that no task may hold breaks it."""
        ended_by: BaseException | None = None
        try:
            self._loop.run_forever()
            self._closing = True  # whoever is answered from here on finds the island closed
            self._loop.run_until_complete(self._cancel_tasks())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        except BaseException as error:
            ended_by = error
            log.exception("island_died", island=self._name)
            raise
        finally:
            self._loop.close()
            self._in_trio(self._loop_ended, ended_by)

    async def _cancel_tasks(self) -> None:
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=_TASKS_END_WITHIN_S)


@asynccontextmanager
async def open_island(name: str = "database island") -> AsyncIterator[Island]:
    """An island for as long as the block runs; calls that still run at its end are cancelled."""
    island = Island(name)
    thread = threading.Thread(target=island._main, name=name, daemon=True)
    thread.start()
    try:
        yield island
    finally:
        with trio.move_on_after(_CLOSE_WITHIN_S, shield=True):
            await island._close()
            thread.join()
