"""One monitor per open position: it looks at every new price and leaves when the exit plan says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable, StoreUnavailable, Unavailable
from bot.execution.in_flight import InFlight
from bot.execution.price_book import PriceBook
from bot.ports import Chain, Desk, Store, Submitted
from bot.trading.curve import CurveError, quote_sell
from bot.trading.exits import Exit, ExitReason, decide_exit
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Protection, Side, TradeRequest
from bot.trading.position import Position, PositionState
from bot.trading.units import BPS

log = structlog.get_logger()

LOOK_S = 1.0  # the longest time without a look at the exit plan and at the row, pushed price or not
RETRY_S = 0.25  # after an exit that was refused or did not fill, doubling with each failure in a row
RETRY_MAX_S = 4.0
OUTCOME_S = 120.0  # the longest wait for one exit's outcome before the position is looked at anew
SLIPPAGE_MAX_BPS = 9_500


@dataclass(slots=True)
class MonitorLook:
    """When a position was last looked at, for status and for whoever checks that every position is watched."""

    checked_at_ms: int


class _Outcome(Enum):
    FILLED = auto()
    NOT_FILLED = auto()  # it left, and did not sell
    NOT_SENT = auto()


@dataclass(frozen=True, slots=True)
class _Tries:
    """Failed exits in a row: each doubles the slippage allowed, and one that left keeps the token account from closing."""

    failures: int = 0
    was_sent: bool = False

    def after(self, outcome: _Outcome) -> _Tries:
        if outcome is _Outcome.FILLED:
            return _Tries()
        return _Tries(self.failures + 1, self.was_sent or outcome is _Outcome.NOT_FILLED)


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
    forced: ExitReason | None = None
    known: Position | None = None

    async def run(self, ctx: Context) -> None:
        position = self.known if self.known is not None and ctx.incarnation == 1 else await self._first_look()
        self.looks[position.id] = MonitorLook(self.clock.now_ms())
        try:
            with self.prices.watching(position.mint):
                ctx.ready()
                await self._watch(position)
        finally:
            del self.looks[position.id]

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

    async def _watch(self, position: Position) -> None:
        tries = _Tries()
        reread_at_s = trio.current_time() + LOOK_S
        while position.state is PositionState.OPEN:
            position, decided = await self._decide(position)
            if decided is None:
                with trio.move_on_at(reread_at_s):
                    await self.prices.changed(position.mint)
            else:
                tries = tries.after(await self._leave(position, decided, tries))
                await trio.sleep(min(RETRY_S * 2 ** min(tries.failures, 10), RETRY_MAX_S))
            if decided is not None or trio.current_time() >= reread_at_s:
                position = await self._reread(position)
                reread_at_s = trio.current_time() + LOOK_S

    async def _reread(self, position: Position) -> Position:
        """The row after fills and adjustments; while the database is away the monitor goes on with what it knows."""
        try:
            return await self.store.position(self.position_id) or position
        except StoreUnavailable as error:
            log.warning("position_not_reread", position=position.id, reason=str(error))
            return position

    async def _decide(self, position: Position) -> tuple[Position, Exit | None]:
        """The position with its newest peak, and what to do now."""
        if self.forced is not None:
            return position, Exit(self.forced, BPS, 0)
        point = self.prices.latest(position.mint)
        if point is None:
            return position, None
        self.looks[position.id].checked_at_ms = self.clock.now_ms()
        try:
            fees = await self.chain.fees()
            proceeds_lamports = quote_sell(point.curve, position.token_raw, fees).received_lamports
        except (CurveError, ChainUnavailable) as error:
            log.warning("position_not_quoted", position=position.id, mint=position.mint, reason=str(error))
            return position, None
        position = await self._at_its_peak(position, proceeds_lamports)
        return position, decide_exit(position, proceeds_lamports, self.clock.now_ms())

    async def _at_its_peak(self, position: Position, proceeds_lamports: int) -> Position:
        """Remember the highest quote, where a trailing stop counts from it."""
        if position.plan.trailing_stop_bps is None or proceeds_lamports <= position.peak_lamports:
            return position
        try:
            await self.store.note_peak(position.id, proceeds_lamports, token_raw=position.token_raw)
        except Unavailable as error:
            log.warning("peak_not_noted", position=position.id, reason=str(error))
        return replace(position, peak_lamports=proceeds_lamports)

    async def _leave(self, position: Position, decided: Exit, tries: _Tries) -> _Outcome:
        """Submit one exit and wait for what became of it."""
        log.info(
            "exit_decided",
            position=position.id,
            mint=position.mint,
            reason=decided.reason,
            change_bps=decided.change_bps,
        )
        try:
            settings = await self.store.settings(position.user_id)
            request = self._request(position, decided, settings.slippage_sell_bps, tries)
            outcome = await self.desk.submit(request)
        except Unavailable as error:
            log.warning("exit_not_submitted", position=position.id, reason=str(error))
            return _Outcome.NOT_SENT
        if not isinstance(outcome, Submitted):
            log.warning("exit_refused", position=position.id, code=outcome.code, reason=outcome.reason)
            return _Outcome.NOT_SENT
        with trio.move_on_after(OUTCOME_S):
            await self.in_flight.resolved(outcome.intent.id)
        after = await self._reread(position)
        return _Outcome.FILLED if after.token_raw < position.token_raw else _Outcome.NOT_FILLED

    def _request(self, position: Position, decided: Exit, slippage_bps: int, tries: _Tries) -> TradeRequest:
        return TradeRequest(
            key=f"exit:{position.id}:{self.clock.new_id()}",
            user_id=position.user_id,
            wallet_id=position.wallet_id,
            mode=position.mode,
            side=Side.SELL,
            mint=position.mint,
            context=TradeContext.AUTOMATED,
            slippage_bps=min(slippage_bps << min(tries.failures, 10), SLIPPAGE_MAX_BPS),
            protection=Protection.OPEN,
            causation_id=position.id,
            reason=decided.reason.value,
            token_raw=max(position.token_raw * decided.share_bps // BPS, 1),
            keep_account=tries.was_sent,
            position_id=position.id,
        )
