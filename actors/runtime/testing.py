"""A kit for tests of supervised code: a small cast of children that misbehave, and probes that see what happened.

Use it under trio's MockClock with autojump (the `autojump_clock` fixture of pytest-trio): every deadline of the runtime
is on trio's clock, so a test of an hour's backoff takes no time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from actors.runtime.actor import Actor
from actors.runtime.context import Context
from actors.runtime.errors import Ignore, IgnoreType, Shutdown
from actors.runtime.exits import Caught, Report

Start = Callable[[Context], Awaitable[object]]


class Oops(Exception):
    """The error of the cast."""


@dataclass(slots=True)
class Probe:
    """What children did, in order, each as `(seconds on trio's clock, what, id)`."""

    events: list[tuple[float, str, str]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def note(self, what: str, ctx: Context) -> None:
        """Write down one event of one child."""
        self.events.append((trio.current_time(), what, ctx.id))

    def report(self, report: Report) -> None:
        """Give this to open_supervisor as its report function."""
        self.reports.append(report)

    def said(self, what: str) -> list[str]:
        """Return the ids of the children that said `what`, in order."""
        return [child for _, event, child in self.events if event == what]

    def story(self) -> list[str]:
        """Return `what id` of everything, in order."""
        return [f"{what} {child}" for _, what, child in self.events]

    def kinds(self) -> list[str]:
        """Return the kinds of the reports, in order."""
        return [report.kind for report in self.reports]

    def clear(self) -> None:
        """Forget what happened so far."""
        self.events.clear()
        self.reports.clear()


@dataclass(slots=True)
class Cast:
    """Starts for children that tell a probe when they are ready and when they end."""

    probe: Probe = field(default_factory=Probe)
    _fuses: dict[str, trio.Event] = field(default_factory=dict)
    _errors: dict[str, BaseException | None] = field(default_factory=dict)

    async def steady(self, ctx: Context) -> None:
        """Runs until it is stopped, or until `end` or `crash` is called for its id."""
        fuse = self._fuses[ctx.id] = trio.Event()
        ctx.ready()
        self.probe.note("ready", ctx)
        try:
            await fuse.wait()
            error = self._errors.pop(ctx.id, None)
            if error is not None:
                raise error
        finally:
            self.probe.note("end", ctx)

    def end(self, child_id: str) -> None:
        """Let a steady child return."""
        self._fuses[child_id].set()

    def crash(self, child_id: str, error: BaseException | None = None) -> None:
        """Let a steady child raise, an Oops unless told otherwise."""
        self._errors[child_id] = Oops(child_id) if error is None else error
        self._fuses[child_id].set()

    def slow_start(self, seconds: float) -> Start:
        """A child that needs so long before it is ready."""

        async def start(ctx: Context) -> None:
            self.probe.note("init", ctx)
            await trio.sleep(seconds)
            await self.steady(ctx)

        return start

    def slow_stop(self, seconds: float) -> Start:
        """A child whose cleanup takes so long, within the time that supervision gives it."""

        async def start(ctx: Context) -> None:
            with Caught() as caught:
                await self.steady(ctx)
            with ctx.cleanup():
                await trio.sleep(seconds)
                self.probe.note("clean", ctx)
            caught.raise_again()

        return start

    def shielded(self, seconds: float) -> Start:
        """A child that ignores its cancellation for so long; nothing can end it before."""

        async def start(ctx: Context) -> None:
            try:
                await self.steady(ctx)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(seconds)

        return start

    def fails_to_start(self, times: int, error: BaseException | None = None) -> Start:
        """A child whose first so many starts fail."""
        left = times

        async def start(ctx: Context) -> None:
            nonlocal left
            await trio.lowlevel.checkpoint()
            self.probe.note("init", ctx)
            if left > 0:
                left -= 1
                raise Oops(ctx.id) if error is None else error
            await self.steady(ctx)

        return start

    async def ignores(self, ctx: Context) -> IgnoreType:
        """A child that has nothing to do."""
        await trio.lowlevel.checkpoint()
        self.probe.note("ignore", ctx)
        return Ignore

    async def shuts_down(self, ctx: Context) -> None:
        """A child that ends itself in good order at once."""
        ctx.ready()
        self.probe.note("ready", ctx)
        await trio.lowlevel.checkpoint()
        raise Shutdown("done")

    async def crashes_at_once(self, ctx: Context) -> None:
        """A child that is ready and then fails, every time."""
        ctx.ready()
        self.probe.note("ready", ctx)
        await trio.lowlevel.checkpoint()
        raise Oops(ctx.id)


@dataclass(frozen=True, slots=True)
class Add:
    """Adds to the sum of a Summer."""

    amount: int


@dataclass(frozen=True, slots=True)
class GetSum:
    """Asks a Summer for its sum."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Makes a Summer raise; its class may ask for redelivery in a subclass."""

    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Keeps a Summer busy for so many seconds."""

    seconds: float


class Summer(Actor[int, object]):
    """An actor that adds numbers, answers with their sum, and fails when it is told to."""

    def __init__(self, probe: Probe | None = None, first: int = 0) -> None:
        self._probe = probe or Probe()
        self._first = first

    async def init(self, ctx: Context) -> int:
        self._probe.note("init", ctx)
        return self._first

    async def handle(self, ctx: Context, state: int, message: object) -> int | None:
        match message:
            case Add(amount):
                return state + amount
            case GetSum():
                ctx.reply(state)
            case Busy(seconds):
                self._probe.note("busy", ctx)
                await trio.sleep(seconds)
                self._probe.note("done", ctx)
            case Fail(error):
                raise Oops(ctx.id) if error is None else error
            case _:
                raise TypeError(message)
        return None

    async def terminate(self, ctx: Context, state: int) -> None:
        self._probe.note("terminate", ctx)


class KeepingSummer(Summer):
    """A Summer that begins a restart with its last sum."""

    keep_state = True
