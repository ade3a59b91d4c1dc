"""One actor per standing order: it looks at every new price, and at the time, until the order has ended."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.standing_turns import StandingTurns
from bot.trading.standing import StandingOrder, StandingState

log = structlog.get_logger()

LOOK_S = 1.0  # after a service that was away, and while it is not known what became of an order
LOOK_AGAIN_S = 5.0  # a price that moved in the middle of a look wakes nobody


@dataclass(frozen=True, slots=True)
class StandingWatch:
    """Follows one row. Whatever it does is written before and after, so that it may be ended at any moment."""

    order_id: str
    turns: StandingTurns
    clock: Clock

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        order = await self._read()
        with self.turns.prices.watching(order.mint) if order.is_by_price else nullcontext():
            while order.state is StandingState.OPEN:
                try:
                    after = await self.turns.step(order)
                except Unavailable as error:
                    log.warning("standing_order_waits", order=order.id, reason=str(error))
                    await trio.sleep(LOOK_S)
                    after = await self._read()
                if after == order:
                    await self._rest(order)
                order = after

    async def _read(self) -> StandingOrder:
        """The row, however long the database needs."""
        while True:
            try:
                order = await self.turns.store.standing_order(self.order_id)
            except Unavailable as error:
                log.warning("standing_order_not_read", order=self.order_id, reason=str(error))
                await trio.sleep(LOOK_S)
                continue
            if order is None:
                raise LookupError(f"standing order {self.order_id} has no row")
            return order

    async def _rest(self, order: StandingOrder) -> None:
        """Until there may be something to do: another price, or a time that has come."""
        now_ms = self.clock.now_ms()
        if order.is_firing or (not order.is_by_price and order.due_at_ms <= now_ms):
            await trio.sleep(LOOK_S)
            return
        moments_ms = [at_ms for at_ms in (order.due_at_ms, order.lapses_at_ms) if at_ms is not None and at_ms > now_ms]
        left_s = (min(moments_ms, default=now_ms + 3_600_000) - now_ms) / 1000
        if order.due_at_ms > now_ms:
            await trio.sleep(min(left_s, LOOK_AGAIN_S))
            return
        with trio.move_on_after(min(left_s, LOOK_AGAIN_S)):
            await self.turns.prices.changed(order.mint)
