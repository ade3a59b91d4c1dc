"""The orderly stop: its phases one after another, each within its share of the ten seconds, and what each had to cut.

Nothing here is needed for money to be right: whatever matters is in the database before it is done, and the next start
takes up what this one left. The stop is orderly so that as little as possible has to be taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from actors.runtime import (
    NotFound,
    Report,
    ReportFn,
    StopMode,
    Supervision,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from bot.errors import Unavailable
from bot.tree import TradingBot
from bot.tree_record import Node, workers

log = structlog.get_logger()

STOP_WITHIN_S = 9.7  # of the 10 s, less what the interpreter needs to end
TREE_WITHIN_S = 5.6  # a little more than the shares of the tree, for a supervision file that gives longer ones
# What was killed at the end of its share has this long to be gone; what then still is in a write is not waited for.
GO_WITHIN_S = 0.05
# How long a write that has begun goes on behind a task that was killed: a unit of work of the database ends by its own
# deadline, 5 s, and one that waits for a group of them 1 s later. Only what takes longer counts as a task that cannot be
# ended, and ends the process with it.
KILL_GRACE_S = 10.0
CONNECTIONS_MS = 1_000
LOCAL_CHAIN_MS = 1_000
DATABASE_SERVER_MS = 2_000
SERVERS_MS = LOCAL_CHAIN_MS + DATABASE_SERVER_MS

# What a subtree's phase is called, where that is not its own name. The orders in flight are resolved before.
MONITORS = "monitors"
_PHASE_OF = {"money": MONITORS}
_RESOLVE_BEFORE = "money"
IN_FLIGHT = "in flight"
CONNECTIONS = "connections"
SERVERS = "servers"
_CUT_KINDS = frozenset({"killed", "unkillable", "failed_while_stopping"})
_CUTS_NAMED = 5


def open_tree(spec: SupervisorSpec, report: ReportFn) -> open_supervisor:
    """The bot's tree for as long as the block runs, in which a write that has begun may end after a kill."""
    return open_supervisor(spec, report=report, kill_grace_s=KILL_GRACE_S)


def tree_shares_ms(supervision: Supervision) -> dict[str, int]:
    """Milliseconds of each phase of the tree as the supervision file gives them, in the order of the stop.

    A subtree without a bound of its own is left out: `TREE_WITHIN_S` ends it.
    """
    limits = {name: section.get("shutdown_ms") for name, section in supervision.supervisors.items()}
    limits[IN_FLIGHT] = supervision.actors.get("executor", {}).get("shutdown_ms")
    phases: list[str] = []
    for subtree in reversed(supervision.supervisors["root"].get("children", ())):
        phases += [IN_FLIGHT, subtree] if subtree == _RESOLVE_BEFORE else [subtree]
    return {_PHASE_OF.get(name, name): limit for name in phases if isinstance(limit := limits.get(name), int)}


