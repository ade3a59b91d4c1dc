"""Looks at every user's day and pauses the automation of whoever the breaker is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.messages import breaker_message
from bot.execution.ordered_causes import BREAKER, OrderedCauses
from bot.ports import Chain, Prices, Store, User
from bot.trading.breaker import breaker_trips
from bot.trading.curve import Fees, QuoteError
from bot.trading.limits import Ceilings
from bot.trading.position import Position
from bot.trading.trading_state import Binds
from bot.trading.venue import quote_sell

log = structlog.get_logger()


@dataclass(slots=True)
class LossRules:
    """A few questions to the database for all users together.

    A user who ends his breaker has decided about that day: it judges him again from his next day on.
    """

    store: Store
    chain: Chain
    clock: Clock
    prices: Prices
    causes: OrderedCauses
    _paused: set[str] = field(default_factory=set)
    _let_on: dict[str, str] = field(default_factory=dict)

    async def look(self, positions: Sequence[Position], ceilings: Ceilings) -> None:
        """Judge everybody once; `positions` are all open ones. Raises StoreUnavailable."""
        users = {user.id: user for user in await self.store.users()}
        settings = await self.store.many_settings(list(users))
        days = {user_id: day_of(self.clock.now_ms(), settings[user_id].timezone) for user_id in users}
        judged = {user_id: user for user_id, user in users.items() if self._is_judged(user_id, days[user_id])}
        since_ms = {user_id: day_start_ms(days[user_id], settings[user_id].timezone) for user_id in judged}
        results = await self.store.user_days(since_ms)
        unrealized = self._unrealized(positions, judged, await self._fees())
        for user_id in judged:
            why = breaker_trips(results[user_id], unrealized.get(user_id, 0), settings[user_id], ceilings)
            if why is not None:
                await self._trip(user_id, why)

    def _is_judged(self, user_id: str, day: str) -> bool:
        if self.causes.stands(BREAKER, f"user:{user_id}"):
            self._paused.add(user_id)
            return False
        if user_id in self._paused:
            self._paused.discard(user_id)
            self._let_on[user_id] = day
        return self._let_on.get(user_id) != day

    async def _trip(self, user_id: str, why: str) -> None:
        if await self.causes.pause_user(user_id, BREAKER, by=BREAKER, why=why, binds=Binds.AUTOMATED):
            log.warning("breaker_tripped", user=user_id, why=why)
            await self.store.post(breaker_message(self.clock, user_id, why))

    async def _fees(self) -> Fees | None:
        try:
            return await self.chain.fees()
        except (ChainUnavailable, DecodeError):
            return None

    def _unrealized(
        self, positions: Sequence[Position], users: Mapping[str, User], fees: Fees | None
    ) -> dict[str, int]:
        """By user, what selling all would bring beyond its cost, as far as prices are known; his own mode alone."""
        sums: dict[str, int] = {}
        for position in positions:
            user, point = users.get(position.user_id), self.prices.latest(position.mint)
            if user is None or position.mode is not user.mode or point is None or fees is None:
                continue
            try:
                worth_lamports = quote_sell(point.venue, position.token_raw, fees).received_lamports
            except QuoteError:
                continue
            sums[user.id] = sums.get(user.id, 0) + worth_lamports - position.cost_lamports
        return sums
