"""What happens in one random tree, as its workers see it, and the rules that it must keep to whatever happens.

The workers only write events down; each rule is a checker over those events. So a rule never knows how the runtime
comes to its decisions, and a fault of the runtime cannot hide in the same arithmetic twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import trio

from actors.runtime import Actor, ActorError, Context, Report, Shutdown, Supervisor, SupervisorError, SupervisorSpec
from actors.runtime.exits import Caught
from actors.runtime.testing import Oops

What = Literal["init", "ready", "stopping", "end"]


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one worker; `is_ready` says whether it was ready by then."""

    what: What
    path: str
    is_ready: bool


@dataclass(slots=True)
class Fuse:
    """How somebody outside ends one incarnation of a worker."""

    event: trio.Event = field(default_factory=trio.Event)
    crash: bool = False


@dataclass(slots=True)
class World:
    """Every worker of one tree: what it did, which errors it raised, which messages it was given and handled."""

    events: list[Event] = field(default_factory=list)
    fuses: dict[str, Fuse] = field(default_factory=dict)
    raised: list[Oops] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    handled: dict[str, list[int]] = field(default_factory=dict)
    refused: int = 0
    supervisors: dict[int, Supervisor] = field(default_factory=dict)

    def note(self, what: What, path: str, *, is_ready: bool = False) -> None:
        """Write one event down."""
        self.events.append(Event(what, path, is_ready))

    def report(self, report: Report) -> None:
        """Give this to open_supervisor."""
        self.reports.append(report)

    def error(self, why: str) -> Oops:
        """Make an error that is raised at once, and so must be found in a report."""
        error = Oops(f"{why} #{len(self.raised)}")
        self.raised.append(error)
        return error

    def blow(self, path: str, *, crash: bool) -> None:
        """Let the worker of that path fail, or return; one that is not ready or ends already goes on with that."""
        fuse = self.fuses.pop(path, None)
        if fuse is not None:
            fuse.crash = crash
            fuse.event.set()

    def send(self, sup: Supervisor, child_id: str) -> None:
        """Send the next number to a clerk, which may refuse it."""
        self.supervisors[id(sup)] = sup
        number = len(self.accepted) + self.refused
        try:
            sup.ref(child_id).tell(number)
        except (ActorError, SupervisorError):
            self.refused += 1
        else:
            self.accepted.append(number)


@dataclass(frozen=True, slots=True)
class Temper:
    """How one worker behaves: seconds of init and cleanup, which of its starts fail, whether its cleanup fails."""

    init_s: float
    cleanup_s: float
    failing_starts: frozenset[int] = frozenset()
    fails_to_clean: bool = False


def worker(world: World, temper: Temper) -> Callable[[Context], Awaitable[None]]:
    """A worker that writes down what it does and ends when the world says so."""

    async def start(ctx: Context) -> None:
        path, is_ready = ctx.path, False
        world.note("init", path)
        try:
            with Caught() as caught:
                await trio.sleep(temper.init_s)
                if ctx.incarnation in temper.failing_starts:
                    raise world.error(f"init of {path}")
                fuse = world.fuses[path] = Fuse()
                ctx.ready()
                is_ready = True
                world.note("ready", path, is_ready=True)
                await fuse.event.wait()
                if fuse.crash:
                    raise world.error(path)
            world.fuses.pop(path, None)
            if isinstance(caught.error, trio.Cancelled):
                world.note("stopping", path, is_ready=is_ready)
            with ctx.cleanup():
                await trio.sleep(temper.cleanup_s)
            if temper.fails_to_clean:
                both = [error for error in (caught.error, world.error(f"cleanup of {path}")) if error is not None]
                raise BaseExceptionGroup("cleanup", both)
            caught.raise_again()
        finally:
            world.note("end", path, is_ready=is_ready)

    return start