@dataclass(slots=True)
class OrderlyStop:
    """One stop of one process.

    `asked` is set when it is to begin, `hurried` when somebody does not wait for it, `up` once there is a tree to be
    stopped in order. `say` tells the console. `line` is what the stop is doing now, empty before it begins. `follows` says that
    orders on their way are followed to their outcome; a successor that is ready takes them up at once, and exits would wait.
    """

    say: Callable[[str], None]
    asked: trio.Event = field(default_factory=trio.Event)
    hurried: trio.Event = field(default_factory=trio.Event)
    up: trio.Event = field(default_factory=trio.Event)
    line: str = ""
    follows: bool = True
    _began_s: float | None = None
    _phase_began_s: float = 0.0
    _ended_at_s: dict[str, float] = field(default_factory=dict)
    _resolving: trio.CancelScope = field(default_factory=trio.CancelScope)
    _waiting: trio.CancelScope = field(default_factory=trio.CancelScope)
    _is_cut_short: bool = False
    _cut: list[str] = field(default_factory=list)

    def noting(self, report: ReportFn) -> ReportFn:
        """The same report function, and whatever is cut while stopping is remembered for its phase."""

        def note(one: Report) -> None:
            report(one)
            if self._began_s is not None and one.kind in _CUT_KINDS:
                self._cut.append(f"{one.path} {one.kind}")

        return note

    async def stop_tree(self, root: Supervisor, bot: TradingBot) -> None:
        """Close entries, end the hunt, resolve what is in flight, and stop the other subtrees in their order.

        No cancellation reaches it: its own bounds end it, or `hurried`. A write on the database that has begun ends with
        its own deadline, behind the phases that follow; the tree is left when it has.
        """
        shares_ms = tree_shares_ms(bot.supervision)
        self._began_s = self._phase_began_s = trio.current_time()
        self.asked.set()
        bot.guard.stop_entries()
        self._ended("entries", 0)
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as stops, trio.open_nursery() as bound:
                bound.start_soon(self._end_what_is_left, root)
                for child in reversed(root.which_children()):
                    if child.id == _RESOLVE_BEFORE:
                        await self._resolve(stops, bot, shares_ms.get(IN_FLIGHT, 0))
                    phase = _PHASE_OF.get(child.id, child.id)
                    self.line = f"stopping: {phase}"
                    await self._stop_within(shares_ms.get(phase), stops, root, child.id)
                    self._ended(phase, shares_ms.get(phase))
                bound.cancel_scope.cancel()

    def closed(self, phase: str, share_ms: int) -> None:
        """What follows the tree has been closed; nothing is told when no stop has begun."""
        if self._began_s is not None:
            self._ended(phase, share_ms)

    def unwatched_s(self) -> float:
        """For how many seconds nobody has looked after positions: since the monitors were stopped."""
        return trio.current_time() - self._ended_at_s.get(MONITORS, trio.current_time())

    def finished(self) -> None:
        """Everything is closed; nothing is told when no stop has begun."""
        if self._began_s is not None:
            took_s = trio.current_time() - self._began_s
            log.info("stopped", took_ms=round(took_s * 1000))
            self.say(f"stopped after {took_s:.1f} s")

    async def _stop_within(
        self,
        share_ms: int | None,
        stops: trio.Nursery,
        supervisor: Supervisor,
        child_id: str,
        mode: StopMode = "cancel",
    ) -> None:
        """Stop one child and wait for it as long as its share lasts; what goes on behind it is noted as cut."""
        gone = trio.Event()

        async def stop() -> None:
            with suppress(NotFound):  # it ended by itself
                await supervisor.terminate_child(child_id, mode)
            gone.set()

        stops.start_soon(stop)
        share_s = 0 if self._is_cut_short else inf if share_ms is None else share_ms / 1000
        with trio.move_on_after(share_s + GO_WITHIN_S) as self._waiting:
            await gone.wait()
        if not gone.is_set():
            self._cut += [f"{path} not ended" for path in _not_ended(supervisor.statistics_of(child_id))]

    async def _resolve(self, stops: trio.Nursery, bot: TradingBot, share_ms: int) -> None:
        """Let the executors finish what they hold and take nothing new, and follow sent orders to their outcome.

        Exits that fall due from here on are refused; the next start decides them anew.
        """
        self.line = f"stopping: {IN_FLIGHT}, {len(bot.in_flight.all())} orders on their way"
        until_s = trio.current_time() + share_ms / 1000
        try:
            await self._stop_within(share_ms, stops, bot.supervisor("money"), "executors", "drain")
        except Unavailable as error:
            log.info("executors_not_drained", reason=str(error))  # a halt is being carried out by others
        with self._resolving:
            self._resolving.deadline = until_s if self.follows else trio.current_time()
            for followed in bot.in_flight.all():
                await bot.in_flight.resolved(followed.intent.id)
        if left := len(bot.in_flight.all()):
            self._cut.append(f"{left} orders on their way, which the next start takes up")
        self._ended(IN_FLIGHT, share_ms)

    async def _end_what_is_left(self, root: Supervisor) -> None:
        with trio.move_on_after(TREE_WITHIN_S):
            await self.hurried.wait()
        self._is_cut_short = True
        log.warning("stop_cut_short", asked_for=self.hurried.is_set())
        for child in root.which_children():
            root.kill(child.id)
        self._resolving.cancel()
        self._waiting.deadline = min(self._waiting.deadline, trio.current_time() + GO_WITHIN_S)

    def _ended(self, phase: str, share_ms: int | None) -> None:
        now_s = trio.current_time()
        took_s, self._phase_began_s = now_s - self._phase_began_s, now_s
        self._ended_at_s[phase] = now_s
        cut, self._cut = self._cut, []
        tell = log.warning if cut else log.info
        tell("stop_phase", phase=phase, took_ms=round(took_s * 1000), share_ms=share_ms, cut=cut)
        more = [f"{len(cut) - _CUTS_NAMED} more"] if len(cut) > _CUTS_NAMED else []
        cuts = f"; cut: {', '.join([*cut[:_CUTS_NAMED], *more])}" if cut else ""
        self.say(f"stop: {phase} {took_s:.1f} s{cuts}")


def _not_ended(statistics: Node) -> Iterator[str]:
    """The paths of those who were asked to end and have not."""
    return (worker.path for worker in workers(statistics) if worker.ending_s is not None)
