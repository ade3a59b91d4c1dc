"""The handle of a running supervisor: OTP's admin calls, and views of what goes on below it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

import trio

from actors.runtime.cell import SupervisorCell, WorkerCell
from actors.runtime.child import Child, ChildInfo, ChildState, ChildStatistics, WatchFn
from actors.runtime.errors import (
    AlreadyPresent,
    AlreadyStarted,
    MaxChildren,
    NoProc,
    NotFound,
    Restarting,
    Running,
    SpecError,
    SupervisorError,
)
from actors.runtime.exits import Exit, Terminated
from actors.runtime.letters import DeadLetter
from actors.runtime.ref import Ref
from actors.runtime.reload import Refit, reload_engine
from actors.runtime.spec import ChildSpec, StopMode, Strategy, SupervisorSpec, check_childspecs

if TYPE_CHECKING:
    from actors.runtime.engine import Engine


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of children; `active` are those that run, restarting ones excluded, `specs` is 1 for a template."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """One supervisor and everything below it at one moment, in start order.

    `unlisted` says how many children in each state are not among `children`, where a view was asked to be short.
    `restarts` counts since this incarnation began, `budget_left` is what its own window still allows (for a dynamic
    supervisor whose children have budgets of their own, the window of the supervisor is not charged).
    """

    id: str
    path: str
    strategy: Strategy
    state: ChildState
    incarnation: int
    restarts: int
    budget_left: int
    quarantined: int
    dead_letters: int
    on_exhausted: str | None
    children: "tuple[SupervisorStatistics | ChildStatistics, ...]"
    unlisted: Mapping[ChildState, int]


class Supervisor:
    """One incarnation of a supervisor. After its end the calls that read still answer and those that act raise."""

    __slots__ = ("_engine",)

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def __repr__(self) -> str:
        return f"<Supervisor {self.path} {self._engine.spec.strategy} children={len(self._engine.children)}>"

    @property
    def path(self) -> str:
        """The ids from the root down to here, parted by `/`."""
        return self._engine.path

    @property
    def spec(self) -> SupervisorSpec:
        """The spec in force."""
        return self._engine.spec

    async def wait(self) -> Exit:
        """Return how this supervisor ended, once it has; any number of callers, any number of times."""
        await self._engine.ended.wait()
        assert self._engine.end is not None
        return self._engine.end

    # Children.

    async def start_child(self, spec: ChildSpec | str, *args: Any) -> str | None:
        """Start a child and return its id once it is ready, None when its start was ignored.

        A simple_one_for_one supervisor takes the id and arguments for its template, every other one a ChildSpec.
        Raises AlreadyStarted for a child that runs, AlreadyPresent for one that does not (a restarting one included),
        MaxChildren, InitFailed, or NoProc once this supervisor ends. A caller who is cancelled while the child starts
        leaves the child to the supervisor, as in OTP.
        """
        engine = self._engine
        child_spec, child_id = self._spec_for(spec, args)
        present = engine.children.get(child_id)
        if present is not None:
            runs = present.state == "running" or (present.cell is not None and present.state != "restarting")
            raise AlreadyStarted(child_id) if runs else AlreadyPresent(child_id)
        self._refuse_after_end(child_id)
        limit = engine.spec.max_children
        if limit is not None and len(engine.children) >= limit:
            raise MaxChildren(child_id, f"{self.path} holds {limit}")
        return await self._start(engine.add(child_spec, child_id, args), is_first=True)

    async def restart_child(self, child_id: str) -> str | None:
        """Start a child that does not run, with a fresh budget; this also lets one out of quarantine.

        Returns the id, or None when its start was ignored. Raises NotFound, Running, Restarting, InitFailed or NoProc.
        """
        child = self._get(child_id)
        self._refuse_if_alive(child)
        self._refuse_after_end(child_id)
        child.window = None
        child.failures = 0
        return await self._start(child, is_first=False)

    async def _start(self, child: Child, *, is_first: bool) -> str | None:
        attempt = child.spawn_attempt(is_first=is_first)
        await attempt.event.wait()
        if attempt.error is not None:
            raise attempt.error
        return child.id if attempt.is_ready else None

    async def terminate_child(self, child_id: str, mode: StopMode = "cancel") -> None:
        """Stop a child and return when it is gone; it is not restarted.

        `cancel` ends it now, `stop` after the message in progress, `drain` after those that wait; each within its
        shutdown_ms, and the tree's kill_grace_s where it then ignores its cancellation. Raises NotFound, but under
        simple_one_for_one a child that is gone is what was wanted, and SupervisorError for a child that would wait for its
        own end: that returns or raises Shutdown instead. As in OTP a group's restart that hangs at this child ends with
        it: the members whose turn had not come stay `undefined`.
        """
        if mode not in get_args(StopMode):
            raise SpecError("mode", mode, f"must be one of {', '.join(get_args(StopMode))}")
        engine = self._engine
        child = engine.children.get(child_id)
        if child is None:
            if engine.spec.strategy == "simple_one_for_one":
                return
            raise NotFound(child_id)
        if _holds_the_caller(child):
            raise SupervisorError(child_id, "nobody waits for his own end; a child ends itself by Shutdown")
        child.cancel_restart()
        engine.group.give_up(child)
        cell = child.cell
        if cell is None:
            if not child.is_haunted:
                engine.put_away(child)
            await trio.lowlevel.checkpoint()
            return
        cell.end("stop", mode)
        with trio.CancelScope(shield=True):
            # Bounded by shutdown_ms, and the caller asked for a child that is gone when this returns. What becomes of
            # the child is settled in the moment of its end: here it could be a new incarnation that is put away.
            await cell.join()

    async def delete_child(self, child_id: str) -> None:
        """Forget a child that does not run. Raises NotFound, Running or Restarting."""
        await trio.lowlevel.checkpoint()
        child = self._get(child_id)
        self._refuse_if_alive(child)
        child.end_address()
        self._engine.remove(child)

    async def reload(self, spec: SupervisorSpec, refit: Refit | None = None) -> None:
        """Take over a changed spec, for the running supervisors below too, whole or not at all.

        Flags hold at once and running children are untouched: a child's new spec holds from its next start. Removed
        children keep running, added ones are `undefined` until restart_child. `refit` gives the children of `dynamic`
        supervisors, which no spec names, their next spec. Raises SpecError, AlreadyStarted or NoProc, and what `refit` raises.
        """
        await trio.lowlevel.checkpoint()
        self._refuse_after_end(self.path)
        reload_engine(self._engine, spec, refit)

    def kill(self, child_id: str) -> None:
        """End a child with no time for cleanup, as a crash would; supervision then decides. Raises NotFound."""
        child = self._get(child_id)
        if child.cell is not None:
            child.cell.kill()

    def _spec_for(self, spec: ChildSpec | str, args: tuple[Any, ...]) -> tuple[ChildSpec, str]:
        own = self._engine.spec
        if own.strategy == "simple_one_for_one":
            if not isinstance(spec, str):
                raise SpecError("child", spec, "a simple_one_for_one supervisor takes an id and arguments")
            if args and own.children[0].type == "supervisor":
                raise SpecError("args", args, "a template that is a supervisor takes no arguments")
            return own.children[0], spec
        if not isinstance(spec, ChildSpec):
            raise SpecError("child", spec, f"a {own.strategy} supervisor takes a ChildSpec")
        check_childspecs((spec,), own.auto_shutdown)
        return spec, spec.id

    def _get(self, child_id: str) -> Child:
        child = self._engine.children.get(child_id)
        if child is None:
            raise NotFound(child_id)
        return child

    def _refuse_if_alive(self, child: Child) -> None:
        if child.state == "restarting" or child.attempt is not None:
            raise Restarting(child.id)
        if child.state == "running" or child.cell is not None:
            raise Running(child.id)
        if child.is_haunted:
            raise Running(child.id, "its last incarnation ignores its cancellation and has not ended yet")

    def _refuse_after_end(self, child_id: str) -> None:
        if self._engine.ending is not None:
            raise NoProc(child_id, f"{self.path} has ended or is ending")

    # Views.

    def which_children(self) -> tuple[ChildInfo, ...]:
        """Return the children in start order."""
        return tuple(child.info for child in self._engine.children.values())

    def ids(self, state: ChildState | None = None) -> tuple[str, ...]:
        """Return the ids of the children in start order, or of those in one state, without a record for each of them."""
        children = self._engine.children.items()
        return tuple(child_id for child_id, child in children if state is None or child.state == state)

    def state_of(self, child_id: str) -> ChildState | None:
        """Return the state of a child, None for one that is not known; of ten thousand as quickly as of one."""
        child = self._engine.children.get(child_id)
        return None if child is None else child.state

    def count_children(self) -> Counts:
        """Return the numbers of children."""
        children = self._engine.children.values()
        supervisors = sum(child.spec.type == "supervisor" for child in children)
        return Counts(
            specs=1 if self._engine.spec.strategy == "simple_one_for_one" else len(children),
            active=sum(child.state == "running" for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    def get_childspec(self, child_id: str) -> ChildSpec:
        """Return a child's spec with the default of shutdown_ms filled in. Raises NotFound."""
        spec = self._get(child_id).spec
        return spec.with_resolved_shutdown()

    def child(self, child_id: str) -> "Supervisor":
        """Return the handle of a child that is a supervisor and runs. Raises NotFound."""
        cell = self._get(child_id).cell
        if not isinstance(cell, SupervisorCell):
            raise NotFound(child_id, "is no supervisor that runs")
        return cell.engine.handle

    def ref(self, child_id: str) -> Ref:
        """Return where messages to a child go. Raises NotFound, and ActorDead for a child that is no actor."""
        return self._get(child_id).ref()

    def watch(self, child_id: str, fn: WatchFn) -> Callable[[], None]:
        """Call `fn` once when no further incarnation of a child comes by itself; return how to take that back.

        It is called at once for a child that has ended or is not known, and never at a restart. Quarantine is an end.
        """
        child = self._engine.children.get(child_id)
        if child is None:
            fn(Terminated(child_id, 0, Exit("stopped", "noproc")))
            return lambda: None
        return child.watch(fn)

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return the messages to this supervisor's children that no handler finished, oldest first."""
        return self._engine.letters.list()

    def replay(self, number: int) -> None:
        """Send the dead letter of that number to its address once more and forget it.

        Raises NotFound for an unknown letter or child; ActorDead and MailboxFull leave the letter where it is.
        """
        letters = self._engine.letters
        letter = letters.find(number)
        if letter is None:
            raise NotFound(f"dead letter {number}")
        self._get(letter.child).ref().tell(letter.message)
        letters.forget(letter)

    def statistics_of(self, child_id: str, most: int | None = None) -> SupervisorStatistics | ChildStatistics:
        """Return one child, and everything below it as `statistics` does. Raises NotFound."""
        return _statistics(self._get(child_id), most)

    def statistics(self, most: int | None = None) -> SupervisorStatistics:
        """Return this supervisor and everything below it, of each supervisor at most so many children.

        Of more children those in trouble come first into the list, then the oldest; the list is in start order.
        """
        engine = self._engine
        listed = _listed(list(engine.children.values()), most)
        spec = engine.spec
        state: ChildState = "running"
        if engine.end is not None or not engine.is_ready:
            state = "undefined" if engine.end is not None else "restarting"
        return SupervisorStatistics(
            id=engine.path.rpartition("/")[2],
            path=engine.path,
            strategy=spec.strategy,
            state=state,
            incarnation=1 if engine.cell is None else engine.cell.incarnation,
            restarts=engine.restarts,
            budget_left=max(0, engine.window.left(trio.current_time(), spec.intensity, spec.period_s)),
            quarantined=sum(child.state == "quarantined" for child in engine.children.values()),
            dead_letters=engine.letters.total,
            on_exhausted=spec.on_exhausted,
            children=tuple(_statistics(child, most) for child in listed),
            unlisted=_count_states(engine.children.values()) - _count_states(listed),
        )

    def hung(self, age_s: float) -> Iterator[str]:
        """Paths of the actors at and below this supervisor that have had one message in progress for longer than that."""
        for child in self._engine.children.values():
            if isinstance(child.cell, SupervisorCell):
                yield from child.cell.engine.handle.hung(age_s)
            elif child.inbox is not None and child.inbox.message_age_s > age_s:
                yield child.path


