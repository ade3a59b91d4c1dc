"""Standing orders of users, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import OutboxMessage
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import no_wallet, storable
from bot.trading.standing import StandingOrder, StandingState


class MemoryStandings(MemoryTables):
    """Standing orders by id."""

    async def place_standing(self, order: StandingOrder, *, most_open: int) -> bool:
        await trio.lowlevel.checkpoint()
        wallet = self._wallets.get(order.wallet_id)
        if wallet is None or wallet.user_id != order.user_id:
            raise no_wallet(order.user_id, order.wallet_id)
        if order.id in self._standings:
            return True
        if len(self._open_standings(order.user_id)) >= most_open:
            return False
        self._standings[order.id] = replace(order, why=storable(order.why))
        return True

    async def standing_order(self, order_id: str) -> StandingOrder | None:
        await trio.lowlevel.checkpoint()
        return self._standings.get(order_id)

    async def standing_orders(self, user_id: str | None = None) -> list[StandingOrder]:
        await trio.lowlevel.checkpoint()
        return self._open_standings(user_id)

    async def move_standing(self, after: StandingOrder, message: OutboxMessage | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        before = self._standings.get(after.id)
        if before is None or before.state is not StandingState.OPEN or before.version != after.version - 1:
            return False
        if message is not None:
            self._put_message(message)
        self._standings[after.id] = replace(
            before,
            due_at_ms=after.due_at_ms,
            state=after.state,
            turn=after.turn,
            is_firing=after.is_firing,
            failures=after.failures,
            why_code=after.why_code,
            why=storable(after.why),
            version=after.version,
            closed_at_ms=after.closed_at_ms,
            filled=after.filled,
        )
        return True

    def _open_standings(self, user_id: str | None) -> list[StandingOrder]:
        rows = self._standings.values()
        return [row for row in rows if row.state is StandingState.OPEN and user_id in (None, row.user_id)]
