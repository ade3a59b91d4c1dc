"""Looks at every user's day: what it costs him may pause what buys by itself for him, and sell everything that he holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.alerts import Alert, loss_flatten
from bot.execution.messages import breaker_message, loss_flatten_message
from bot.execution.ordered_causes import BREAKER, LOSS_RULE, PANIC, OrderedCauses
from bot.ports import Chain, Prices, Store, User
from bot.trading.breaker import breaker_trips, flatten_trips
from bot.trading.curve import Fees, QuoteError
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import Position
from bot.trading.trading_state import Binds
from bot.trading.venue import quote_sell

log = structlog.get_logger()

QUOTED_AT_ONCE = 200  # positions, so that ten thousand of them hold up nobody
DAY_AND_MORE_MS = 25 * 3_600_000  # a day has 25 hours where the clocks go back


@dataclass(slots=True)
class _Rule:
    """Whom one rule judges: a user who ended what it ordered has decided about that day, and is judged from the next on."""

    cause: str
    _stood: set[str] = field(default_factory=set)
    _let_on: dict[str, str] = field(default_factory=dict)

    def decided(self, user_id: str, day: str) -> None:
        """A user ended what it had ordered, on a day of his, while an earlier process ran."""
        self._let_on[user_id] = day

    def judges(self, causes: OrderedCauses, user_id: str, day: str) -> bool:
        if causes.stands(self.cause, f"user:{user_id}"):
            self._stood.add(user_id)
            return False
        if user_id in self._stood:
            self._stood.discard(user_id)
            self._let_on[user_id] = day
        return self._let_on.get(user_id) != day

    def ordered(self, user_id: str) -> None:
        """It orders something for a user, who may end that before the next look."""
        self._stood.add(user_id)


@dataclass(slots=True)
class LossRules:
    """A few questions to the database for all users together."""

    store: Store
    chain: Chain
    clock: Clock
    prices: Prices
    causes: OrderedCauses
    alert: Callable[[Alert], None]
    _breaker: _Rule = field(default_factory=lambda: _Rule(BREAKER))
    _flatten: _Rule = field(default_factory=lambda: _Rule(PANIC))
    _remembers: bool = False

    async def look(self, positions: Sequence[Position], ceilings: Ceilings) -> None:
        """Judge everybody once; `positions` are all open ones. Raises StoreUnavailable."""
        users = {user.id: user for user in await self.store.users()}
        settings = await self.store.many_settings(list(users))
        if not self._remembers:
            await self._remember(settings)
        days = {user_id: day_of(self.clock.now_ms(), settings[user_id].timezone) for user_id in users}
        to_pause = {user_id for user_id in users if self._breaker.judges(self.causes, user_id, days[user_id])}
        to_sell = {user_id for user_id in users if self._flatten.judges(self.causes, user_id, days[user_id])}
        judged = {user_id: user for user_id, user in users.items() if user_id in to_pause | to_sell}
        since_ms = {user_id: day_start_ms(days[user_id], settings[user_id].timezone) for user_id in judged}
        results = await self.store.user_days(since_ms)
        unrealized = await self._unrealized(positions, judged, await self._fees())
        held = Counter(position.user_id for position in positions)
        for user_id in judged:
            facts = (results[user_id], unrealized.get(user_id, 0), settings[user_id], ceilings)
            if user_id in to_pause and (why := breaker_trips(*facts)) is not None:
                await self._pause(user_id, why)
            if user_id in to_sell and (why := flatten_trips(*facts)) is not None:
                await self._sell(user_id, why, held[user_id])

    async def _remember(self, settings: Mapping[str, UserSettings]) -> None:
        """Whoever ended a rule's order before this process began has decided about that day of his all the same."""
        rules = {rule.cause: rule for rule in (self._breaker, self._flatten)}
        for cause, by, at_ms in await self.store.ended_since(self.clock.now_ms() - DAY_AND_MORE_MS):
            rule = rules.get(cause.name)
            if rule is not None and by in settings and cause.scope == f"user:{by}":
                rule.decided(by, day_of(at_ms, settings[by].timezone))
        self._remembers = True

    async def _pause(self, user_id: str, why: str) -> None:
        self._breaker.ordered(user_id)
        if await self.causes.pause_user(user_id, BREAKER, by=BREAKER, why=why, binds=Binds.AUTOMATED):
            log.warning("breaker_tripped", user=user_id, why=why)
            await self.store.post(breaker_message(self.clock, user_id, why))

    async def _sell(self, user_id: str, why: str, positions: int) -> None:
        self._flatten.ordered(user_id)
        if await self.causes.pause_user(user_id, PANIC, by=LOSS_RULE, why=why):
            log.warning("flatten_at_loss", user=user_id, why=why, positions=positions)
            self.alert(loss_flatten(user_id, why))
            await self.store.post(loss_flatten_message(self.clock, user_id, why, positions))

    async def _fees(self) -> Fees | None:
        try:
            return await self.chain.fees()
        except (ChainUnavailable, DecodeError):
            return None

    async def _unrealized(
        self, positions: Sequence[Position], users: Mapping[str, User], fees: Fees | None
    ) -> dict[str, int]:
        """By user, what selling all would bring beyond its cost, as far as prices are known; his own mode alone."""
        sums: dict[str, int] = {}
        for number, position in enumerate(positions):
            if number % QUOTED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            user, point = users.get(position.user_id), self.prices.latest(position.mint)
            if user is None or position.mode is not user.mode or point is None or fees is None:
                continue
            try:
                worth_lamports = quote_sell(point.venue, position.token_raw, fees).received_lamports
            except QuoteError:
                continue
            sums[user.id] = sums.get(user.id, 0) + worth_lamports - position.cost_lamports
        return sums
