"""Carries out what is ordered to be sold: everything after a halt, or all of one user or program. One row per position.

After a halt no wallet ever has two signers: the money subtree is joined before the first worker starts, and the workers
are joined before it starts again. While halted the workers also serve exits that users order by hand, and positions
whose owners chose to hold keep a monitor, which sells them by their own plan and by nothing else. What is
ordered of one user or program is sold by those positions' monitors, beside everybody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.flatten import FlattenBook
from bot.execution.in_flight import InFlight
from bot.ports import Store
from bot.trading.flatten import FlattenOrder
from bot.trading.intent import TRADES, Intent
from bot.trading.limits import HOLD
from bot.trading.position import Position
from bot.trading.trading_state import GLOBAL, Halt

log = structlog.get_logger()

SIGNING_FIRST_S = 5.0  # how long nothing is collected while positions of a halt are still to be signed for
LOOK_S = 0.5
LOOK_FLAT_S = 5.0  # once nothing is left to sell, for what still comes in and for a choice to hold that changes
LOOK_MOST_S = 2.0
RESTS_FOR = 4  # times as long as a look took, so that looking at very many takes little from selling them


class Guard(Protocol):
    """What a halt is read from and told to."""

    @property
    def halt(self) -> Halt | None: ...

    @property
    def flattened(self) -> bool: ...

    @property
    def changed(self) -> trio.Event: ...

    def flattens(self) -> list[FlattenOrder]: ...

    def all_flat(self, unsellable: int) -> None: ...

    def panics(self, user_id: str) -> bool: ...


class Care(Protocol):
    """Who starts and ends the workers, and what they tell of their orders."""

    @property
    def book(self) -> FlattenBook: ...

    def program_of(self, position: Position) -> str | None:
        """At which program its token trades; None while no price of it is known."""

    async def start_workers(self) -> None: ...

    async def stop_workers(self) -> None: ...

    async def start_exit(self, position: Position) -> None:
        """Make sure that one worker sells this position."""

    async def keep_watch(self, position: Position) -> None:
        """Make sure that one worker watches this position."""

    def is_selling(self, position: Position) -> bool:
        """Whether its worker runs; of a thousand positions most are asked about for nothing."""

    def is_watching(self, position: Position) -> bool:
        """The same for a position that is held."""


@dataclass(slots=True)
class Flattener:
    """`stop_money` and `start_money` act on the subtree.

    `pause_collector` and `resume_collector` act on the collector of garbage of this process.
    """

    guard: Guard
    store: Store
    in_flight: InFlight
    care: Care
    stop_money: Callable[[], Awaitable[None]]
    start_money: Callable[[], Awaitable[None]]
    pause_collector: Callable[[], None]
    resume_collector: Callable[[], None]
    at_work: bool = False
    _unread: list[FlattenOrder] = field(default_factory=list)
    _signing_until_s: float = 0.0

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        try:
            while True:
                await self._look()
        finally:
            self.resume_collector()

    async def _look(self) -> None:
        """One step, and the rest until the next one."""
        changed, began_s = self.guard.changed, trio.current_time()
        try:
            await self._step()
        except Unavailable as error:
            log.warning("flatten_waits", reason=str(error))
        took_s = trio.current_time() - began_s
        pressing_s = min(max(LOOK_S, RESTS_FOR * took_s), LOOK_MOST_S)
        with trio.move_on_after(pressing_s if self._is_pressing() else LOOK_FLAT_S):
            await changed.wait()
        if trio.current_time() >= self._signing_until_s or not self.care.book.is_signing:
            self.resume_collector()

    def _is_pressing(self) -> bool:
        """Whether something is being sold, or workers are still to be ended after a rearm."""
        if (self.guard.halt is not None) is not self.at_work:
            return True
        return any(not self.care.book.sums(order).is_over for order in self.care.book.orders())

    async def _step(self) -> None:
        orders = self.guard.flattens()
        self.care.book.keep_only(orders)
        self._unread = [order for order in self._unread if order in orders]
        for order in orders:
            if not self.care.book.knows(order):
                self.care.book.take_up(order)
                self._unread.append(order)
        if self.guard.halt is None:
            await self._end_halt()
        else:
            await self._begin_halt()
        if orders:
            await self._flatten(orders)
        elif self.care.book.unsaved():
            await self._keep_rows()

    async def _begin_halt(self) -> None:
        if not self.at_work:
            self._signing_until_s = trio.current_time() + SIGNING_FIRST_S
            self.pause_collector()
            await self.stop_money()
            self.at_work = True
        await self.care.start_workers()

    async def _end_halt(self) -> None:
        if self.at_work:
            self.at_work = False
            await self.care.stop_workers()
            await self.start_money()

    async def _flatten(self, orders: list[FlattenOrder]) -> None:
        """One worker per position, all of them at once: what holds one up holds up no other."""
        positions = await self.store.open_positions()
        halted = any(order.scope == GLOBAL for order in orders)
        holders = await self._holders({position.user_id for position in positions}) if halted else set()
        ordered: set[str] = set()
        for order in orders:
            within = {position.id: position for position in positions if self._is_within(order, position)}
            self.care.book.look(order, within, holders if order.scope == GLOBAL else set())
            if order.scope != GLOBAL:
                ordered.update(within)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_rows)
            for position in positions:
                if position.id in ordered or (halted and position.user_id not in holders):
                    if not self.care.is_selling(position):
                        nursery.start_soon(self._begin, self.care.start_exit, position)
                elif halted and not self.care.is_watching(position):
                    nursery.start_soon(self._begin, self.care.keep_watch, position)
        for order in orders:
            if order.scope == GLOBAL:
                await self._look_whether_flat(order)

    def _is_within(self, order: FlattenOrder, position: Position) -> bool:
        program = self.care.program_of(position)
        return order.covers(position.user_id, program) or self.care.book.has(order, position.id)

    async def _begin(self, start: Callable[[Position], Awaitable[None]], position: Position) -> None:
        try:
            await start(position)
        except Unavailable as error:
            log.warning("flatten_waits", position=position.id, reason=str(error))

    async def _keep_rows(self) -> None:
        """Read what an earlier process left of a flatten, and write what has moved; selling waits for neither."""
        try:
            while self._unread:
                self.care.book.remember(await self.store.flatten_rows(self._unread[0].id))
                self._unread.pop(0)
            rows = self.care.book.unsaved()
            await self.store.save_flatten_rows(rows)
        except Unavailable as error:
            log.info("flatten_rows_wait", rows=len(self.care.book.unsaved()), reason=str(error))
        else:
            self.care.book.saved(rows)

    async def _look_whether_flat(self, order: FlattenOrder) -> None:
        """Flat when nothing is left to sell and nothing is on its way, except for what cannot be sold and is still tried."""
        sums = self.care.book.sums(order)
        if not sums.is_over or any(self._counts(order, followed.intent) for followed in self.in_flight.all()):
            return
        if not any(self._counts(order, intent) for intent, _ in await self.store.in_flight()):
            self.guard.all_flat(sums.unsellable)

    def _counts(self, order: FlattenOrder, intent: Intent) -> bool:
        """A closing of emptied accounts or a withdrawal sells nothing and holds nothing up."""
        unsellable = self.care.book.unsellable(order)
        return intent.request.side in TRADES and intent.request.position_id not in unsellable

    async def _holders(self, user_ids: set[str]) -> set[str]:
        """Those who chose to hold, or everybody where the halt sells nothing, and have not asked for everything to be sold."""
        calm = {user_id for user_id in user_ids if not self.guard.panics(user_id)}
        if self.guard.halt is not None and not self.guard.halt.sells:
            return calm
        settings = await self.store.many_settings(sorted(user_ids))
        return {user_id for user_id in calm if settings[user_id].on_critical == HOLD}
