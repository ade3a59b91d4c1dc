"""How a position's monitor waits while its plan asks for nothing: for a price that may change that, for its time, for its row.

Once a round it looks whether the position is what it knows, and the price one at which it stays. A look that finds so decides
nothing anew: a thousand monitors that decide once a second what they decided before burn as much as a crowd's orders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChainUnavailable, StoreUnavailable
from bot.execution.look_rounds import look_after_s
from bot.execution.price_book import PriceBook
from bot.execution.rug_book import RugBook
from bot.execution.sleepers import Sleeper
from bot.execution.worth_a_look import PositionInterest
from bot.ports import Chain, PricePoint, Store
from bot.trading.curve import Curve, Fees
from bot.trading.exits import due_at_ms
from bot.trading.position import Position
from bot.trading.rug import rug_exit

log = structlog.get_logger()

ROW_EVERY = 10  # looks of which one reads the row: every change of it that this bot makes is in memory at once
TICK_S = 0.05  # of many monitors those whose looks are as near as this look in one turn of the loop


@dataclass(slots=True)
class MonitorLook:
    """When a position was last looked at, for status and for whoever checks that every position is watched.

    `told_of_wait` is set once its owner has heard that the coin waits for its pool, `told_of_router` once he has heard that
    a sale waits for the aggregator, until one has left again.
    """

    checked_at_ms: int
    told_of_wait: bool = False
    told_of_router: bool = False


async def reread(store: Store, position: Position, *, is_row: bool = True) -> Position:
    """The row after fills and adjustments; while the database is away whoever asks goes on with what he knows.

    Where it need not be the row it is what memory has, which costs a thousand positions no thousand rows a second.
    """
    try:
        known = None if is_row else await store.remembered_position(position.id)
        return known or await store.position(position.id) or position
    except StoreUnavailable as error:
        log.warning("position_not_reread", position=position.id, reason=str(error))
        return position


class Timer(Protocol):
    def cancel(self) -> None:
        """It is no longer wanted."""
        ...


Timers = Callable[[float, Callable[[], None]], Timer]


@dataclass(slots=True)
class PositionRest:
    """The waits of one monitor. `looks` has everybody's, its own among them; `at` calls back at a moment of trio's clock.

    Most looks find nothing new, and of those the monitor's task hears nothing.
    """

    store: Store
    chain: Chain
    prices: PriceBook
    rugs: RugBook
    clock: Clock
    looks: Mapping[str, MonitorLook]
    at: Timers
    _count: int = field(default=0, init=False)
    _look_at_s: float = field(default=-inf, init=False)
    _interest: PositionInterest | None = field(default=None, init=False)

    async def until_due(self, position: Position, seen: PricePoint | None) -> Position:
        """The position when there may be something to decide, after a price, `seen`, at which there was nothing."""
        while True:
            interest = await self._interest_of(position)
            if interest is None:
                return await self._without_fees(position)
            if not await self._reached_look(interest, seen):
                return position
            again = await reread(self.store, position, is_row=self._count % ROW_EVERY == 0)
            is_same = again == position and await self._interest_of(position) is interest
            seen = self.prices.latest(position.mint)
            if not is_same or not self._stays(interest, seen):
                return again

    def put_off(self, position: Position) -> None:
        """The row was just looked at: when it, and what falls due by time, are looked at next, pushed price or not."""
        at_s = trio.current_time() + look_after_s(position.id, len(self.looks))
        self._look_at_s = at_s - at_s % TICK_S

    async def _interest_of(self, position: Position) -> PositionInterest | None:
        """What prices mean to a position, which is known while it is the same; None while the fees of sales are not.

        Nothing that falls due waits for them. Fees that change are noticed at one look of ROW_EVERY.
        """
        fees: Fees | None = None
        with suppress(ChainUnavailable), trio.move_on_at(min(self._look_at_s, self._due_s(position))):
            fees = await self.chain.fees()
        if fees is None:
            return None
        known = self._interest
        if known is None or known.position != position or known.fees != fees:
            self._interest = known = PositionInterest(position, fees, self.clock)
        return known

    async def _without_fees(self, position: Position) -> Position:
        """Nobody can say what a sale would bring: every price is looked at."""
        with trio.move_on_at(min(self._look_at_s, self._due_s(position))):
            await self.prices.changed(position.mint)
            return position
        self.put_off(position)
        return await reread(self.store, position)

    async def _reached_look(self, interest: PositionInterest, seen: PricePoint | None) -> bool:
        """Sleep until a price, other than the one that was `seen`, is worth a look, or it is time: whether a look was it."""
        position, sleeper, is_look = interest.position, Sleeper(interest), False
        due_s = self._due_s(position)

        def look() -> None:
            nonlocal is_look
            if trio.current_time() >= self._look_at_s:
                self._count += 1
                self.put_off(position)
                if self._finds_nothing(interest):
                    timers.append(self.at(min(self._look_at_s, due_s), look))
                    return
                is_look = True
            sleeper.woken.set()

        timers = deque([self.at(min(self._look_at_s, due_s), look)], maxlen=1)
        try:
            await self.prices.told(position.mint, seen, sleeper)
        finally:
            timers[0].cancel()
        return is_look

    def _finds_nothing(self, interest: PositionInterest) -> bool:
        """Whether a look finds all as it was. Of ROW_EVERY looks one is at the row, and an error is met by the monitor."""
        if self._count % ROW_EVERY == 0:
            return False
        try:
            is_known = self.store.is_remembered(interest.position)
            return is_known and self._stays(interest, self.prices.latest(interest.position.mint))
        except Exception as error:  # it is raised again when the monitor looks
            log.warning("position_not_looked_at", position=interest.position.id, reason=type(error).__name__)
            return False

    def _stays(self, interest: PositionInterest, seen: PricePoint | None) -> bool:
        """Whether it is certain that to decide anew would change nothing: at this price, by its time, for news of its token.

        What is in a pool is remembered by time, and what cannot be quoted may have to be said: there the monitor decides.
        """
        position = interest.position
        if seen is None or not isinstance(seen.venue, Curve) or interest.matters(seen):
            return False
        if position.plan.rug_share_bps is not None and rug_exit(position, self.rugs.news(position.mint)) is not None:
            return False
        self.looks[position.id].checked_at_ms = self.clock.now_ms()
        return True

    def _due_s(self, position: Position) -> float:
        """When it falls due by time, which no look has to find; never once it has, where it could not be sold then."""
        due_ms, now_ms = due_at_ms(position), self.clock.now_ms()
        return inf if due_ms is None or due_ms <= now_ms else trio.current_time() + (due_ms - now_ms) / 1000
