"""Carries out a halt: stops the money subtree whole, then sells every position by workers of its own.

No wallet ever has two signers: the money subtree is joined before the first worker starts, and the workers are joined
before it starts again. While halted the workers also serve exits that users order by hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.in_flight import InFlight
from bot.ports import Store
from bot.trading.trading_state import Halt

log = structlog.get_logger()

LOOK_S = 0.5


class Guard(Protocol):
    """What a halt is read from and told to."""

    @property
    def halt(self) -> Halt | None: ...

    @property
    def flattened(self) -> bool: ...

    @property
    def changed(self) -> trio.Event: ...

    def all_flat(self) -> None: ...


@dataclass(slots=True)
class Flattener:
    """`stop_money` and `start_money` act on the subtree; `start_exit` makes sure that one worker sells one position."""

    guard: Guard
    store: Store
    in_flight: InFlight
    stop_money: Callable[[], Awaitable[None]]
    start_money: Callable[[], Awaitable[None]]
    start_workers: Callable[[], Awaitable[None]]
    stop_workers: Callable[[], Awaitable[None]]
    start_exit: Callable[[str], Awaitable[None]]
    at_work: bool = False

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            changed = self.guard.changed
            try:
                await self._step()
            except Unavailable as error:
                log.warning("flatten_waits", reason=str(error))
            with trio.move_on_after(LOOK_S):
                await changed.wait()

    async def _step(self) -> None:
        if self.guard.halt is None:
            if self.at_work:
                self.at_work = False
                await self.stop_workers()
                await self.start_money()
            return
        if not self.at_work:
            await self.stop_money()
            self.at_work = True
        await self.start_workers()
        if not self.guard.flattened:
            await self._flatten()

    async def _flatten(self) -> None:
        """One worker per position; flat when none is left that is to be sold and nothing is on its way."""
        holds = {
            user.id for user in await self.store.users() if (await self.store.settings(user.id)).on_critical == "hold"
        }
        left = [position for position in await self.store.open_positions() if position.user_id not in holds]
        for position in left:
            await self.start_exit(position.id)
        if not left and not self.in_flight.all() and not await self.store.in_flight():
            self.guard.all_flat()
