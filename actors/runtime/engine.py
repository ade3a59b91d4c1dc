"""The inside of one supervisor: it starts its children in order, decides about each exit, and stops them in reverse.

Decisions are synchronous and made in the moment of the exit; only starting, group restarts and stopping wait for
something, and they wait in the supervisor's own task, so that one slow child delays nobody else.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import trio

from actors.runtime.child import Child
from actors.runtime.errors import AlreadyStarted, InitFailed
from actors.runtime.exits import GOOD_ORDER, Exit, Report, ReportKind
from actors.runtime.group import GroupRestart
from actors.runtime.letters import DeadLetters
from actors.runtime.policy import QuarantineWindow, RestartWindow, quarantine_limit, wants_restart
from actors.runtime.spec import GROUPS, ChildSpec, StopMode, SupervisorSpec

if TYPE_CHECKING:
    from actors.runtime.cell import Cell, Why
    from actors.runtime.host import Runtime
    from actors.runtime.supervisor import Supervisor


class Engine:
    """One incarnation of one supervisor. The public face of it is Supervisor."""

    def __init__(self, spec: SupervisorSpec, runtime: "Runtime", path: str, cell: "Cell | None" = None) -> None:
        self.spec = spec
        self.runtime = runtime
        self.path = path
        self.cell = cell
        self.handle: Supervisor = runtime.make_handle(self)
        self.children: dict[str, Child] = {}
        self.letters = DeadLetters()
        self.window = RestartWindow()
        self.restarts = 0
        self.is_ready = False
        self.ending: Exit | None = None
        self.end: Exit | None = None
        self.ended = trio.Event()
        self._stop_mode: StopMode = "cancel"
        self._killed = False
        self._quarantines = QuarantineWindow()
        self.group = GroupRestart(self)
        self._changed = trio.Event()
        self._parked = False

    # The children.

    def add(self, spec: ChildSpec, child_id: str, args: tuple[Any, ...] = ()) -> Child:
        """Make an address; its name is registered with it."""
        child = Child(self, spec, child_id, args)
        if spec.name is not None:
            self.runtime.register(spec.name, child)
        self.children[child_id] = child
        return child

    def remove(self, child: Child) -> None:
        """Forget an address that has ended."""
        if self.children.get(child.id) is child:
            del self.children[child.id]
        if child.spec.name is not None:
            self.runtime.unregister(child.spec.name, child)

    def rename(self, child: Child, name: str | None) -> None:
        """Register a child under another name than before."""
        if child.spec.name is not None:
            self.runtime.unregister(child.spec.name, child)
        if name is not None:
            self.runtime.register(name, child)

    def make_inner(self, child: Child, cell: "Cell") -> "Engine":
        """Return a new engine for a child that is a supervisor."""
        inner = child.spec.start
        assert isinstance(inner, SupervisorSpec)
        return Engine(inner, self.runtime, child.path, cell)

    @property
    def charges_own(self) -> bool:
        """Whether a crash is charged to the child's own budget."""
        return self.spec.is_dynamic and self.spec.budget == "own"

    # The supervisor's own task.

    async def run(self, on_ready: Callable[[], None]) -> Exit:
        """Start the children, live until something ends the supervisor, stop the children; return why it ended."""
        await self._start_children()
        if self.ending is None:
            self.is_ready = True
            on_ready()
        while self.ending is None:
            if self.group.is_wanted:
                await self.group.carry_out()
            else:
                await self.until_changed()
        await self._stop_children(list(self.children.values()), self._stop_why())
        return self.ending

    def changed(self) -> None:
        """Wake the supervisor's task, which looks for itself what there is to do."""
        if self._parked:
            self._parked = False
            self._changed.set()

    async def until_changed(self) -> None:
        """Sleep until `changed`; only the supervisor's own task may."""
        self._changed = trio.Event()
        self._parked = True
        await self._changed.wait()

    def close(self, end: Exit) -> None:
        """Let go of everything once the children are gone; from here on the handle only remembers."""
        for child in self.children.values():
            if child.state != "quarantined":
                child.state = "undefined"
            child.end_address()
            if child.spec.name is not None:
                self.runtime.unregister(child.spec.name, child)
        self.end = end
        self.ended.set()

    def finish(self, end: Exit, mode: StopMode = "cancel") -> None:
        """Begin the end of this supervisor; the first reason stands, a later call can only make the stop harsher."""
        if self.ending is None:
            self.ending = end
            self._stop_mode = mode
            for child in self.children.values():
                child.cancel_restart()
        elif mode == "cancel" and self._stop_mode != "cancel":
            self._stop_mode = mode
            for child in self.children.values():
                if child.cell is not None and child.cell.why is not None:
                    child.cell.interrupt("cancel")
        self.changed()

    def kill(self) -> None:
        """End this supervisor with no time for anybody's cleanup, its children first."""
        self._killed = True
        self.finish(Exit("killed", "killed"))
        for child in self.children.values():
            if child.cell is not None:
                child.cell.end("stop")
                child.cell.kill()

    def _stop_why(self) -> "Why":
        return "cancelled" if self.ending is not None and self.ending.kind == "cancelled" else "stop"

    async def _start_children(self) -> None:
        # Somebody may have started a child of his own already, in the moment before this task ran; that one is not ours.
        named: list[Child] = []
        try:
            for spec in () if self.spec.is_dynamic else self.spec.children:
                named.append(self.add(spec, spec.id))  # noqa: PERF401 - those before the one that is taken stay
        except AlreadyStarted as taken:
            self.finish(Exit("init_failed", str(taken), (taken,)))
        for child in named:
            if self.ending is not None:
                return
            attempt = child.spawn_attempt(is_first=True)
            while not attempt.event.is_set() and self.ending is None:
                await self.until_changed()
            if attempt.error is not None and self.ending is None:
                self.finish(Exit("init_failed", str(attempt.error), (attempt.error,)))

    async def _stop_children(self, children: list[Child], why: "Why") -> None:
        """Stop these children and wait for them: the last first and one by one, those of a dynamic supervisor at once."""
        for child in children:
            child.cancel_restart()
        if self.spec.is_dynamic or self._killed:
            cells = [child.cell for child in children if child.cell is not None]
            for cell in cells:
                cell.end(why, self._stop_mode)
            for cell in cells:
                await cell.join()
            return
        for child in reversed(children):
            if child.cell is not None:
                child.cell.end(why, self._stop_mode)
                await child.cell.join()

    # What becomes of an exit.

    def child_ended(self, child: Child, cell: "Cell", end: Exit | None) -> None:
        """Decide about the end of an incarnation (None: its start was ignored)."""
        if end is None:
            self._start_ignored(child)
        elif end.kind in ("fatal", "unkillable"):
            self._escalate(child, cell, end)
        elif cell.asked_to_stop or self.ending is not None:
            self._report_exit(child, cell, end)
            self._settle_stopped(child, cell, end)
        elif self.group.is_leaving(child):
            self._report_exit(child, cell, end)
            child.settle_attempt(error=cell.init_failure(end))
        elif child.attempt is not None and not child.attempt.by_supervisor:
            self._report_exit(child, cell, end)
            self._start_failed(child, cell.init_failure(end))
        elif wants_restart(child.spec.restart, end.kind):
            self._charge_and_restart(child, cell, end)
        else:
            self._report_exit(child, cell, end)
            self._let_go(child)
        self.changed()

    def _start_ignored(self, child: Child) -> None:
        child.settle_attempt()
        self.put_away(child)

    def _start_failed(self, child: Child, failure: InitFailed) -> None:
        attempt = child.settle_attempt(error=failure)
        child.state = "undefined"
        child.end_address()
        if attempt is not None and attempt.is_first and self.is_ready:
            self.remove(child)

    def _settle_stopped(self, child: Child, cell: "Cell", end: Exit) -> None:
        child.settle_attempt(error=cell.init_failure(end))
        if self.group.is_leaving(child) and cell.why == "group" and self.ending is None:
            return
        if self.ending is None:
            self.put_away(child)
        else:
            child.state = "undefined"
            child.end_address()

    def put_away(self, child: Child) -> None:
        """Keep the spec of a child that has ended, or forget it where the strategy or its restart type says so."""
        child.state = "undefined"
        child.end_address()
        if self.spec.is_dynamic or child.spec.restart == "temporary":
            self.remove(child)

    def _let_go(self, child: Child) -> None:
        """The child ended by itself and is not restarted; see whether the supervisor goes too."""
        self.put_away(child)
        if child.spec.significant and self.spec.auto_shutdown != "never":
            others = [other for other in self.children.values() if other.spec.significant and other.is_alive]
            if self.spec.auto_shutdown == "any_significant" or not others:
                self.finish(Exit("shutdown", "auto_shutdown"))

    def _escalate(self, child: Child, cell: "Cell", end: Exit) -> None:
        """Deal with an end after which this child cannot be started again by anybody."""
        self._report_exit(child, cell, end)
        child.settle_attempt(error=cell.init_failure(end))
        if end.kind == "unkillable" and self.charges_own and self.ending is None:
            # Its siblings are not to blame, and in quarantine nobody can start it beside itself.
            self._quarantine(child)
            return
        child.state = "undefined"
        child.end_address()
        if self.ending is None or self.ending.kind != "fatal":
            # A task that cannot be ended must not be started beside itself, so this supervisor cannot go on; a parent
            # that meets the same kind does the same, up to the root.
            previous = self.ending
            self.ending = Exit(end.kind, f"{child.path}: {end.reason}", end.leaves)
            if previous is None:
                for other in self.children.values():
                    other.cancel_restart()

    def _charge_and_restart(self, child: Child, cell: "Cell", end: Exit) -> None:
        child.settle_attempt(error=cell.init_failure(end) if end.kind == "init_failed" else None)
        now = trio.current_time()
        window = self.window
        if self.charges_own:
            window = child.window = child.window or RestartWindow()
        holds = window.add(now, self.spec.intensity, self.spec.period_s)
        left = max(0, window.left(now, self.spec.intensity, self.spec.period_s))
        self._report_exit(child, cell, end, budget_left=left)
        if holds:
            self._restart(child)
        elif self.charges_own:
            self._quarantine(child)
        else:
            child.state = "undefined"
            child.end_address()
            self._exhausted()

    def _restart(self, child: Child) -> None:
        delay = 0.0
        if child.spec.backoff is not None:
            delay = child.spec.backoff.delay(child.count_failure())
        child.state = "restarting"
        self.restarts += 1
        if self.spec.strategy in GROUPS:
            self.group.want(child, delay)
        elif delay > 0:
            child.timer = self.runtime.timers.after(delay, lambda: self._respawn_in_turn(child))
        else:
            self._respawn_in_turn(child)

    def _respawn_in_turn(self, child: Child) -> None:
        child.timer = self.runtime.pacer.in_turn(lambda: self._respawn(child))

    def _respawn(self, child: Child) -> None:
        child.restarts += 1
        child.spawn()

    def _quarantine(self, child: Child) -> None:
        """Take one child out of service; its siblings stay, unless too many of them had to go the same way."""
        child.state = "quarantined"
        self.report("quarantined", child.path, child.incarnation, reason=child.last_failure)
        child.end_address()
        count = self._quarantines.add(child.id, trio.current_time())
        if count > quarantine_limit(self.spec.max_quarantined, len(self.children)):
            self._exhausted()

    def _exhausted(self) -> None:
        if self.ending is None:
            self.report("exhausted", self.path, self._incarnation, reason="exhausted", name=self.spec.on_exhausted)
            self.finish(Exit("shutdown", "exhausted", on_exhausted=self.spec.on_exhausted))

    @property
    def _incarnation(self) -> int:
        return 1 if self.cell is None else self.cell.incarnation

    # What people are told.

    def _report_exit(self, child: Child, cell: "Cell", end: Exit, budget_left: int | None = None) -> None:
        quiet = end.kind in GOOD_ORDER or (end.kind == "cancelled" and cell.asked_to_stop)
        if quiet or not self.runtime.is_listening:
            return
        report = Report(
            path=child.path,
            kind=end.kind,
            incarnation=end.incarnation,
            leaves=end.leaves,
            reason=end.reason,
            on_exhausted=end.on_exhausted,
            stack=end.stack,
            budget_left=budget_left,
        )
        self.runtime.send_report(report)

    def report(
        self, kind: ReportKind, path: str, incarnation: int, *, reason: object = None, name: str | None = None
    ) -> None:
        """Tell people of something that is not an exit."""
        self.runtime.send_report(Report(path, kind, incarnation, reason=reason, on_exhausted=name))

    def active(self) -> Iterable[Child]:
        """Return the children that run now."""
        return (child for child in self.children.values() if child.state == "running")
