"""From a copy that is owed to what became of it: its order at the desk, under one key however often it is taken up.

A buy is one order or one refusal. A sale waits for whatever of the token is on its way, sells the leader's fraction of what the
copies hold then, and is tried again while it comes to nothing. For a wallet that is frozen it waits until that ends. One that is
left undone is told to its user: the position keeps its own exits, and he may want more than those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
import trio

from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.copy_news import CopyLook
from bot.execution.in_flight import InFlight
from bot.execution.warning_messages import copied_sale_left_message
from bot.ports import CopyHolding, Desk, OutboxMessage, Store, Submitted
from bot.trading.copying import LATE_MS, Copy, CopyState, RuleState, to_sell
from bot.trading.intent import IN_FLIGHT, Context, Intent, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG
from bot.trading.landing import protection_of
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS

log = structlog.get_logger()

AGAIN_S = 0.5
AWAY_S = 1.0
HANDED_AT_ONCE = 200  # of buys, and as many of sales: a desk that takes its time over buys keeps no sale waiting
SALE_TRIES = (
    7  # orders of one sale that were signed and came to nothing; one that could not be made says nothing of the token
)
SALE_MS = 600_000  # a sale that nobody takes or signs for longer is given up; the position keeps its own exits
PAUSE_MAX_S = 32.0  # before an order under the next key
NOT_KNOWN = frozenset({"unknown", "not_leading"})  # refusals after which the order may exist all the same
SOON = frozenset({"busy", "unavailable", "in_flight"})  # before there was an intent, and the next moment may end them


@dataclass(slots=True)
class _Trying:
    """What this process knows of a sale: since when it could have been taken, and which signed orders came to nothing."""

    since_ms: int
    signed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class CopyOrders:
    """Each method may be cancelled at any moment and taken up again from the row.

    `thawed` waits until nothing freezes a wallet of a user, and says whether anything did.
    """

    store: Store
    desk: Desk
    in_flight: InFlight
    clock: Clock
    look: CopyLook
    thawed: Callable[[str, str], Awaitable[bool]]
    buys_at_once: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(HANDED_AT_ONCE))
    sales_at_once: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(HANDED_AT_ONCE))

    async def see_through(self, copy: Copy) -> None:
        """Take an owed copy to its end, however long services are away."""
        trying = _Trying(self.clock.now_ms())
        while copy.state is CopyState.OWED:
            try:
                after = await (self._buy(copy) if copy.side is Side.BUY else self._sell(copy, trying))
            except Unavailable as error:
                log.info("copy_waits", copy=copy.id, reason=str(error))
                trying.since_ms = self.clock.now_ms()  # nobody could have taken it
                await trio.sleep(AWAY_S)
                continue
            if after.state is CopyState.OWED:
                if await self.thawed(copy.user_id, copy.wallet_id):
                    trying.since_ms = self.clock.now_ms()  # nobody could have taken it
                else:
                    await trio.sleep(AGAIN_S if after.tries == copy.tries else min(2.0**copy.tries, PAUSE_MAX_S))
            copy = after

    async def _buy(self, copy: Copy) -> Copy:
        if self.clock.now_ms() - copy.seen_at_ms > LATE_MS:
            age_s = (self.clock.now_ms() - copy.seen_at_ms) // 1000
            return await self._not_ordered(copy, Refused("late", f"the buy was known for {age_s} s already"))
        # It may have been decided in the moment in which its user left the leader.
        rule = await self.store.copy_rule(copy.rule_id)
        if rule is None or rule.state is not RuleState.ACTIVE:
            why = "" if rule is None else rule.why
            return await self._not_ordered(copy, Refused("leaving", why or "this rule buys nothing more"))
        settings = await self.store.remembered_settings(copy.user_id)
        request = TradeRequest(
            key=copy.key,
            user_id=copy.user_id,
            wallet_id=copy.wallet_id,
            mode=copy.mode,
            side=Side.BUY,
            mint=copy.mint,
            context=Context.COPY_TRADE,
            slippage_bps=settings.slippage_buy_bps,
            protection=protection_of(settings, Side.BUY),
            causation_id=copy.id,
            reason=copy.reason,
            spend_lamports=copy.spend_lamports,
        )
        async with self.buys_at_once:
            outcome = await self.desk.submit(request)
        if isinstance(outcome, Submitted):
            return await self._ordered(copy)
        if outcome.code in NOT_KNOWN or outcome.code in SOON:
            return copy
        return await self._refused(copy, outcome)

    async def _not_ordered(self, copy: Copy, why: Refused) -> Copy:
        """Its order may have been taken before; a new one is not given any more."""
        if await self.store.intent_of(copy.key) is not None:
            return await self._ordered(copy)
        return await self._refused(copy, why)

    async def _sell(self, copy: Copy, trying: _Trying) -> Copy:
        """A sale is given up after SALE_MS in which this process tried: what it found owed is never too old to be tried."""
        intent = await self.store.intent_of(copy.key)
        if intent is not None:
            return await self._after(copy, intent, trying)
        if self.clock.now_ms() - trying.since_ms > SALE_MS:
            why = Refused("given_up", f"nobody took it for {SALE_MS // 60_000} minutes")
            return await self._left(copy, why)
        if self.in_flight.buys(copy.wallet_id, copy.mint):
            return copy
        holding = await self._holding(copy)
        held_raw = 0 if holding is None else holding.held_raw
        token_raw = to_sell(held_raw, copy.leader_token_raw, copy.held_before_raw)
        if holding is None or token_raw == 0:
            return await self._refused(
                copy, Refused("nothing_held", "your copies hold nothing of it that could be sold")
            )
        if token_raw != copy.token_raw:
            copy = await self._moved(copy, replace(copy, token_raw=token_raw))
            if copy.state is not CopyState.OWED:
                return copy
        return await self._submit_sale(copy, trying, sells_all=token_raw == holding.position_raw)

    async def _submit_sale(self, copy: Copy, trying: _Trying, *, sells_all: bool) -> Copy:
        settings = await self.store.remembered_settings(copy.user_id)
        request = TradeRequest(
            key=copy.key,
            user_id=copy.user_id,
            wallet_id=copy.wallet_id,
            mode=copy.mode,
            side=Side.SELL,
            mint=copy.mint,
            context=Context.COPY_TRADE,
            slippage_bps=settings.slippage_sell_bps,
            protection=protection_of(settings, Side.SELL),
            causation_id=copy.id,
            reason=copy.reason,
            token_raw=0 if sells_all else copy.token_raw,
            share_bps=BPS if sells_all else 0,
        )
        async with self.sales_at_once:
            outcome = await self.desk.submit(request, replace(FIRST_RUNG, simulated=True))
        if isinstance(outcome, Submitted):
            return await self._after(copy, outcome.intent, trying)
        if outcome.code == "nothing_to_sell":
            return await self._refused(copy, outcome)
        log.info("copied_sale_waits", copy=copy.id, code=outcome.code, reason=outcome.reason)
        return copy

    async def _holding(self, copy: Copy) -> CopyHolding | None:
        held = await self.store.copy_holdings([copy.rule_id])
        return next((one for one in held if one.mint == copy.mint), None)

    async def _after(self, copy: Copy, intent: Intent, trying: _Trying) -> Copy:
        """What the order of a sale came to; while it is on its way the copy stays owed."""
        if intent.state in IN_FLIGHT:
            await self.in_flight.resolved(intent.id)
            intent = await self.store.intent(intent.id) or intent
        if intent.state in IN_FLIGHT:
            return copy
        if intent.state is IntentState.FILLED:
            return await self._ordered(copy)
        if intent.state is not IntentState.CANCELLED and intent.id not in trying.signed:
            trying.signed.add(intent.id)
            trying.since_ms = self.clock.now_ms()
        if len(trying.signed) >= SALE_TRIES:
            return await self._left(copy, Refused("failed", f"its orders came to nothing: {intent.failure}"))
        return await self._moved(copy, replace(copy, tries=copy.tries + 1))

    async def _ordered(self, copy: Copy) -> Copy:
        now_ms = self.clock.now_ms()
        after = await self._moved(copy, replace(copy, state=CopyState.ORDERED, ordered_at_ms=now_ms))
        self.look.ordered += 1
        if copy.side is Side.BUY:
            self.look.latency_ms.append(now_ms - copy.seen_at_ms)
        return after

    async def _left(self, copy: Copy, why: Refused) -> Copy:
        """A sale that is not tried any more, of which its user is told."""
        return await self._refused(copy, why, copied_sale_left_message(self.clock, copy, why.reason))

    async def _refused(self, copy: Copy, why: Refused, message: OutboxMessage | None = None) -> Copy:
        refused = replace(copy, state=CopyState.REFUSED, code=why.code, reason=why.reason)
        after = await self._moved(copy, refused, message)
        log.info("copy_refused", copy=copy.id, user=copy.user_id, mint=copy.mint, code=why.code, reason=why.reason)
        self.look.refused[why.code] += 1
        return after

    async def _moved(self, copy: Copy, after: Copy, message: OutboxMessage | None = None) -> Copy:
        """The row after it, with its message; whoever finds it moved by somebody else is done with it."""
        if await self.store.move_copy(after, message):
            return after
        log.info("copy_moved_on", copy=copy.id)
        return replace(after, state=CopyState.ORDERED)


def lanes_of(copies: Sequence[Copy]) -> dict[tuple[str, str], list[Copy]]:
    """Owed copies by wallet and token: those of one lane follow each other, in the order in which they were decided."""
    lanes = dict[tuple[str, str], list[Copy]]()
    for copy in copies:
        lanes.setdefault((copy.wallet_id, copy.mint), []).append(copy)
    return lanes