def _holds_the_caller(child: Child) -> bool:
    """Whether the task that calls belongs to this child, or to one below it."""
    tasks: set[trio.lowlevel.Task] = set()
    task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
    while task is not None:
        tasks.add(task)
        task = None if task.parent_nursery is None else task.parent_nursery.parent_task
    return _runs_in(child, tasks)


def _runs_in(child: Child, tasks: set[trio.lowlevel.Task]) -> bool:
    if isinstance(child.cell, SupervisorCell):
        return any(_runs_in(below, tasks) for below in child.cell.engine.children.values())
    return isinstance(child.cell, WorkerCell) and child.cell.task in tasks


def _listed(children: list[Child], most: int | None) -> list[Child]:
    if most is None or len(children) <= most:
        return children
    chosen = list(islice((child for child in children if child.is_troubled), most))
    well = (child for child in children if not child.is_troubled)
    chosen += islice(well, most - len(chosen))
    listed = set(chosen)
    return [child for child in children if child in listed]


def _count_states(children: Iterable[Child]) -> Counter[ChildState]:
    return Counter(child.state for child in children)


def _statistics(child: Child, most: int | None) -> SupervisorStatistics | ChildStatistics:
    if isinstance(child.cell, SupervisorCell):
        return child.cell.engine.handle.statistics(most)
    return child.statistics()
