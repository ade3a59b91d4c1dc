"""Carries out a halt: stops the money subtree whole, then sells every position by workers of its own.

No wallet ever has two signers: the money subtree is joined before the first worker starts, and the workers are joined
before it starts again. While halted the workers also serve exits that users order by hand, and positions whose owners
chose to hold keep a monitor, which sells them by their own plan and by nothing else.
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
from bot.trading.limits import HOLD
from bot.trading.position import Position
from bot.trading.trading_state import Halt

log = structlog.get_logger()

LOOK_S = 0.5
LOOK_FLAT_S = 5.0  # once nothing is left to sell, for a choice to hold that its owner changes


class Guard(Protocol):
    """What a halt is read from and told to."""

    @property
    def halt(self) -> Halt | None: ...

    @property
    def flattened(self) -> bool: ...

    @property
    def changed(self) -> trio.Event: ...

    def all_flat(self) -> None: ...

    def panics(self, user_id: str) -> bool: ...


@dataclass(slots=True)
class Flattener:
    """`stop_money` and `start_money` act on the subtree.

    `start_exit` makes sure that one worker sells a position, `keep_watch` that one worker watches it.
    """

    guard: Guard
    store: Store
    in_flight: InFlight
    stop_money: Callable[[], Awaitable[None]]
    start_money: Callable[[], Awaitable[None]]
    start_workers: Callable[[], Awaitable[None]]
    stop_workers: Callable[[], Awaitable[None]]
    start_exit: Callable[[Position], Awaitable[None]]
    keep_watch: Callable[[Position], Awaitable[None]]
    at_work: bool = False

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            changed = self.guard.changed
            try:
                await self._step()
            except Unavailable as error:
                log.warning("flatten_waits", reason=str(error))
            with trio.move_on_after(LOOK_FLAT_S if self.guard.flattened else LOOK_S):
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
        await self._flatten()

    async def _flatten(self) -> None:
        """One worker per position; flat when none is left that is to be sold and nothing is on its way."""
        positions = await self.store.open_positions()
        holds = await self._holders({position.user_id for position in positions})
        to_sell = [position for position in positions if position.user_id not in holds]
        for position in to_sell:
            await self.start_exit(position)
        for position in positions:
            if position.user_id in holds:
                await self.keep_watch(position)
        if not to_sell and not self.in_flight.all() and not await self.store.in_flight():
            self.guard.all_flat()

    async def _holders(self, user_ids: set[str]) -> set[str]:
        """Those who chose to hold and have not asked for everything to be sold."""
        return {
            user_id
            for user_id in user_ids
            if not self.guard.panics(user_id) and (await self.store.settings(user_id)).on_critical == HOLD
        }
