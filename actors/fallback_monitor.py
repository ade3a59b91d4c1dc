"""Looks after positions whose own monitor is quarantined: stop-loss and time exit by polled reserves, no strategy.

What broke the monitor may break the judgement here too. It then costs this one position its watch, which people are
told, and never the fallback of the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.alerts import Alert, on_fallback, unwatched
from bot.execution.borne_out import BorneOut
from bot.execution.flatten import NOT_ABOUT_TOKEN
from bot.execution.in_flight import InFlight
from bot.execution.lanes import exit_lane
from bot.execution.messages import awaits_pool_message, monitor_lost_message
from bot.ports import Chain, Desk, Store, Submitted
from bot.trading.curve import AwaitsPoolError, Fees, QuoteError
from bot.trading.exits import Exit, decide_exit
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Side, TradeRequest
from bot.trading.ladder import rung_of
from bot.trading.landing import protection_of
from bot.trading.own_impact import worth
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import FROZEN
from bot.trading.venue import Venue

log = structlog.get_logger()

LOOK_S = 1.0


@dataclass(slots=True)
class FallbackMonitor:
    """`orphans` names the positions that have lost their monitor; `watched` is what status counts."""

    store: Store
    chain: Chain
    desk: Desk
    clock: Clock
    in_flight: InFlight
    orphans: Callable[[], list[str]]
    alert: Callable[[Alert], None]
    borne_out: BorneOut
    watched: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _tries: dict[str, int] = field(default_factory=dict)  # exits that left or could not be made, by position
    _refused: dict[str, str] = field(default_factory=dict)  # the code of the latest refusal, by position
    _given_up: set[str] = field(default_factory=set)
    _handed_back: set[str] = field(default_factory=set)
    _awaiting: set[str] = field(default_factory=set)
    _judging: str | None = None
    _judged: trio.Event = field(default_factory=trio.Event)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        try:
            while True:
                try:
                    with exit_lane():
                        await self._look()
                except Unavailable as error:
                    log.warning("fallback_monitor_waits", watched=len(self.watched), reason=str(error))
                await trio.sleep(LOOK_S)
        finally:
            self.watched = set()

    @property
    def known(self) -> frozenset[str]:
        """What it watches, and what it has told people that it cannot judge."""
        return frozenset(self.watched | self._given_up)

    @asynccontextmanager
    async def handing_back(self, position_id: str) -> AsyncIterator[None]:
        """Within this a position is let go of: an order that is being given for it is given first, and no other is.

        Its own monitor is started inside, so that the two never sell beside each other.
        """
        self._handed_back.add(position_id)
        try:
            while self._judging == position_id:
                await self._judged.wait()
            yield
        finally:
            self._handed_back.discard(position_id)
            self.watched.discard(position_id)

    async def _look(self) -> None:
        rows = [await self.store.position(position_id) for position_id in self.orphans()]
        positions = [row for row in rows if row is not None and row.state is PositionState.OPEN]
        await self._tell_of(positions)
        self.watched = {position.id for position in positions} - self._given_up
        if not positions:
            return
        venues = await self.chain.venues([position.mint for position in positions])
        await self._judge_each(positions, venues)
        elsewhere = [position for position in positions if position.mint not in venues]
        if elsewhere:  # whoever asks an aggregator holds up nobody else
            await self._judge_each(elsewhere, await self.chain.routes([position.mint for position in elsewhere]))

    async def _judge_each(self, positions: Sequence[Position], venues: Mapping[str, Venue]) -> None:
        fees = await self.chain.fees()
        for position in positions:
            if position.mint in venues and self._is_ours(position.id):
                await self._judge_alone(position, venues[position.mint], fees)

    def _is_ours(self, position_id: str) -> bool:
        """Asked at the moment of acting: its own monitor may have been let in again since the look began."""
        return position_id not in self._handed_back and position_id in self.orphans()

    async def _judge_alone(self, position: Position, venue: Venue, fees: Fees) -> None:
        self._judging, self._judged = position.id, trio.Event()
        try:
            await self._judge(position, venue, fees)
        finally:
            self._judging = None
            self._judged.set()

    async def _tell_of(self, positions: list[Position]) -> None:
        """Each loss of a monitor once: to the position's owner, and to operators."""
        self._told &= {position.id for position in positions}
        self._tries = {position.id: self._tries.get(position.id, 0) for position in positions}
        self._refused = {position: code for position, code in self._refused.items() if position in self._tries}
        self._given_up &= self._told
        self._awaiting &= self._told
        for position in positions:
            if position.id not in self._told:
                log.error("monitor_quarantined", position=position.id, mint=position.mint, user=position.user_id)
                await self.store.post(monitor_lost_message(self.clock, position))
                self.alert(on_fallback(position))
                self._told.add(position.id)

    async def _judge(self, position: Position, venue: Venue, fees: Fees) -> None:
        try:
            worth(position, venue, fees)
            await self._decide(position, venue, fees)
        except AwaitsPoolError:
            if position.id not in self._awaiting:
                await self.store.post(awaits_pool_message(self.clock, position))
                self._awaiting.add(position.id)
        except QuoteError as error:
            log.warning("position_not_quoted", position=position.id, reason=str(error))
        except Unavailable:
            raise
        except Exception as error:
            # It is tried again every second; the log needs the traceback once, and operators the news once.
            if position.id not in self._given_up:
                log.exception("position_unwatched", position=position.id, mint=position.mint)
                self._given_up.add(position.id)
                self.alert(unwatched(position, repr(error)))
        else:
            self._given_up.discard(position.id)

    async def _decide(self, position: Position, venue: Venue, fees: Fees) -> None:
        if self.in_flight.exit_of(position.id) is not None:
            return  # on its way, and followed by whoever signs it again
        safe = replace(position, plan=replace(position.plan, take_profit_bps=None, take_profit_levels=()))

        def decide(shown: Venue) -> Exit | None:
            try:
                worth_lamports = worth(position, shown, fees)
            except QuoteError:
                return None
            return decide_exit(safe, worth_lamports, self.clock.now_ms())

        decided = await self.borne_out.exit_of(position.mint, venue, decide)
        if decided is None:
            return
        settings = await self.store.settings(position.user_id)
        tries = self._tries.get(position.id, 0)
        rung = rung_of(tries, settings.slippage_sell_bps, decided.reason, simulated=tries > 0)
        outcome = await self.desk.submit(
            TradeRequest(
                key=f"exit:{position.id}:{self.clock.new_id()}",
                user_id=position.user_id,
                wallet_id=position.wallet_id,
                mode=position.mode,
                side=Side.SELL,
                mint=position.mint,
                context=TradeContext.AUTOMATED,
                slippage_bps=rung.slippage_bps,
                protection=protection_of(settings, Side.SELL),
                causation_id=position.id,
                reason=decided.reason.value,
                token_raw=position.token_raw,
                position_id=position.id,
                keep_account=tries > 0,
            ),
            rung,
        )
        if isinstance(outcome, Submitted):
            self._tries[position.id] = tries + 1
        else:
            if outcome.code not in NOT_ABOUT_TOKEN | {FROZEN}:
                self._tries[position.id] = tries + 1
            is_known = self._refused.get(position.id) == outcome.code == FROZEN
            self._refused[position.id] = outcome.code
            (log.debug if is_known else log.warning)(
                "exit_refused", position=position.id, code=outcome.code, reason=outcome.reason
            )
