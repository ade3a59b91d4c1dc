"""One monitor per open position: it looks at every new price and leaves when the exit plan says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable, StoreUnavailable, Unavailable
from bot.execution.alerts import Alert, exit_stuck
from bot.execution.borne_out import BorneOut
from bot.execution.exit_tries import RETRY_MAX_S, Left, Outcome, Tries
from bot.execution.flatten import NOT_ABOUT_TOKEN
from bot.execution.in_flight import InFlight
from bot.execution.messages import awaits_pool_message, awaits_router_message, exit_stuck_message
from bot.execution.position_rest import MonitorLook, PositionRest, reread
from bot.execution.price_book import PriceBook
from bot.execution.quoting import AWAITS_POOL, NO_ROUTER, UNTRUSTED
from bot.execution.rug_book import RugBook
from bot.execution.worth_a_look import is_from_before
from bot.ports import Chain, Desk, Store, Submitted
from bot.trading.curve import AwaitsPoolError, Fees, QuoteError
from bot.trading.exits import Exit, ExitReason, decide_exit, due_by_time
from bot.trading.failures import CURVE_COMPLETE, PRICE_FAILURES, program_failure
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Intent, IntentState, Protection, Side, TradeRequest
from bot.trading.ladder import WAIT_SLOTS, Rung, rung_of
from bot.trading.landing import SLOT_MS, protection_of
from bot.trading.own_impact import worth
from bot.trading.pool import Pool
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import FROZEN, Refused
from bot.trading.rug import lesser, liquidity_exit, rug_exit
from bot.trading.units import BPS
from bot.trading.venue import Venue, awaits_pool

log = structlog.get_logger()

LOOK_S = 1.0  # between two tries to read the row of a position that nobody watches yet
WAIT_S = WAIT_SLOTS * SLOT_MS / 1000  # for the bytes of one rung
OUTCOME_S = 120.0  # the longest wait for one exit's outcome before the position is looked at anew


@dataclass(frozen=True, slots=True)
class PositionMonitor:
    """Watches one position until it is closed. It never gives up: a failed exit is decided and quoted again.

    `forced` makes it leave at once, whatever the price: the worker of a flatten. `known` is the position as whoever
    starts this has just read it.
    """

    position_id: str
    store: Store
    chain: Chain
    desk: Desk
    prices: PriceBook
    in_flight: InFlight
    clock: Clock
    looks: dict[str, MonitorLook]
    rugs: RugBook
    alert: Callable[[Alert], None]
    forced: ExitReason | None = None
    known: Position | None = None

    async def run(self, ctx: Context) -> None:
        position = self.known if self.known is not None and ctx.incarnation == 1 else await self._first_look()
        self.looks[position.id] = MonitorLook(self.clock.now_ms())
        try:
            with self.prices.watching(position.mint, held=True), self._rug_watch(position):
                ctx.ready()
                await self._watch(position, ctx)
        finally:
            del self.looks[position.id]

    def _rug_watch(self, position: Position) -> AbstractContextManager[None]:
        """What the token's creator sells is kept only where the plan asks for it."""
        return nullcontext() if position.plan.rug_share_bps is None else self.rugs.watching(position.mint)

    async def _first_look(self) -> Position:
        """The row, however long the database needs: an outage is no failed start, and whoever starts this needs it too."""
        while True:
            try:
                position = await self.store.position(self.position_id)
            except StoreUnavailable as error:
                log.warning("position_not_read", position=self.position_id, reason=str(error))
                await trio.sleep(LOOK_S)
                continue
            if position is None:
                raise LookupError(f"position {self.position_id} has no row")
            return position

    async def _watch(self, position: Position, ctx: Context) -> None:
        tries = Tries()
        rest = PositionRest(self.store, self.chain, self.prices, self.rugs, self.clock, self.looks, ctx.at)
        rest.put_off(position)
        while position.state is PositionState.OPEN:
            seen = self.prices.latest(position.mint)
            position, decided = await self._decide(position)
            if decided is None:
                position = await rest.until_due(position, seen)
                continue
            tries = tries.after(await self._leave(position, decided, tries))
            tries = await self._told(position, tries)
            await self._rest(position, tries)
            position = await reread(self.store, position)
            rest.put_off(position)

    async def _rest(self, position: Position, tries: Tries) -> None:
        """Before the next exit is decided; a long wait for a pool ends when it opens."""
        least_s = min(tries.rest_s, RETRY_MAX_S)
        await trio.sleep(least_s)
        with trio.move_on_after(tries.rest_s - least_s):
            while tries.awaits_pool and self._awaits_pool(position):
                await self.prices.changed(position.mint)

    @property
    def _borne_out(self) -> BorneOut:
        return BorneOut(self.chain, self.prices, self.clock)

    def _awaits_pool(self, position: Position) -> bool:
        point = self.prices.latest(position.mint)
        return point is not None and awaits_pool(point.venue)

    async def _decide(self, position: Position) -> tuple[Position, Exit | None]:
        """The position with its newest peak, and what to do now."""
        if self.forced is not None:
            return position, Exit(self.forced, BPS, 0)
        looks_for_rugs = position.plan.rug_share_bps is not None  # no other plan asks what is known of its token
        if looks_for_rugs and (rug := rug_exit(position, self.rugs.news(position.mint))) is not None:
            return position, rug
        point = self.prices.latest(position.mint)
        if point is None or is_from_before(point, position):
            return position, due_by_time(position, self.clock.now_ms())
        self.looks[position.id].checked_at_ms = self.clock.now_ms()
        try:
            fees = await self.chain.fees()
            worth_now = worth(position, point.venue, fees)
        except AwaitsPoolError:
            await self._tell_of_wait(position)
            return position, None
        except (QuoteError, ChainUnavailable) as error:
            log.warning("position_not_quoted", position=position.id, mint=position.mint, reason=str(error))
            return position, due_by_time(position, self.clock.now_ms())
        position = await self._at_its_peak(position, point.venue, fees, worth_now)
        await self._at_its_fullest(position, point.venue)
        fullest = self.rugs.news(position.mint).pool if looks_for_rugs else None

        def decide(venue: Venue) -> Exit | None:
            if (emptied := liquidity_exit(position, fullest, venue)) is not None:
                return emptied
            worth_lamports = worth_now if venue is point.venue else self._worth(position, venue, fees)
            return None if worth_lamports is None else decide_exit(position, worth_lamports, self.clock.now_ms())

        return position, await self._borne_out.exit_of(position.mint, point.venue, decide)

    def _worth(self, position: Position, venue: Venue, fees: Fees) -> int | None:
        """What selling all of it would bring, in lamports; None where nothing can be sold there."""
        try:
            return worth(position, venue, fees)
        except QuoteError:
            return None

    async def _at_its_peak(self, position: Position, venue: Venue, fees: Fees, worth_now: int) -> Position:
        """Remember the highest quote, where a trailing stop counts from it; never one that a single endpoint made up."""
        peak_lamports = position.peak_lamports
        if position.plan.trailing_stop_bps is None or worth_now <= peak_lamports:
            return position
        proceeds_lamports = await self._borne_out.least(
            position.mint, venue, lambda shown: self._worth(position, shown, fees) or 0
        )
        if proceeds_lamports <= peak_lamports:
            return position
        try:
            await self.store.note_peak(position.id, proceeds_lamports, token_raw=position.token_raw)
        except Unavailable as error:
            log.warning("peak_not_noted", position=position.id, reason=str(error))
        return replace(position, peak_lamports=proceeds_lamports)

    async def _at_its_fullest(self, position: Position, venue: Venue) -> None:
        """Remember how much is in a pool, for whoever leaves when it is taken out; never what one endpoint made up."""
        if not isinstance(venue, Pool) or not self.rugs.wants_pool(position.mint, venue, self.clock.now_ms()):
            return
        if venue.told_by:
            second = await self._borne_out.shown_by_another(position.mint)
            if not isinstance(second, Pool):
                return
            venue = lesser(venue, second)
        self.rugs.pool_is(position.mint, venue)

    async def _leave(self, position: Position, decided: Exit, tries: Tries) -> Left:
        """Submit one exit, or take up the one on its way, and follow it to its end."""
        # A freeze may last for days: what is tried again and again meanwhile is told once.
        (log.debug if tries.is_frozen else log.info)(
            "exit_decided",
            position=position.id,
            mint=position.mint,
            reason=decided.reason,
            change_bps=decided.change_bps,
            tries=tries.climbs,
            evidence=decided.evidence,
        )
        try:
            settings = await self.store.settings(position.user_id)
            intent = self.in_flight.exit_of(position.id)
            if intent is None:
                rung = rung_of(tries.climbs, settings.slippage_sell_bps, decided.reason, simulated=tries.was_sent)
                request = self._request(position, decided, rung, tries, protection_of(settings, Side.SELL))
                outcome = await self.desk.submit(request, rung)
                if not isinstance(outcome, Submitted):
                    return await self._refused(position, outcome, tries)
                intent = outcome.intent
                self.looks[position.id].told_of_router = False
            climbs = await self._follow(position, intent, decided, settings.slippage_sell_bps, tries.climbs)
            after = await reread(self.store, position)
            if after.token_raw < position.token_raw:
                return Left(Outcome.FILLED)
            ended = await self.store.intent(intent.id)
        except Unavailable as error:
            log.warning("exit_not_submitted", position=position.id, reason=str(error))
            return Left(Outcome.WAITS, str(error))
        failure = ended.failure if ended is not None else None
        if failure is not None and program_failure(CURVE_COMPLETE) in failure:
            return Left(Outcome.NO_POOL, failure)
        landed = ended is not None and ended.state is IntentState.FAILED
        may_be_closing = landed and not any(words in (failure or "") for words in PRICE_FAILURES)
        return Left(Outcome.NOT_FILLED, failure or "it is not proven what became of it", climbs, may_be_closing)

    async def _refused(self, position: Position, refused: Refused, tries: Tries) -> Left:
        """An exit that did not leave: whether it says something of the token, or of who has to be waited for."""
        is_known = tries.is_frozen and refused.code == FROZEN
        (log.debug if is_known else log.warning)(
            "exit_refused", position=position.id, code=refused.code, reason=refused.reason
        )
        if refused.code == AWAITS_POOL:
            await self._tell_of_wait(position)
            return Left(Outcome.NO_POOL, refused.reason)
        if refused.code in {NO_ROUTER, UNTRUSTED}:
            await self._tell_of_router(position, refused.reason)
            return Left(Outcome.NO_ROUTER, refused.reason)
        if refused.code == FROZEN:
            return Left(Outcome.FROZEN, refused.reason)
        waits = refused.code in NOT_ABOUT_TOKEN
        return Left(Outcome.WAITS if waits else Outcome.REFUSED, refused.reason)

    async def _follow(self, position: Position, intent: Intent, decided: Exit, slippage_bps: int, climbs: int) -> int:
        """Wait for the exit's outcome; one that does not land in its rung's time is signed again on the next.

        So is one that landed where its coin no longer trades, at once. Only an exit of everything is, and a take-profit
        only while its price is still there. How many rungs were climbed.
        """
        with trio.move_on_after(OUTCOME_S):
            while followed := self.in_flight.attempts_of(intent.id):
                await self.in_flight.given_time(intent.id, WAIT_S)
                failed = self.in_flight.to_quote_again(intent.id) is not None
                if not self.in_flight.is_undecided(intent.id):
                    break
                if not all(entry.attempt.sells_all for entry in followed):
                    continue
                if decided.reason is ExitReason.TAKE_PROFIT:
                    position, again = await self._decide(position)
                    if again is None:
                        self.in_flight.tried_again(intent.id)
                        continue
                    decided = again
                rung = rung_of(climbs + 1, slippage_bps, decided.reason, simulated=failed)
                answer = await self.desk.again(intent, rung)
                self.in_flight.tried_again(intent.id)
                if isinstance(answer, Submitted):
                    climbs += 1
                else:
                    log.info("exit_not_signed_again", position=position.id, code=answer.code, reason=answer.reason)
        return climbs

    def _request(
        self, position: Position, decided: Exit, rung: Rung, tries: Tries, protection: Protection
    ) -> TradeRequest:
        """Everything is the balance on the chain, dust from outside included, unless a buy of it may still land.

        What must be sold whatever it brings takes every route at once.
        """
        buys = self.in_flight.buys(position.wallet_id, position.mint)
        everything = decided.share_bps == BPS and not buys
        return TradeRequest(
            key=f"exit:{position.id}:{self.clock.new_id()}",
            user_id=position.user_id,
            wallet_id=position.wallet_id,
            mode=position.mode,
            side=Side.SELL,
            mint=position.mint,
            context=TradeContext.AUTOMATED,
            slippage_bps=rung.slippage_bps,
            protection=Protection.OPEN if self.forced is not None else protection,
            causation_id=position.id,
            reason=decided.reason.value,
            evidence=decided.evidence,
            share_bps=BPS if everything else 0,
            token_raw=0 if everything else decided.token_raw or max(position.token_raw * decided.share_bps // BPS, 1),
            keep_account=tries.keeps_account,
            position_id=position.id,
        )

    async def _tell_of_wait(self, position: Position) -> None:
        """Its owner hears once that nobody can sell the coin before its pool opens."""
        look = self.looks[position.id]
        if look.told_of_wait:
            return
        log.info("position_awaits_pool", position=position.id, mint=position.mint)
        try:
            await self.store.post(awaits_pool_message(self.clock, position))
        except Unavailable as error:
            log.warning("wait_for_pool_not_told", position=position.id, reason=str(error))
            return
        look.told_of_wait = True

    async def _tell_of_router(self, position: Position, reason: str) -> None:
        """Its owner hears once, for each time that it lasts, that a sale waits for the aggregator."""
        look = self.looks[position.id]
        if look.told_of_router:
            return
        log.warning("position_awaits_router", position=position.id, mint=position.mint, reason=reason)
        try:
            await self.store.post(awaits_router_message(self.clock, position, reason))
        except Unavailable as error:
            log.warning("wait_for_router_not_told", position=position.id, reason=str(error))
            return
        look.told_of_router = True

    async def _told(self, position: Position, tries: Tries) -> Tries:
        """Nobody waits for an exit in silence: when every rung has failed, its owner and the operator hear why.

        They hear it again whenever the tries have doubled.
        """
        if tries.climbs < tries.told_at:
            return tries
        log.error("exit_stuck", position=position.id, mint=position.mint, tries=tries.climbs, reason=tries.reason)
        self.alert(exit_stuck(position, tries.climbs, tries.reason))
        try:
            await self.store.post(exit_stuck_message(self.clock, position, tries.climbs, tries.reason))
        except Unavailable as error:
            log.warning("exit_stuck_not_told", position=position.id, reason=str(error))
            return tries
        return replace(tries, told_at=tries.climbs * 2)