class Clerk(Actor[None, int]):
    """Handles numbers: those that end in 7 fail it, those that end in 9 end it, the others take their time."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def init(self, ctx: Context) -> None:
        self._world.supervisors[id(ctx.supervisor)] = ctx.supervisor
        await trio.lowlevel.checkpoint()

    async def handle(self, ctx: Context, state: None, message: int) -> None:
        if message % 10 == 7:
            raise self._world.error(f"message {message}")
        if message % 10 == 9:
            raise Shutdown("a number that ends in 9")
        if message % 10 >= 5:
            await trio.sleep(message % 10 / 10)
        self._world.handled.setdefault(ctx.path, []).append(message)


# The rules.


def check_one_incarnation(world: World) -> None:
    """No child runs twice at the same time, and none runs in the end."""
    running: Counter[str] = Counter()
    for event in world.events:
        if event.what in ("init", "end"):
            running[event.path] += 1 if event.what == "init" else -1
            assert 0 <= running[event.path] <= 1, f"two incarnations of {event.path}"
    assert set(running.values()) <= {0}, f"left over: {+running}"


def check_no_error_lost(world: World) -> None:
    """Each error that was raised is a leaf of a report."""
    told = {id(leaf) for report in world.reports for leaf in report.leaves}
    lost = [error for error in world.raised if id(error) not in told]
    assert not lost, f"nobody was told of {lost}"


def check_no_message_lost(world: World) -> None:
    """Each message that was accepted is handled once, or is a dead letter once, and each address kept their order."""
    handled = [message for messages in world.handled.values() for message in messages]
    letters = [letter for sup in world.supervisors.values() for letter in sup.dead_letters()]
    dead = [letter.message for letter in letters if isinstance(letter.message, int)]
    assert len(dead) == len(letters), "a letter that nobody sent"
    # A number that ends in 9 ends its clerk on purpose; whether it counts as handled depends on who was first.
    wanted = Counter(message for message in world.accepted if message % 10 != 9)
    assert Counter(handled) + Counter(message for message in dead if message % 10 != 9) == wanted
    assert not [message for message in handled if message % 10 == 7], "a poisonous message was handled"
    for path, messages in world.handled.items():
        assert messages == sorted(messages), f"{path} handled its messages out of order"


def check_final_stop(world: World, orders: dict[str, tuple[str, ...]], begin: int) -> None:
    """From event number `begin` on, the children of each static supervisor stop one by one, the last first.

    `orders` has the ids of the children in start order, by the path of their supervisor.
    """
    alive = {event.path for event in world.events[:begin] if event.what == "init"}
    last = {event.path: event.what for event in world.events[:begin]}
    alive -= {path for path, what in last.items() if what == "end"}
    for event in world.events[begin:]:
        if event.what == "end":
            alive.discard(event.path)
        elif event.what == "stopping":
            for home, order in orders.items():
                if event.path.startswith(f"{home}/"):
                    key = event.path.removeprefix(f"{home}/").partition("/")[0]
                    later = tuple(f"{home}/{other}/" for other in order[order.index(key) + 1 :])
                    late = [path for path in alive if f"{path}/".startswith(later)]
                    assert not late, f"{event.path} stopped before {late}"


def check_groups_in_order(world: World, specs: dict[str, SupervisorSpec], killed: set[str]) -> None:
    """Workers of one group never init side by side, and a later one never runs while an earlier one starts or stops.

    Only for trees that nobody but their supervisors acted on. `killed` are the paths below which somebody did kill.
    """
    phase: dict[str, What] = {}
    for event in world.events:
        phase[event.path] = event.what
        home, _, key = event.path.rpartition("/")
        spec = specs[home]
        if spec.strategy not in ("one_for_all", "rest_for_one") or any(event.path.startswith(path) for path in killed):
            continue
        order = [child.id for child in spec.children]
        at = order.index(key)
        if event.what == "init":
            busy = [other for other in order if other != key and phase.get(f"{home}/{other}") == "init"]
            assert not busy, f"{event.path} starts beside {busy}"
        if event.what == "init" or (event.what == "stopping" and event.is_ready):
            alive = [
                other for other in order[at + 1 :] if phase.get(f"{home}/{other}") in ("init", "ready", "stopping")
            ]
            assert not alive, f"{event.path} is at {event.what} while {alive} are up"


def check_budget(reports: list[Report], intensity: int, period_s: float, times: list[float], *, own: bool) -> None:
    """Recount one flat supervisor's budget: what was left after each charged exit, and when it was used up.

    `times` has the clock of each report; `own` means a budget per child, which ends in quarantine.
    """
    charges: dict[str, list[float]] = {}
    used_up: set[str] = set()
    for report, now in zip(reports, times, strict=True):
        who = report.path if own else "all"
        if report.kind in ("quarantined", "exhausted"):
            assert who in used_up or own, f"{report} though its budget holds"
            continue
        if report.budget_left is None:
            continue
        assert who not in used_up, f"{report.path} was restarted after its budget was used up"
        charged = [*charges.get(who, ()), now]
        charges[who] = [at for at in charged if at >= now - period_s]
        left = intensity - len(charges[who])
        assert report.budget_left == max(0, left), f"{report.budget_left} left, {max(0, left)} expected"
        if left < 0:
            used_up.add(who)
    told = {report.path for report in reports if report.kind == "quarantined"}
    assert used_up == (told if own else ({"all"} if any(report.kind == "exhausted" for report in reports) else set()))
