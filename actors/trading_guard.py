"""Sole owner of the trading state: pause causes, outages and their dwell, the halt latch, and whether entries are open."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution import alerts
from bot.execution.alerts import Alert
from bot.execution.halt_on_disk import HaltOnDisk
from bot.execution.leadership import Leadership
from bot.execution.ordered_causes import OrderedCauses
from bot.ports import ProgramStore, Spool
from bot.trading.intent import Context as TradeContext
from bot.trading.outage import RELAPSE_WINDOW_MS, Outage, OutageRule, Phase
from bot.trading.trading_state import GLOBAL, Binds, Cause, Halt, LevelChange, State, TradingState
from bot.trading.units import counted

log = structlog.get_logger()

SILENT = "guard"  # the cause that everybody sees while the guard itself is not running
STOPPING = "stopping"
HALT = "halt"
TICK_S = 0.1
STORE_REST_S = 1.0  # after a try that the database did not answer
STORED_WITHIN_S = 2.0
FIRST_LOAD_S = 2.0  # how long the first start waits for what is stored
HISTORY = 200


@dataclass(slots=True)
class TradingGuard(OrderedCauses):
    """The state and its only writer. While the actor is down, every question is answered with a pause.

    `rules` says for each watched service how long it dwells and when its outage becomes critical. `alert` tells
    operators. `unwatched` are services that this configuration does not have. `history` has the latest changes of state
    or level of this process, oldest first.
    """

    store: ProgramStore
    clock: Clock
    rules: Mapping[str, OutageRule]
    halt_on_disk: HaltOnDisk
    alert: Callable[[Alert], None]
    spool: Spool | None = None
    leadership: Leadership | None = None
    halt: Halt | None = None
    owed: list[Cause] = field(default_factory=list)
    flattened: bool = False
    unwatched: set[str] = field(default_factory=set)
    changed: trio.Event = field(default_factory=trio.Event)
    history: deque[LevelChange] = field(default_factory=lambda: deque(maxlen=HISTORY))
    _state: TradingState = field(default_factory=TradingState)
    _outages: dict[str, Outage] = field(default_factory=dict)
    _halt_stored: bool = False
    _whys: dict[str, str] = field(default_factory=dict)
    _kept: dict[tuple[str, str], Cause] = field(default_factory=dict)
    _loaded: bool = False
    _behind: bool = False
    _alive: bool = False
    _stopping: bool = False

    async def run(self, ctx: Context) -> None:
        """The actor: load what outlives a restart, then let outages end or become critical until stopped.

        While the database is away at the first start nobody knows what it holds: the halt file alone is believed, and
        without one the guard stays silent until the database has answered.
        """
        if not self._loaded:
            self.halt_on_disk.look()
        with trio.move_on_after(FIRST_LOAD_S):
            await self._keep_up()
        self._take_up_halt(self.halt_on_disk.found)
        self._alive = True
        first = self.halt or next((cause for cause in self.causes() if cause.scope == GLOBAL), None)
        self._tell(*(("guard", "up, and nothing pauses") if first is None else (_name(first), first.why)))
        try:
            ctx.ready()
            async with trio.open_nursery() as loops:
                loops.start_soon(self._keep_storing)
                while True:
                    self._look_at_outages()
                    await trio.sleep(TICK_S)
        finally:
            self._alive = False
            self._tell(SILENT, "the guard is not running")

    # ---------------------------------------------------------------------------------------------------- storage

    async def _keep_storing(self) -> None:
        """In a loop of its own, because the database may hang and outages must end and become critical all the same."""
        while True:
            rest_s = TICK_S if await self._keep_up() else STORE_REST_S
            await trio.sleep(rest_s)

    async def _keep_up(self) -> bool:
        """Make the stored halt and causes what they are here; False while the database is away."""
        try:
            await self._store_owed()
            await self._load()
            await self._store_halt()
            await self._store_causes()
        except Unavailable as error:
            if not self._behind:
                log.warning("trading_state_not_stored", halt=self.halt is not None, reason=str(error))
            self._behind = True
            return False
        self._behind = False
        return True

    async def _load(self) -> None:
        """Once per process: after that what is here is newer than what is stored."""
        if self._loaded:
            return
        stored = await self.store.halt()
        for cause in await self.store.causes():
            self._kept[cause.name, cause.scope] = cause
            if cause.by != _watch(cause.name):
                self._state = self._state.with_cause(cause)
            elif cause.name in self.rules and cause.name not in self.unwatched:
                self._take_up(cause)
        await self._remember_relapses()
        await self._look_at_found()
        self._take_up_halt(stored)
        self._halt_stored = stored is not None
        self._loaded = True
        if self._alive:
            self._tell(SILENT, "the database has answered")

    async def _remember_relapses(self) -> None:
        """The outages of the last hour that an earlier process has seen make the next dwell longer, as its own do."""
        began_ms: dict[str, list[int]] = {}
        for cause in await self.store.set_since(self.clock.now_ms() - RELAPSE_WINDOW_MS):
            if cause.by == _watch(cause.name) and cause.name in self.rules:
                began_ms.setdefault(cause.name, []).append(cause.since_ms)
        for name, moments in began_ms.items():
            self._outages[name] = self._outage(name).remembering(moments)

    async def _look_at_found(self) -> None:
        """Take up the halt that was found on the disk, unless an operator has ended it: at another bot, for one."""
        found = self.halt_on_disk.found
        if found is not None and await self.store.halt_ended(found):
            log.warning("ended_halt_dropped", cause=found.cause, since_ms=found.since_ms, by=found.by, why=found.why)
            self.halt_on_disk.remove()
            if self.halt == found:
                self.halt, self.flattened = None, False
                self._tell(HALT, "an operator has ended the halt already")
        self._take_up_halt(self.halt_on_disk.found)

    def _take_up_halt(self, halt: Halt | None) -> None:
        """A halt that an earlier process latched; the first that is found stays."""
        if self.halt is None and halt is not None:
            self.halt = halt
            self.alert(alerts.halted(halt))

    def _take_up(self, cause: Cause) -> None:
        """A service was away when an earlier process ended, since then; what was seen of it meanwhile counts too."""
        now_ms = self.clock.now_ms()
        outage = Outage.left_behind(self.rules[cause.name], cause.since_ms)
        if (seen := self._outages.get(cause.name)) is not None:
            # One that dwells was seen well, too, and some services say that they are well once and not with every look.
            is_well = seen.down_since_ms is None or seen.well_since_ms is not None
            outage = outage.up(now_ms) if is_well else outage.down(now_ms)
        self._outages[cause.name] = outage
        self._state = self._state.without(cause.name).with_cause(cause)
        self.alert(alerts.still_paused(cause, outage.dwell_ms // 1000))

    async def _store_causes(self) -> None:
        """The causes of services outlive a restart, so that a restart neither opens entries nor begins a clock anew."""
        wanted = {
            key: cause for key, cause in self._state.causes.items() if key[1] == GLOBAL and key[0] in self._outages
        }
        for key, kept in list(self._kept.items()):
            if kept.by == _watch(kept.name) and (key not in wanted or wanted[key].since_ms != kept.since_ms):
                await self.store.clear_cause(*key, kept.by)
                del self._kept[key]
        for key, cause in wanted.items():
            if key not in self._kept:
                await self.store.save_cause(cause)
                self._kept[key] = cause

    async def _store_owed(self) -> None:
        """Store what could not be stored when it was ordered and was not ended since; raises StoreUnavailable."""
        while self.owed:
            first = self.owed[0]
            await self.store.save_cause(first)
            if first in self.owed:
                self.owed.remove(first)
                log.info("order_stored", cause=first.name, scope=first.scope)
            else:  # it was ended while it was being stored
                await self.store.clear_cause(first.name, first.scope, first.by)

    async def _store_halt(self) -> None:
        if self.halt is not None and not self.halt_on_disk.is_kept:
            self.halt_on_disk.keep(self.halt)
        if self.halt is None or self._halt_stored:
            return
        await self.store.latch_halt(self.halt)
        self._halt_stored = True

    # --------------------------------------------------------------------------------------------------- services

    def down(self, name: str, why: str) -> None:
        """A watched service was seen away: what its rule binds pauses, at once or when it has lasted long enough."""
        self._outages[name] = self._outage(name).down(self.clock.now_ms())
        self._whys[name] = why
        self._look_at(name)

    def up(self, name: str) -> None:
        """A watched service was seen well; its pause ends after the dwell."""
        self._outages[name] = self._outage(name).up(self.clock.now_ms())

    def take_rules(self, rules: Mapping[str, OutageRule]) -> None:
        """Other rules from now on, for the outages that last too; whom a pause binds was settled when it began.

        An outage that pauses goes on pausing until it ends, however long the new rule would have borne it.
        """
        self.rules = rules
        for name, outage in self._outages.items():
            held = outage.held or (name, GLOBAL) in self._state.causes
            self._outages[name] = replace(outage, rule=rules[name], held=held)

    def _outage(self, name: str) -> Outage:
        return self._outages.get(name) or Outage(self.rules[name])

    def _look_at_outages(self) -> None:
        for name in self._outages:
            self._look_at(name)

    def _look_at(self, name: str) -> None:
        outage, now_ms = self._outages[name], self.clock.now_ms()
        phase = outage.phase(now_ms)
        if phase is Phase.WELL and outage.down_since_ms is not None:
            self._outages[name] = outage.ended()
            self.resume(name)
        elif phase in {Phase.DOWN, Phase.CRITICAL}:
            why = self._whys.get(name, "away when the last process ended")
            self.pause(name, by=_watch(name), why=why, binds=outage.rule.binds)
            if phase is Phase.CRITICAL and self.halt is None and self._may_judge(name):
                self.latch(Halt(name, now_ms, _watch(name), f"away for longer than allowed: {why}"))

    def _may_judge(self, name: str) -> bool:
        """While nothing may be signed here another bot may lead, and do well: this one's outage is no reason to sell all."""
        return name != alerts.LEASE and (self.leadership is None or self.leadership.may_sign)

    # ------------------------------------------------------------------------------------------------------ causes

    def pause(self, name: str, *, by: str, why: str, scope: str = GLOBAL, binds: Binds = Binds.ALL) -> None:
        """Add a pause cause; one that is there already keeps its time and text."""
        before = self._state
        self._state = before.with_cause(Cause(name, scope, self.clock.now_ms(), by, why, binds))
        if self._state is not before:
            log.warning("entries_paused", cause=name, scope=scope, binds=binds, by=by, why=why)
            self._tell(name, why)
            if scope == GLOBAL:
                self.alert(alerts.paused(self._state.causes[name, scope], bound=self.bound))

    def resume(self, name: str, *, scope: str = GLOBAL) -> None:
        """Take a pause cause away; nothing happens when it is not there."""
        if (name, scope) in self._state.causes:
            self._state = self._state.without(name, scope)
            log.info("pause_ended", cause=name, scope=scope, left=[cause.name for cause in self.causes()])
            self._tell(name, f"{name} is over")
            if scope == GLOBAL:
                self.alert(alerts.pause_over(name, self._pausing()))

    def _begin_anew(self, name: str, now_ms: int) -> None:
        """Let a cause that stands begin at this moment."""
        if (cause := self._state.causes.get((name, GLOBAL))) is not None:
            self._state = self._state.without(name).with_cause(replace(cause, since_ms=now_ms))

    # -------------------------------------------------------------------------------------------------------- halt

    def latch(self, halt: Halt) -> bool:
        """Level 3: nothing enters, everything is flattened, and only a rearm ends it. The first halt stays."""
        if self.halt is not None:
            return False
        self.halt, self.flattened, self._halt_stored = halt, False, False
        self.halt_on_disk.keep(halt)
        log.critical("halt_latched", cause=halt.cause, by=halt.by, why=halt.why)
        self._tell(halt.cause, halt.why)
        self.alert(alerts.halted(halt, cannot_sell=self.cannot_sell))
        return True

    async def has_stored_halt(self) -> bool:
        """Whether the database has the halt; one that has just been latched is waited for a moment."""
        with trio.move_on_after(STORED_WITHIN_S):
            while not (self._halt_stored or self._behind):  # noqa: ASYNC110 - it is stored by the next look
                await trio.sleep(TICK_S)
        return self._halt_stored

    def all_flat(self, unsellable: int) -> None:
        """Everything that can be sold of what is to be sold is sold: the state becomes HALTED."""
        if not self.flattened:
            self.flattened = True
            log.warning("flattened", cause=self.halt.cause if self.halt else None, unsellable=unsellable)
            left = f"{counted(unsellable, 'position')} cannot be sold" if unsellable else "nothing is left to sell"
            self._tell(self.halt.cause if self.halt else HALT, left)
            self.alert(alerts.flattened(unsellable))

    async def rearm(self, by: str) -> bool:
        """End the halt; outages begin to count anew. False when nothing is halted."""
        if self.halt is None:
            return False
        await self._store_halt()  # its row is what other bots know its end from
        await self.store.rearm(by, self.clock.now_ms())
        self.halt_on_disk.remove()
        self.halt, self.flattened, self._halt_stored = None, False, False
        now_ms = self.clock.now_ms()
        for name, outage in self._outages.items():
            if outage.phase(now_ms) in {Phase.DOWN, Phase.CRITICAL}:
                self._outages[name] = Outage(self.rules[name]).down(now_ms)
                self._begin_anew(name, now_ms)
        log.warning("rearmed", by=by)
        self._tell(HALT, f"rearmed by {by}")
        self.alert(alerts.rearmed(by, self._pausing()))
        return True

    # ---------------------------------------------------------------------------------------------------- questions

    def ends_at_ms(self, cause: Cause) -> int | None:
        """When a cause whose service is well again ends, if it stays well; None for every other one."""
        outage = self._outages.get(cause.name)
        if cause.scope != GLOBAL or outage is None or outage.well_since_ms is None:
            return None
        return outage.well_since_ms + outage.dwell_ms

    def stop_entries(self) -> None:
        """The program is stopping: no new entries from here on."""
        self._stopping = True
        self._tell(STOPPING, "the program was asked to stop")

    def covering(
        self, user_id: str, context: TradeContext, program: str | None = None, wallet_id: str = ""
    ) -> tuple[str, ...]:
        """Names of the causes that pause this user's entries of this origin, at `program` where that is known.

        Never empty while the guard is silent, knows not yet what is stored, or is stopping. With what freezes the wallet.
        """
        frozen = self.freezes(user_id, wallet_id)
        if self._stopping:
            return (STOPPING, *frozen)
        if not self._answers:
            return (SILENT, *frozen)
        return ((HALT,) if self.halt else ()) + self._state.covering(user_id, context, program, wallet_id)

    def causes(self) -> tuple[Cause, ...]:
        """All causes, oldest first."""
        return tuple(self._state.causes.values())

    def _pausing(self) -> list[str]:
        return [cause.name for cause in self.causes() if cause.scope == GLOBAL]

    @property
    def _answers(self) -> bool:
        return self._alive and self._loaded

    @property
    def state(self) -> State:
        """The state of `bot status`: it speaks of the global scope."""
        if self._stopping:
            return State.STOPPING
        if self._alive and self.halt is not None:
            return State.HALTED if self.flattened else State.FLATTENING
        if not self._answers:
            return State.STARTING
        return State.PAUSED if any(cause.scope == GLOBAL for cause in self.causes()) else State.OPEN

    @property
    def level(self) -> int:
        """3 while halted, or unable to sell for longer than allowed, 2 while a global cause pauses entries, else 1."""
        stuck = self.cannot_sell and self._outage(alerts.LEASE).phase(self.clock.now_ms()) is Phase.CRITICAL
        if self.halt is not None or stuck:
            return 3
        return 2 if self.state is State.PAUSED else 1

    def _tell(self, cause: str, why: str) -> None:
        """Wake whoever waits for a change, and remember it when it shows in state or level."""
        state, level = self.state, self.level
        latest = self.history[-1] if self.history else None
        if latest is None or (latest.state, latest.level) != (state, level):
            self.history.append(LevelChange(self.clock.now_ms(), state, level, cause, why))
        self.changed.set()
        self.changed = trio.Event()


def _name(first: Cause | Halt) -> str:
    return first.name if isinstance(first, Cause) else first.cause


def _watch(name: str) -> str:
    """Who sets the cause of a watched service."""
    return f"{name} watch"
