"""One address of a supervisor: its spec, its present incarnation, its mailbox, its budget and its history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import trio

from actors.runtime.cell import Cell, SupervisorCell, WorkerCell
from actors.runtime.errors import ActorDead, InitFailed
from actors.runtime.exits import GOOD_ORDER, Exit, Terminated
from actors.runtime.mailbox import DEFAULT_MAILBOX, NOTHING, Inbox, MailboxStatistics
from actors.runtime.policy import RestartWindow
from actors.runtime.ref import Ref
from actors.runtime.spec import ChildSpec, ChildType

if TYPE_CHECKING:
    from actors.runtime.context import Context
    from actors.runtime.engine import Engine
    from actors.runtime.pacing import Turn
    from actors.runtime.timers import Timer, Timers

ChildState = Literal["running", "restarting", "undefined", "quarantined"]
WatchFn = Callable[[Terminated], None]

COLD_AFTER: Final = 3
"""Failures in a row after which an actor that keeps its state begins without it."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """A child as which_children shows it.

    `restarting` lasts from the crash until the next `ctx.ready()`. A sibling that was stopped for a group's restart is
    `undefined` until its turn to start comes, as in OTP, though senders and watchers notice nothing of it.
    """

    id: str
    state: ChildState
    type: ChildType
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildStatistics:
    """One worker at one moment. `restarts` counts starts by supervision, `running_s` is None unless it runs.

    `last_failure` is the text of the last abnormal exit and `last_failure_at` its time on trio's clock in seconds.
    `ending_s` is for how long a task of this address has been asked to end and has not ended, None where there is none;
    in quarantine that is the task which was given up as unkillable.
    """

    id: str
    path: str
    state: ChildState
    incarnation: int
    restarts: int
    running_s: float | None
    last_failure: str | None
    last_failure_at: float | None
    mailbox: MailboxStatistics | None
    ending_s: float | None = None


class Attempt:
    """A start that somebody waits for; it ends with an outcome and never without."""

    __slots__ = ("by_supervisor", "error", "event", "is_first", "is_ready")

    def __init__(self, *, is_first: bool, by_supervisor: bool) -> None:
        self.is_first = is_first
        self.by_supervisor = by_supervisor
        self.is_ready = False
        self.error: InitFailed | None = None
        self.event = trio.Event()


class Child:
    """An address. The engine decides about it; the child keeps its record and carries the decision out."""

    __slots__ = (
        "_handled_before",
        "_watchers",
        "args",
        "attempt",
        "awaits_turn",
        "cell",
        "failures",
        "home",
        "id",
        "inbox",
        "incarnation",
        "kept_failures",
        "last_exit",
        "last_failure",
        "last_failure_at",
        "ready_at",
        "restarts",
        "spec",
        "state",
        "timer",
        "window",
        "zombie",
    )

    def __init__(self, home: "Engine", spec: ChildSpec, child_id: str, args: tuple[Any, ...] = ()) -> None:
        self.home = home
        self.spec = spec
        self.id = child_id
        self.args = args
        self.state: ChildState = "undefined"
        self.awaits_turn = False
        self.cell: Cell | None = None
        self.zombie: Cell | None = None
        self.attempt: Attempt | None = None
        self.timer: Timer | Turn | None = None
        self.window: RestartWindow | None = None
        self.incarnation = 0
        self.restarts = 0
        self.failures = 0
        self.kept_failures = 0
        self.ready_at = 0.0
        self.last_exit: Exit | None = None
        self.last_failure: str | None = None
        self.last_failure_at: float | None = None
        self._watchers: list[WatchFn] | None = None
        self._handled_before = 0
        self.inbox: Inbox | None = None
        self._fit_inbox()

    @property
    def path(self) -> str:
        """The ids from the root down to here, parted by `/`."""
        return f"{self.home.path}/{self.id}"

    @property
    def timers(self) -> "Timers":
        """The deadlines of the tree."""
        return self.home.runtime.timers

    @property
    def info(self) -> ChildInfo:
        """The child as which_children shows it."""
        return ChildInfo(self.id, self.state, self.spec.type, self.incarnation)

    @property
    def is_troubled(self) -> bool:
        """Whether there is more to say of it than that it runs."""
        return self.state != "running" or self.last_failure is not None or self._ending_s() is not None

    @property
    def is_alive(self) -> bool:
        """Whether it runs, starts, or will be started by supervision."""
        return self.state in ("running", "restarting") or self.cell is not None or self.awaits_turn

    def call(self, context: "Context") -> Awaitable[object]:
        """Return the awaitable of a worker's start; a class of actors is made anew for each incarnation."""
        start = cast("Callable[..., Any]", self.spec.start)
        return cast("Awaitable[object]", start()(context) if isinstance(start, type) else start(context))

    def spawn(self) -> None:
        """Start the next incarnation. The one before it must be gone."""
        self.timer = None
        self.awaits_turn = False
        self.incarnation += 1
        self._fit_inbox()
        if self.inbox is not None:
            self.inbox.reopen()
        make = SupervisorCell if self.spec.type == "supervisor" else WorkerCell
        self.cell = make(self, self.incarnation)
        self.cell.start()

    def _fit_inbox(self) -> None:
        """Make the mailbox what the spec says, which a reload may have changed since the last start."""
        if not getattr(self.spec.start, "takes_messages", False):
            return
        rules = self.spec.mailbox or DEFAULT_MAILBOX
        if self.inbox is None:
            self.inbox = Inbox(self, rules)
        elif self.inbox.spec is not rules:
            self.inbox.configure(rules)

    def spawn_attempt(self, *, is_first: bool = False, by_supervisor: bool = False) -> Attempt:
        """Start the next incarnation on behalf of somebody who waits for its outcome.

        `is_first` is a start after which nothing remains when it fails, `by_supervisor` one that is tried again.
        """
        attempt = self.attempt = Attempt(is_first=is_first, by_supervisor=by_supervisor)
        self.spawn()
        return attempt

    def became_ready(self) -> None:
        """Note `ctx.ready()` of the present incarnation."""
        self.state = "running"
        self.ready_at = trio.current_time()
        self.settle_attempt(is_ready=True)
        self.home.changed()

    def settle_attempt(self, *, is_ready: bool = False, error: InitFailed | None = None) -> Attempt | None:
        """Tell the one who waits for this start, if any, how it went."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.is_ready = is_ready
            attempt.error = error
            attempt.event.set()
        return attempt

    def ended(self, cell: Cell, end: Exit | None) -> None:
        """Note the end of the present incarnation (None: its start was ignored) and let the engine decide."""
        self.cell = None
        if end is not None:
            if end.kind == "unkillable":
                self.zombie = cell
            self.last_exit = end
            if end.kind not in ("normal", "shutdown", "stopped", "cancelled") or (
                end.kind == "cancelled" and not cell.asked_to_stop
            ):
                self.last_failure = f"{end.kind}: {end.reason}"
                self.last_failure_at = trio.current_time()
            if self.inbox is not None:
                self.inbox.interrupt(end, asked_to_stop=cell.asked_to_stop and cell.why != "group")
        self.home.child_ended(self, cell, end)

    @property
    def is_haunted(self) -> bool:
        """Whether a task of an earlier incarnation still runs, so that no other may be started beside it."""
        if isinstance(self.zombie, SupervisorCell):
            return any(child.is_haunted for child in self.zombie.engine.children.values())
        return self.zombie is not None

    def zombie_ended(self) -> None:
        """Note that a task which had been given up did end after all, so that the address may be started again."""
        self.zombie = None

    def warm_state(self) -> object:
        """Return the last committed state for a start that keeps it, NOTHING when it must begin cold."""
        inbox, end = self.inbox, self.last_exit
        if inbox is None or inbox.kept is NOTHING or end is None:
            return NOTHING
        if inbox.handled > self._handled_before:
            self.kept_failures = 0
        self._handled_before = inbox.handled
        self.kept_failures += end.kind not in GOOD_ORDER
        if self.kept_failures < COLD_AFTER:
            return inbox.kept
        self.kept_failures = 0
        return NOTHING

    def count_failure(self) -> int:
        """Return how many failures in a row came before this one, beginning anew after a healthy time."""
        backoff = self.spec.backoff
        healthy_after_s = backoff.healthy_after_s if backoff is not None else 0.0
        if self.state == "running" and trio.current_time() - self.ready_at >= healthy_after_s:
            self.failures = 0
        before = self.failures
        self.failures += 1
        return before

    def cancel_restart(self) -> None:
        """Take back a restart that waits for its backoff or its turn."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def ref(self) -> Ref:
        """Return where messages to this address go; raise ActorDead for a child that is no actor."""
        if self.inbox is None:
            raise ActorDead(self.path, "takes no messages")
        return Ref(self.inbox, self.timers)

    def watch(self, fn: WatchFn) -> Callable[[], None]:
        """Call `fn` once when this address ends, at once when it has; return how to take that back."""
        if not self.is_alive:
            fn(Terminated(self.id, self.incarnation, self.last_exit or Exit("stopped", "noproc")))
            return lambda: None
        if self._watchers is None:
            self._watchers = []
        watchers = self._watchers
        watchers.append(fn)

        def unwatch() -> None:
            if fn in watchers:
                watchers.remove(fn)

        return unwatch

    def end_address(self) -> None:
        """No further incarnation comes by itself: bury the mailbox and tell the watchers."""
        self.awaits_turn = False
        if self.inbox is not None:
            self.inbox.close()
        watchers, self._watchers = self._watchers, None
        if not watchers:
            return
        notice = Terminated(self.id, self.incarnation, self.last_exit or Exit("stopped", "noproc"))
        for fn in watchers:
            self.home.runtime.guarded(fn, notice, describe_as=f"a watcher of {self.path}")

    def statistics(self) -> ChildStatistics:
        """Return the worker as it is now."""
        return ChildStatistics(
            id=self.id,
            path=self.path,
            state=self.state,
            incarnation=self.incarnation,
            restarts=self.restarts,
            running_s=trio.current_time() - self.ready_at if self.state == "running" else None,
            last_failure=self.last_failure,
            last_failure_at=self.last_failure_at,
            mailbox=None if self.inbox is None else self.inbox.statistics(),
            ending_s=self._ending_s(),
        )

    def _ending_s(self) -> float | None:
        cell = self.zombie if self.cell is None else self.cell
        return None if cell is None or cell.asked_at is None else trio.current_time() - cell.asked_at
