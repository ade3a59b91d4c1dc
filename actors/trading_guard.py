"""Sole owner of the trading state: the pause causes, and whether entries are open for a user."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.ports import ProgramStore
from bot.trading.trading_state import GLOBAL, Cause, State, TradingState

log = structlog.get_logger()

SILENT = "guard"  # the cause that everybody sees while the guard itself is not running


@dataclass(slots=True)
class TradingGuard:
    """The state and its only writer. While the actor is down, every question is answered with a pause."""

    store: ProgramStore
    clock: Clock
    _state: TradingState = field(default_factory=TradingState)
    _alive: bool = False
    _stopping: bool = False

    async def run(self, ctx: Context) -> None:
        """The actor: load what outlives a restart, then keep the state until stopped."""
        for cause in await self.store.causes():
            self._state = self._state.with_cause(cause)
        self._alive = True
        try:
            ctx.ready()
            await trio.sleep_forever()
        finally:
            self._alive = False

    def pause(self, name: str, *, by: str, why: str, scope: str = GLOBAL) -> None:
        """Add a pause cause; one that is there already keeps its time and text."""
        before = self._state
        self._state = before.with_cause(Cause(name, scope, self.clock.now_ms(), by, why))
        if self._state is not before:
            log.warning("entries_paused", cause=name, scope=scope, by=by, why=why)

    def resume(self, name: str, *, scope: str = GLOBAL) -> None:
        """Take a pause cause away; nothing happens when it is not there."""
        if (name, scope) in self._state.causes:
            self._state = self._state.without(name, scope)
            log.info("pause_ended", cause=name, scope=scope, left=[cause.name for cause in self.causes()])

    def stop_entries(self) -> None:
        """The program is stopping: no new entries from here on."""
        self._stopping = True

    def covering(self, user_id: str) -> tuple[str, ...]:
        """Names of the causes that pause this user's entries; never empty while the guard is silent or stopping."""
        if self._stopping:
            return ("stopping",)
        return self._state.covering(user_id) if self._alive else (SILENT,)

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
        return State.PAUSED if any(cause.scope == GLOBAL for cause in self.causes()) else State.OPEN

    @property
    def level(self) -> int:
        """2 while a global cause pauses entries, else 1."""
        return 2 if self.state is State.PAUSED else 1
