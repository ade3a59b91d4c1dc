"""Tells users that trading is halted, what that means for what they hold, and when it is over.

The messages go through the outbox. Their ids follow from the halt, so that each user hears of it once, whatever starts
again meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.messages import halt_message, rearm_message
from bot.ports import Store
from bot.trading.trading_state import Halt

log = structlog.get_logger()

REST_S = 1.0  # after a look that the database did not answer
LOOK_S = 30.0  # between two looks at who trades while nothing changes: an order on its way may still make a position


class Guard(Protocol):
    """What says whether trading is halted."""

    @property
    def halt(self) -> Halt | None: ...

    @property
    def changed(self) -> trio.Event: ...


@dataclass(slots=True)
class HaltNews:
    """Whoever has an open position or automation on is told of a halt; he, and who has them at its end, of the rearm."""

    guard: Guard
    store: Store
    clock: Clock
    _halt: Halt | None = None
    _told: set[str] = field(default_factory=set)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            changed = self.guard.changed
            try:
                await self._step()
                rest_s = LOOK_S
            except Unavailable as error:
                log.warning("halt_not_told_yet", reason=str(error))
                rest_s = REST_S
            with trio.move_on_after(rest_s):
                await changed.wait()

    async def _step(self) -> None:
        halt = self.guard.halt
        if self._halt is not None and (halt is None or halt.since_ms != self._halt.since_ms):
            await self._tell_rearm(self._halt)
            self._halt = None
            self._told.clear()
        if halt is not None:
            self._halt = halt
            await self._tell_halt(halt)

    async def _tell_halt(self, halt: Halt) -> None:
        for user_id, positions in (await self._concerned()).items():
            if user_id not in self._told:
                settings = await self.store.settings(user_id)
                await self.store.post(halt_message(self.clock, halt, user_id, positions, settings))
                self._told.add(user_id)

    async def _tell_rearm(self, halt: Halt) -> None:
        concerned = await self._concerned()
        for user_id in self._told | concerned.keys():
            settings = await self.store.settings(user_id)
            await self.store.post(rearm_message(self.clock, halt, user_id, settings))

    async def _concerned(self) -> dict[str, int]:
        """The users with open positions or automation on, each with how many positions."""
        concerned: dict[str, int] = {}
        for position in await self.store.open_positions():
            concerned[position.user_id] = concerned.get(position.user_id, 0) + 1
        for user in await self.store.users():
            if user.id not in concerned and (await self.store.settings(user.id)).snipe_enabled:
                concerned[user.id] = 0
        return concerned
