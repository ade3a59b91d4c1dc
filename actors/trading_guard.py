"""Sole owner of the trading state: pause causes, outages and their dwell, the halt latch, and whether entries are open."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.ports import ProgramStore
from bot.trading.outage import Outage, OutageRule, Phase
from bot.trading.trading_state import GLOBAL, Cause, Halt, LevelChange, State, TradingState

log = structlog.get_logger()

SILENT = "guard"  # the cause that everybody sees while the guard itself is not running
STOPPING = "stopping"
HALT = "halt"
OPERATOR = "operator"
PAUSED_BY_USER = "paused"
PANIC = "panic"
TICK_S = 0.1
HISTORY = 200


@dataclass(slots=True)
class TradingGuard:
    """The state and its only writer. While the actor is down, every question is answered with a pause.

    `rules` says for each watched service how long it dwells and when its outage becomes critical. `keep_halt` puts a
    halt where it survives even when the database is away, and `kept_halt` reads it back. `history` has the latest
    changes of state or level of this process, oldest first.
    """

    store: ProgramStore
    clock: Clock
    rules: Mapping[str, OutageRule]
    keep_halt: Callable[[Halt | None], None]
    kept_halt: Callable[[], Halt | None]
    halt: Halt | None = None
    flattened: bool = False
    changed: trio.Event = field(default_factory=trio.Event)
    history: deque[LevelChange] = field(default_factory=lambda: deque(maxlen=HISTORY))
    _state: TradingState = field(default_factory=TradingState)
    _outages: dict[str, Outage] = field(default_factory=dict)
    _halt_stored: bool = False
    _alive: bool = False
    _stopping: bool = False

    async def run(self, ctx: Context) -> None:
        """The actor: load what outlives a restart, then let outages end or become critical until stopped."""
        for cause in await self.store.causes():
            self._state = self._state.with_cause(cause)
        stored = await self.store.halt()
        self.halt = self.halt or stored or self.kept_halt()
        self._halt_stored = stored is not None
        self._alive = True
        first = self.halt or next((cause for cause in self.causes() if cause.scope == GLOBAL), None)
        self._tell(*(("guard", "up, and nothing pauses") if first is None else (_name(first), first.why)))
        try:
            ctx.ready()
            while True:
                self._look_at_outages()
                await self._store_halt()
                await trio.sleep(TICK_S)
        finally:
            self._alive = False
            self._tell(SILENT, "the guard is not running")

    # --------------------------------------------------------------------------------------------------- services

    def down(self, name: str, why: str) -> None:
        """A watched service was seen away: entries pause at once."""
        self._outages[name] = self._outages.get(name, Outage()).down(self.clock.now_ms())
        self.pause(name, by=f"{name} watch", why=why)

    def up(self, name: str) -> None:
        """A watched service was seen well; its pause ends after the dwell."""
        self._outages[name] = self._outages.get(name, Outage()).up(self.clock.now_ms())

    def _look_at_outages(self) -> None:
        now_ms = self.clock.now_ms()
        for name, outage in self._outages.items():
            phase = outage.phase(now_ms, self.rules[name])
            if phase is Phase.WELL and outage.down_since_ms is not None:
                self._outages[name] = outage.ended()
                self.resume(name)
            elif phase is Phase.CRITICAL and self.halt is None:
                why = self._state.causes[name, GLOBAL].why
                self.latch(Halt(name, now_ms, f"{name} watch", f"away for longer than allowed: {why}"))

    # ------------------------------------------------------------------------------------------------------ causes

    def pause(self, name: str, *, by: str, why: str, scope: str = GLOBAL) -> None:
        """Add a pause cause; one that is there already keeps its time and text."""
        before = self._state
        self._state = before.with_cause(Cause(name, scope, self.clock.now_ms(), by, why))
        if self._state is not before:
            log.warning("entries_paused", cause=name, scope=scope, by=by, why=why)
            self._tell(name, why)

    def resume(self, name: str, *, scope: str = GLOBAL) -> None:
        """Take a pause cause away; nothing happens when it is not there."""
        if (name, scope) in self._state.causes:
            self._state = self._state.without(name, scope)
            log.info("pause_ended", cause=name, scope=scope, left=[cause.name for cause in self.causes()])
            self._tell(name, f"{name} is over")

    async def pause_by_operator(self, why: str) -> bool:
        """An operator's pause outlives restarts and ends only by an operator; False when there is one already."""
        if (OPERATOR, GLOBAL) in self._state.causes:
            return False
        await self.store.save_cause(Cause(OPERATOR, GLOBAL, self.clock.now_ms(), OPERATOR, why))
        self.pause(OPERATOR, by=OPERATOR, why=why)
        return True

    async def resume_by_operator(self) -> bool:
        """End the operator's own pauses, those of single users too; False when there is none."""
        scopes = [cause.scope for cause in self.causes() if cause.name == OPERATOR]
        for scope in scopes:
            await self.store.clear_cause(OPERATOR, scope, OPERATOR)
            self.resume(OPERATOR, scope=scope)
        return bool(scopes)

    async def pause_user(self, user_id: str, name: str = PAUSED_BY_USER) -> bool:
        """A user's own pause or panic outlives restarts and ends only by himself; False when it is there already."""
        scope = f"user:{user_id}"
        if (name, scope) in self._state.causes:
            return False
        await self.store.save_cause(Cause(name, scope, self.clock.now_ms(), user_id, "by his own command"))
        self.pause(name, by=user_id, why="by his own command", scope=scope)
        return True

    async def resume_user(self, user_id: str) -> bool:
        """End a user's own pause and panic; False when there is neither."""
        scope = f"user:{user_id}"
        own = [name for name in (PAUSED_BY_USER, PANIC) if (name, scope) in self._state.causes]
        for name in own:
            await self.store.clear_cause(name, scope, user_id)
            self.resume(name, scope=scope)
        return bool(own)

    def panics(self, user_id: str) -> bool:
        """Whether everything that this user holds, now or later, is to be sold."""
        return (PANIC, f"user:{user_id}") in self._state.causes

    # -------------------------------------------------------------------------------------------------------- halt

    def latch(self, halt: Halt) -> bool:
        """Level 3: nothing enters, everything is flattened, and only a rearm ends it. The first halt stays."""
        if self.halt is not None:
            return False
        self.halt, self.flattened, self._halt_stored = halt, False, False
        self.keep_halt(halt)
        log.critical("halt_latched", cause=halt.cause, by=halt.by, why=halt.why)
        self._tell(halt.cause, halt.why)
        return True

    async def _store_halt(self) -> None:
        if self.halt is None or self._halt_stored:
            return
        try:
            await self.store.latch_halt(self.halt)
        except Unavailable as error:
            log.warning("halt_kept_beside_the_database", reason=str(error))
            return
        self._halt_stored = True

    def all_flat(self) -> None:
        """Everything that is to be sold is sold: the state becomes HALTED."""
        if not self.flattened:
            self.flattened = True
            log.warning("flattened", cause=self.halt.cause if self.halt else None)
            self._tell(self.halt.cause if self.halt else HALT, "nothing is left to sell")

    async def rearm(self, by: str) -> bool:
        """End the halt; outages begin to count anew. False when nothing is halted."""
        if self.halt is None:
            return False
        await self.store.rearm(by, self.clock.now_ms())
        self.keep_halt(None)
        self.halt, self.flattened, self._halt_stored = None, False, False
        now_ms = self.clock.now_ms()
        for name, outage in self._outages.items():
            if outage.phase(now_ms, self.rules[name]) in {Phase.DOWN, Phase.CRITICAL}:
                self._outages[name] = Outage().down(now_ms)
        log.warning("rearmed", by=by)
        self._tell(HALT, f"rearmed by {by}")
        return True

    # ---------------------------------------------------------------------------------------------------- questions

    def ends_at_ms(self, cause: Cause) -> int | None:
        """When a cause whose service is well again ends, if it stays well; None for every other one."""
        outage = self._outages.get(cause.name)
        if cause.scope != GLOBAL or outage is None or outage.well_since_ms is None:
            return None
        return outage.well_since_ms + outage.dwell_ms(self.rules[cause.name])

    def stop_entries(self) -> None:
        """The program is stopping: no new entries from here on."""
        self._stopping = True
        self._tell(STOPPING, "the program was asked to stop")

    def covering(self, user_id: str) -> tuple[str, ...]:
        """Names of the causes that pause this user's entries; never empty while the guard is silent or stopping."""
        if self._stopping:
            return (STOPPING,)
        if not self._alive:
            return (SILENT,)
        return ((HALT,) if self.halt else ()) + self._state.covering(user_id)

    def causes(self) -> tuple[Cause, ...]:
        """All causes, oldest first."""
        return tuple(self._state.causes.values())

    @property
    def state(self) -> State:
        """The state of `bot status`: it speaks of the global scope."""
        if self._stopping:
            return State.STOPPING
        if not self._alive:
            return State.STARTING
        if self.halt is not None:
            return State.HALTED if self.flattened else State.FLATTENING
        return State.PAUSED if any(cause.scope == GLOBAL for cause in self.causes()) else State.OPEN

    @property
    def level(self) -> int:
        """3 while halted, 2 while a global cause pauses entries, else 1."""
        if self.halt is not None:
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
