"""Looks at every user's day: what it costs him may pause what buys by itself for him, and sell everything that he holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.alerts import Alert, loss_flatten
from bot.execution.borne_out import BorneOut
from bot.execution.lanes import exit_lane
from bot.execution.messages import breaker_message, loss_flatten_message
from bot.execution.ordered_causes import BREAKER, LOSS_RULE, PANIC, OrderedCauses
from bot.execution.price_book import PriceBook
from bot.execution.trouble_alerts import day_loss
from bot.execution.warning_messages import day_loss_message
from bot.ports import Chain, Store, User
from bot.trading.breaker import UserDay, breaker_trips, flatten_trips
from bot.trading.curve import Fees, QuoteError
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.own_impact import worth
from bot.trading.position import Position
from bot.trading.risk_gate import refuse_loss
from bot.trading.trading_state import Binds
from bot.trading.venue import Venue

log = structlog.get_logger()

QUOTED_AT_ONCE = 200  # positions, so that ten thousand of them hold up nobody
# What two endpoints may differ by before a loss that one of them tells is not believed.
TOLERANCE_BPS = 500
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


def _closed_by(day: UserDay, unrealized_lamports: int, settings: UserSettings, ceilings: Ceilings) -> str | None:
    """How the loss of a day closes a user's entries, in the words of the gate; None while it does not."""
    refused = refuse_loss(max(0, -day.realized_lamports - unrealized_lamports), settings, ceilings)
    return None if refused is None else refused.reason


@dataclass(slots=True)
class LossRules:
    """A few questions to the database for all users together."""

    store: Store
    chain: Chain
    clock: Clock
    prices: PriceBook
    causes: OrderedCauses
    alert: Callable[[Alert], None]
    _breaker: _Rule = field(default_factory=lambda: _Rule(BREAKER))
    _flatten: _Rule = field(default_factory=lambda: _Rule(PANIC))
    _remembers: bool = False
    _told: dict[str, tuple[str, Mode]] = field(default_factory=dict)  # of whose entries were closed on which day

    async def look(self, positions: Sequence[Position], ceilings: Ceilings) -> None:
        """Judge everybody once; `positions` are all open ones. Raises StoreUnavailable."""
        users = {user.id: user for user in await self.store.users()}
        settings = await self.store.many_settings(list(users))
        if not self._remembers:
            await self._remember(settings)
        days = {user_id: day_of(self.clock.now_ms(), settings[user_id].timezone) for user_id in users}
        to_pause = {user_id for user_id in users if self._breaker.judges(self.causes, user_id, days[user_id])}
        to_sell = {user_id for user_id in users if self._flatten.judges(self.causes, user_id, days[user_id])}
        to_tell = {user_id for user_id, user in users.items() if self._told.get(user_id) != (days[user_id], user.mode)}
        judged = {user_id: user for user_id, user in users.items() if user_id in to_pause | to_sell | to_tell}
        since_ms = {user_id: day_start_ms(days[user_id], settings[user_id].timezone) for user_id in judged}
        results = await self.store.user_days(since_ms)
        held = Counter(position.user_id for position in positions)
        fees = await self._fees()
        unrealized = await self._unrealized(positions, judged, fees, self._price_of)

        def verdicts(user_id: str) -> tuple[str | None, str | None, str | None]:
            facts = (results[user_id], unrealized.get(user_id, 0), settings[user_id], ceilings)
            return (
                _closed_by(*facts) if user_id in to_tell else None,
                breaker_trips(*facts) if user_id in to_pause else None,
                flatten_trips(*facts) if user_id in to_sell else None,
            )

        tripped = {user_id: judged[user_id] for user_id in judged if any(verdicts(user_id))}
        if tripped:
            venues = await self._borne_out([position.mint for position in positions if position.user_id in tripped])
            unrealized = await self._unrealized(positions, tripped, fees, venues.get)
        for user_id in tripped:
            closes, pauses, sells = verdicts(user_id)
            if pauses is not None:
                await self._pause(user_id, pauses)
            if sells is not None:
                await self._sell(user_id, sells, held[user_id])
            if closes is not None:
                await self._tell(users[user_id], days[user_id], closes)

    async def _remember(self, settings: Mapping[str, UserSettings]) -> None:
        """Whoever ended a rule's order before this process began has decided about that day of his all the same."""
        rules = {rule.cause: rule for rule in (self._breaker, self._flatten)}
        for cause, by, at_ms in await self.store.ended_since(self.clock.now_ms() - DAY_AND_MORE_MS):
            rule = rules.get(cause.name)
            if rule is not None and by in settings and cause.scope == f"user:{by}":
                rule.decided(by, day_of(at_ms, settings[by].timezone))
        self._remembers = True

    async def _tell(self, user: User, day: str, why: str) -> None:
        """The gate refuses his entries by itself; that he hears of it only when he buys is too late."""
        await self.store.post(day_loss_message(self.clock, user.id, user.mode, day, why))
        self._told[user.id] = (day, user.mode)
        self.alert(day_loss(user.id, why))

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

    def _price_of(self, mint: str) -> Venue | None:
        point = self.prices.latest(mint)
        return None if point is None else point.venue

    async def _borne_out(self, mints: Iterable[str]) -> Mapping[str, Venue]:
        """What those mints' reserves are by more than one endpoint's word, where a second one answers in time.

        Where two contradict each other and nobody decides, the higher price: positions have stops of their own, and what a
        rule sells cannot be bought back.
        """
        told = {mint: venue for mint in mints if (venue := self._price_of(mint)) is not None}
        witness = BorneOut(self.chain, self.prices, self.clock)
        at_once = trio.CapacityLimiter(QUOTED_AT_ONCE)
        venues: dict[str, Venue] = {}

        async def ask(mint: str, venue: Venue) -> None:
            async with at_once:
                venues[mint] = await witness.quoted(mint, venue, TOLERANCE_BPS, is_sale=True)

        with exit_lane():
            async with trio.open_nursery() as nursery:
                for mint, venue in told.items():
                    nursery.start_soon(ask, mint, venue)
        return venues

    async def _unrealized(
        self,
        positions: Sequence[Position],
        users: Mapping[str, User],
        fees: Fees | None,
        venue_of: Callable[[str], Venue | None],
    ) -> dict[str, int]:
        """By user, what selling all would bring beyond its cost, as far as prices are known; his own mode alone."""
        sums: dict[str, int] = {}
        for number, position in enumerate(positions):
            if number % QUOTED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            user, venue = users.get(position.user_id), venue_of(position.mint)
            if user is None or position.mode is not user.mode or venue is None or fees is None:
                continue
            try:
                worth_lamports = worth(position, venue, fees)
            except QuoteError:
                continue
            sums[user.id] = sums.get(user.id, 0) + worth_lamports - position.cost_lamports
        return sums
