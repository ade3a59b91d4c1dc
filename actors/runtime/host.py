"""What one tree shares, and the two nurseries that let it stop in order when everything around it is cancelled."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import inf
from types import TracebackType
from typing import Any, Final, TypeVar

import trio

from actors.runtime.child import Child
from actors.runtime.engine import Engine
from actors.runtime.errors import AlreadyStarted, InitFailed, SpecError
from actors.runtime.exits import Exit, Report, ReportFn
from actors.runtime.pacing import Pacer
from actors.runtime.ref import Ref
from actors.runtime.spec import SupervisorSpec
from actors.runtime.supervisor import Supervisor
from actors.runtime.timers import Timers

logger: Final = logging.getLogger("actors.runtime")

_CANCELLED: Final = Exit("cancelled", "cancelled from outside")

Argument = TypeVar("Argument")

_names: Final[trio.lowlevel.RunVar[dict[str, Child]]] = trio.lowlevel.RunVar("actors.runtime.names")


def _registry() -> dict[str, Child]:
    try:
        return _names.get()
    except LookupError:
        names: dict[str, Child] = {}
        _names.set(names)
        return names


def whereis(name: str) -> Ref | None:
    """Return the address registered under `name` in this trio run, None when there is none that takes messages."""
    child = _registry().get(name)
    return None if child is None or child.inbox is None else child.ref()


class Runtime:
    """What the supervisors of one tree share: the nursery of all cells, deadlines, the pace of restarts, names, the report."""

    def __init__(self, report: ReportFn | None, kill_grace_s: float) -> None:
        self._report = report
        self.kill_grace_s = kill_grace_s
        self.timers = Timers()
        self.pacer = Pacer()
        self.nursery: trio.Nursery
        self._names = _registry()

    @property
    def is_listening(self) -> bool:
        """Whether a report goes anywhere, so that its text is worth making."""
        return self._report is not None or logger.isEnabledFor(logging.ERROR)

    def make_handle(self, engine: Engine) -> Supervisor:
        """Return the public face of an engine."""
        return Supervisor(engine)

    def register(self, name: str, child: Child) -> None:
        """Give a name to an address; raise AlreadyStarted where another one has it."""
        if self._names.setdefault(name, child) is not child:
            raise AlreadyStarted(name, f"the name belongs to {self._names[name].path}")

    def holder(self, name: str) -> Child | None:
        """Return the address that has this name."""
        return self._names.get(name)

    def unregister(self, name: str, child: Child) -> None:
        """Take a name back, unless another address has it by now."""
        if self._names.get(name) is child:
            del self._names[name]

    def send_report(self, report: Report) -> None:
        """Hand a report to the caller's function, or to the log where there is none."""
        if self._report is None:
            logger.error("%s %s: %s", report.path, report.kind, report.reason)
        else:
            self.guarded(self._report, report, describe_as="the report function")

    def guarded(self, fn: Callable[[Argument], Any], argument: Argument, *, describe_as: str) -> None:
        """Call somebody else's function in the middle of a decision, which its error must not cut short."""
        try:
            fn(argument)
        except Exception:  # the log is its record
            logger.exception("%s raised", describe_as)


class open_supervisor:  # noqa: N801 - it is used as a function, like trio.open_nursery
    """Run a tree for as long as the block runs: `async with open_supervisor(spec) as sup`.

    Raises InitFailed when the tree does not start. `report` is called, synchronously, for each abnormal event; without
    one they go to the log. When the tree ends before the block does, the block goes on, and leaving it raises nothing.

    `kill_grace_s` is how many seconds a killed child of this tree may still take for what no cancellation ends, a write
    that has begun or a thread, before it is unkillable and its supervisors end with it. Whatever shields itself in such
    a tree has a deadline of its own that is shorter. 0 calls a child unkillable at the end of its `shutdown_ms`.
    """

    def __init__(self, spec: SupervisorSpec, *, report: ReportFn | None = None, kill_grace_s: float = 0.0) -> None:
        if not 0 <= kill_grace_s < inf:
            raise SpecError("kill_grace_s", kill_grace_s, "must be seconds, 0 or more, and finite")
        self._spec = spec
        self._report = report
        self._kill_grace_s = kill_grace_s

    async def __aenter__(self) -> Supervisor:
        self._runtime = Runtime(self._report, self._kill_grace_s)
        self._engine = Engine(self._spec, self._runtime, self._spec.name)
        self._settled = trio.Event()
        self._done = trio.Event()
        self._sentinel = trio.CancelScope()
        self._nursery_manager = trio.open_nursery()
        nursery = await self._nursery_manager.__aenter__()
        nursery.start_soon(self._host, name=f"supervisor {self._spec.name}")
        nursery.start_soon(self._watch_for_cancel)
        with trio.CancelScope(shield=True):
            # Shielded because a cancel reaches the tree through the sentinel, and it stops in order then.
            await self._settled.wait()
        if self._engine.is_ready:
            return self._engine.handle
        await self._leave()
        await trio.lowlevel.checkpoint_if_cancelled()
        raise self._start_error()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        # The sentinel says the same, but the body may hear of the cancellation before it does.
        cancelled = trio.current_effective_deadline() == -inf
        self._engine.finish(_CANCELLED if cancelled else Exit("shutdown", "left"))
        return self._leave()

    async def _leave(self) -> None:
        with trio.CancelScope(shield=True):
            await self._done.wait()
        self._sentinel.cancel()
        await self._nursery_manager.__aexit__(None, None, None)

    def _start_error(self) -> InitFailed:
        end = self._engine.end
        cause = end.leaves[0] if end is not None and end.leaves else None
        if isinstance(cause, InitFailed):
            return cause
        why = InitFailed(self._spec.name, "error", cause)
        why.__cause__ = cause
        return why

    async def _host(self) -> None:
        """Run the tree where no outer cancellation reaches it."""
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as cells:
                    self._runtime.nursery = cells
                    cells.start_soon(self._runtime.timers.run)
                    cells.start_soon(self._runtime.pacer.run)
                    end = await self._engine.run(self._settled.set)
                    self._engine.close(replace(end, incarnation=1))
                    self._settled.set()
                    self._runtime.timers.close()
                    self._runtime.pacer.close()
        finally:
            self._done.set()
            self._settled.set()

    async def _watch_for_cancel(self) -> None:
        """Turn a cancellation from outside into an ordered stop."""
        with self._sentinel:
            try:
                await trio.sleep_forever()
            finally:
                if not self._sentinel.cancel_called:
                    self._engine.finish(_CANCELLED)
