"""The turns of standing orders: when one begins, the order that it becomes, and what its end makes of the row.

A turn is written before its order is handed to the desk, and ends only when what became of that order is in the books. A
crash in between begins the same turn again, under the same key, which is the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import structlog
import trio

from bot.clock import Clock
from bot.execution.borne_out import BorneOut
from bot.execution.in_flight import InFlight
from bot.execution.messages import standing_ended_message, standing_fired_message, standing_waits_message
from bot.execution.price_book import PriceBook
from bot.ports import Chain, Desk, OutboxMessage, Store, Submitted
from bot.trading.intent import TERMINAL, Context, Intent, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG
from bot.trading.landing import protection_of
from bot.trading.limits import UserSettings
from bot.trading.standing import (
    StandingKind,
    StandingOrder,
    StandingState,
    after_set_back,
    came_to_nothing,
    fired,
    is_reached,
    lapsed,
    refused,
    traded,
)
from bot.trading.units import BPS
from bot.trading.venue import Venue

log = structlog.get_logger()

NOT_KNOWN = frozenset({"unknown", "not_leading"})  # refusals after which the order may exist all the same
OTHER_MODE = "other_mode"
HELD_S = 240.0  # an executor that has held an order for longer was ended before (`hung_after_ms` of supervision.toml)


@dataclass(frozen=True, slots=True)
class StandingTurns:
    """What one look at a standing order does. Every method raises Unavailable for a service that is away."""

    store: Store
    chain: Chain
    desk: Desk
    prices: PriceBook
    borne_out: BorneOut
    in_flight: InFlight
    clock: Clock
    _handed_in_s: dict[str, float] = field(default_factory=dict)  # by key, orders of which no answer came

    async def step(self, order: StandingOrder) -> StandingOrder:
        """One look at an open order; the order after it, the same one where nothing was to be done."""
        if order.is_firing and (intent := await self.store.intent_of(order.key)) is not None:
            return await self._end_of_turn(order, intent)
        now_ms = self.clock.now_ms()
        if order.has_lapsed(now_ms) and not self._may_come(order):
            return await self._moved(order, lapsed(order, now_ms))
        if (nearer := after_set_back(order, now_ms)) is not None:
            return await self._moved(order, nearer)
        if now_ms < order.due_at_ms or (order.is_by_price and not await self._reached(order, order.token_raw)):
            return order
        token_raw = order.token_raw
        if order.kind is StandingKind.LIMIT_SELL:
            token_raw = await self._to_sell(order)
            if token_raw == 0:
                return await self._moved(order, refused(order, "nothing_to_sell", "", now_ms))
            if token_raw != order.token_raw and not await self._reached(order, token_raw):
                return order
        elif not await self._is_in_its_mode(order):
            why = f"you are not in mode {order.mode.value} now, and nothing is bought in another one"
            return await self._moved(order, refused(order, OTHER_MODE, why, now_ms))
        return await self._fire(order, token_raw)

    async def _reached(self, order: StandingOrder, token_raw: int) -> bool:
        """Whether the price of a limit is there, by more than one endpoint's word."""
        point = self.prices.latest(order.mint)
        if point is None:
            return False
        fees = await self.chain.fees()

        def reached(venue: Venue) -> bool:
            return is_reached(order, token_raw, venue, fees)

        is_sale = order.kind is StandingKind.LIMIT_SELL
        return await self.borne_out.reached(order.mint, point.venue, reached, is_sale=is_sale)

    async def _to_sell(self, order: StandingOrder) -> int:
        """What a sale sells now: no more than its user holds, and all of that where he said so."""
        held = await self.store.open_positions(order.user_id)
        held_raw = sum(one.token_raw for one in held if (one.wallet_id, one.mint) == (order.wallet_id, order.mint))
        return held_raw if order.sells_all else min(order.token_raw, held_raw)

    async def _is_in_its_mode(self, order: StandingOrder) -> bool:
        users = await self.store.users()
        return any(user.id == order.user_id and user.mode is order.mode for user in users)

    async def _fire(self, order: StandingOrder, token_raw: int) -> StandingOrder:
        """Write that the turn has begun, and hand its order to the desk, which judges it as it does any other."""
        settings = await self.store.settings(order.user_id)
        if not order.is_firing:
            order = await self._moved(order, fired(order))
            if not order.is_firing:
                return order
        log.info("standing_order_fires", order=order.id, mint=order.mint, kind=order.kind, turn=order.turn)
        request = _request(order, settings, token_raw)
        rung = replace(FIRST_RUNG, simulated=True) if request.side is Side.SELL else FIRST_RUNG
        may_come = self._may_come(order)
        if not may_come:
            self._handed_in_s[order.key] = trio.current_time()
        outcome = await self.desk.submit(request, rung)
        if isinstance(outcome, Submitted):
            return await self._end_of_turn(order, outcome.intent)
        log.info("standing_order_refused", order=order.id, code=outcome.code, reason=outcome.reason)
        if may_come or outcome.code in NOT_KNOWN:
            return order
        del self._handed_in_s[order.key]
        return await self._moved(order, refused(order, outcome.code, outcome.reason, self.clock.now_ms()))

    def _may_come(self, order: StandingOrder) -> bool:
        """Whether the order of this turn was handed in without an answer, and may wait for its wallet's executor yet.

        Then the turn is the same until that order is there, or nobody can hold it any more.
        """
        handed_in_s = self._handed_in_s.get(order.key)
        return handed_in_s is not None and trio.current_time() < handed_in_s + HELD_S

    async def _end_of_turn(self, order: StandingOrder, intent: Intent) -> StandingOrder:
        """Tell that the order has left, wait for its outcome, and write what that makes of the standing order."""
        self._handed_in_s.pop(order.key, None)
        if intent.state is not IntentState.CANCELLED:
            await self.store.post(standing_fired_message(self.clock, order, intent))
        await self.in_flight.resolved(intent.id)
        ended = await self.store.intent(intent.id)
        if ended is None or ended.state not in TERMINAL:
            return order
        now_ms = self.clock.now_ms()
        if ended.state is IntentState.FILLED:
            return await self._moved(order, traded(order, now_ms))
        return await self._moved(order, came_to_nothing(order, ended.failure or "it never landed", now_ms))

    async def _moved(self, before: StandingOrder, after: StandingOrder) -> StandingOrder:
        """The next version of the row with the message that belongs to it; whatever the row is where it is another by now."""
        if await self.store.move_standing(after, self._news(before, after)):
            if after.state is not before.state:
                log.info("standing_order_ended", order=after.id, state=after.state, code=after.why_code)
            return after
        log.info("standing_order_moved_on", order=before.id, version=before.version)
        return await self.store.standing_order(before.id) or before

    def _news(self, before: StandingOrder, after: StandingOrder) -> OutboxMessage | None:
        """A wait is told once for each reason."""
        if after.state is not StandingState.OPEN:
            return standing_ended_message(self.clock, after)
        if after.why_code and after.why_code != before.why_code:
            return standing_waits_message(self.clock, after)
        return None


def _request(order: StandingOrder, settings: UserSettings, token_raw: int) -> TradeRequest:
    """The order of the next turn. Its price is in its bounds, however far its user's slippage goes."""
    is_sale = order.kind is StandingKind.LIMIT_SELL
    side = Side.SELL if is_sale else Side.BUY
    return TradeRequest(
        key=order.key,
        user_id=order.user_id,
        wallet_id=order.wallet_id,
        mode=order.mode,
        side=side,
        mint=order.mint,
        context=Context.AUTOMATED,
        slippage_bps=settings.slippage_sell_bps if is_sale else settings.slippage_buy_bps,
        protection=protection_of(settings, side),
        causation_id=order.id,
        reason=order.kind.value,
        spend_lamports=order.spend_lamports,
        token_raw=0 if order.sells_all else token_raw,
        share_bps=BPS if order.sells_all else 0,
        min_token_raw=0 if is_sale else order.least_token_raw,
        min_lamports=order.least_lamports(token_raw) if is_sale else 0,
    )
