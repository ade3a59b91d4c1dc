"""What to run and how to keep it running, as frozen values that are checked when they are made."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import inf
from sys import float_info
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from actors.runtime.errors import SpecError
from actors.runtime.policy import Backoff, RestartType

if TYPE_CHECKING:
    from actors.runtime.actor import Actor

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic", "simple_one_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
ChildType = Literal["worker", "supervisor"]
Budget = Literal["own", "shared"]
Overflow = Literal["block", "reject", "drop_oldest", "conflate"]
Shutdown = int | Literal["brutal_kill", "infinity"]
StopMode = Literal["cancel", "stop", "drain"]

DYNAMIC: Final[frozenset[str]] = frozenset({"dynamic", "simple_one_for_one"})
GROUPS: Final[frozenset[str]] = frozenset({"one_for_all", "rest_for_one"})
WORKER_SHUTDOWN_MS: Final = 5000


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The queue in front of an address. `capacity` counts user messages; the control lane has as many places again.

    A message that would be one too many waits (`block`), is refused (`reject`), pushes out the oldest (`drop_oldest`),
    or, under `conflate`, replaces the waiting message with the same `conflate_key` (an attribute of the message;
    messages without one queue as under `reject`). `redeliver` is how often a message whose handler failed is tried
    again. A handler that takes longer than `hung_after_ms` for one message is cancelled and restarted.
    """

    capacity: int
    overflow: Overflow = "reject"
    redeliver: int = 0
    hung_after_ms: int | None = None

    def __post_init__(self) -> None:
        _check_count("mailbox.capacity", self.capacity, least=1)
        _check_choice("mailbox.overflow", self.overflow, get_args(Overflow))
        _check_count("mailbox.redeliver", self.redeliver, least=0)
        if self.hung_after_ms is not None:
            _check_count("mailbox.hung_after_ms", self.hung_after_ms, least=1)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child: `start` is an async callable (an Actor is one), or a SupervisorSpec when `type` is `supervisor`.

    `shutdown_ms` is the time for cleanup: milliseconds, `brutal_kill` (none) or `infinity`; None means 5000 for a
    worker and `infinity` for a supervisor. `name` registers the address for `whereis`. `template` is the section of a
    supervision file that this policy came from, so that a reload of the file finds the children that follow it.
    """

    id: str
    start: "Callable[..., Awaitable[object]] | type[Actor[Any, Any]] | SupervisorSpec"
    restart: RestartType = "permanent"
    shutdown_ms: Shutdown | None = None
    type: ChildType = "worker"
    significant: bool = False
    init_timeout_ms: int | None = None
    backoff: Backoff | None = None
    mailbox: Mailbox | None = None
    name: str | None = None
    template: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check_name("id", self.id)
        _check_choice("type", self.type, get_args(ChildType))
        if isinstance(self.start, SupervisorSpec) != (self.type == "supervisor"):
            raise SpecError("type", self.type, "`supervisor` goes with a SupervisorSpec as start, and only with one")
        if not isinstance(self.start, SupervisorSpec) and not callable(self.start):
            raise SpecError("start", self.start, "must be an async callable that takes the context")
        _check_choice("restart", self.restart, get_args(RestartType))
        if self.shutdown_ms is not None and not isinstance(self.shutdown_ms, str):
            _check_count("shutdown_ms", self.shutdown_ms, least=0)
        elif self.shutdown_ms is not None:
            _check_choice("shutdown_ms", self.shutdown_ms, ("brutal_kill", "infinity"))
        if not isinstance(self.significant, bool):
            raise SpecError("significant", self.significant, "must be true or false")
        if self.significant and self.restart == "permanent":
            raise SpecError(
                "significant", self.significant, "a permanent child never ends, so it cannot be significant"
            )
        if self.init_timeout_ms is not None:
            _check_count("init_timeout_ms", self.init_timeout_ms, least=1)
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise SpecError("backoff", self.backoff, "must be a Backoff")
        if self.mailbox is not None and not isinstance(self.mailbox, Mailbox):
            raise SpecError("mailbox", self.mailbox, "must be a Mailbox")
        if self.mailbox is not None and not getattr(self.start, "takes_messages", False):
            raise SpecError("mailbox", self.mailbox, "goes with an Actor as start, and this start is none")
        if self.name is not None:
            _check_name("name", self.name)

    @property
    def resolved_shutdown_ms(self) -> Shutdown:
        """The time for cleanup with the default of the type filled in."""
        if self.shutdown_ms is not None:
            return self.shutdown_ms
        return "infinity" if self.type == "supervisor" else WORKER_SHUTDOWN_MS

    def with_resolved_shutdown(self) -> "ChildSpec":
        """Return the same spec with the default of shutdown_ms filled in."""
        return replace(self, shutdown_ms=self.resolved_shutdown_ms)

    @property
    def shutdown_s(self) -> float:
        """The time for cleanup in seconds; 0 for brutal_kill, infinity for infinity."""
        limit = self.resolved_shutdown_ms
        if limit == "infinity":
            return inf
        return 0.0 if limit == "brutal_kill" else limit / 1000


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """A supervisor: its children in start order, when they are restarted together, and how often before it gives up.

    More than `intensity` restarts within `period_s` seconds use it up; the runtime then reports `on_exhausted`, a name
    whose meaning is the caller's. `budget`, `max_children` and `max_quarantined` belong to the dynamic strategies,
    `auto_shutdown` to the other ones.
    """

    name: str
    strategy: Strategy
    children: tuple[ChildSpec, ...] = ()
    intensity: int = 1
    period_s: float = 5.0
    auto_shutdown: AutoShutdown = "never"
    max_children: int | None = None
    budget: Budget = "own"
    max_quarantined: int | None = None
    on_exhausted: str | None = None

    def __post_init__(self) -> None:
        _check_name("name", self.name)
        _check_choice("strategy", self.strategy, get_args(Strategy))
        _check_count("intensity", self.intensity, least=0)
        if not isinstance(self.period_s, int | float) or isinstance(self.period_s, bool):
            raise SpecError("period_s", self.period_s, "must be seconds")
        if not 0 < self.period_s <= float_info.max:
            raise SpecError("period_s", self.period_s, "must be more than 0 and finite")
        _check_choice("budget", self.budget, get_args(Budget))
        for limit in ("max_children", "max_quarantined"):
            value = getattr(self, limit)
            if value is None:
                continue
            _check_count(limit, value, least=0)
            if self.strategy not in DYNAMIC:
                raise SpecError(limit, value, f"belongs to the dynamic strategies, not to {self.strategy}")
        if self.on_exhausted is not None:
            _check_name("on_exhausted", self.on_exhausted)
        object.__setattr__(self, "children", tuple(self.children))
        check_childspecs(self.children, self.auto_shutdown)
        self._check_dynamic()

    def _check_dynamic(self) -> None:
        if self.is_dynamic and self.auto_shutdown != "never":
            raise SpecError(
                "auto_shutdown", self.auto_shutdown, f"does not go with {self.strategy}, as in OTP and Elixir"
            )
        if self.strategy == "dynamic" and self.children:
            raise SpecError("children", self.children[0].id, "a dynamic supervisor begins with none")
        if self.strategy == "simple_one_for_one":
            if len(self.children) != 1:
                raise SpecError("children", len(self.children), "simple_one_for_one takes exactly one, the template")
            if self.children[0].name is not None:
                raise SpecError("name", self.children[0].name, "a template cannot give all its children one name")

    @property
    def is_dynamic(self) -> bool:
        """Whether children come and go by start_child and terminate_child alone."""
        return self.strategy in DYNAMIC


def check_childspecs(specs: Iterable[ChildSpec], auto_shutdown: str = "never") -> None:
    """Raise SpecError for the first thing that is wrong with these children as one supervisor's children."""
    _check_choice("auto_shutdown", auto_shutdown, get_args(AutoShutdown))
    if not isinstance(specs, Iterable):
        raise SpecError("children", specs, "must be a sequence of ChildSpecs")
    specs = tuple(specs)
    for spec in specs:
        if not isinstance(spec, ChildSpec):
            raise SpecError("children", spec, "must be ChildSpecs")
        if spec.significant and auto_shutdown == "never":
            raise SpecError("significant", spec.id, "means nothing while auto_shutdown is `never`")
    for key in ("id", "name"):
        counts = Counter(getattr(spec, key) for spec in specs)
        double = [value for value, count in counts.items() if count > 1 and value is not None]
        if double:
            raise SpecError(key, double[0], "is used by more than one child")


def _check_name(field: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise SpecError(field, value, "must be text that is not empty")
    if "/" in value:
        raise SpecError(field, value, "must not contain `/`, which parts a path")


def _check_count(field: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(field, value, "must be a whole number")
    if value < least:
        raise SpecError(field, value, f"must be {least} or more")


def _check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
    if value in choices:
        return
    near = get_close_matches(str(value), choices, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise SpecError(field, value, f"must be one of {', '.join(choices)}{meant}")
