"""Looks after positions whose own monitor is quarantined: stop-loss and time exit by polled reserves, no strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.lanes import exit_lane
from bot.execution.messages import monitor_lost_message
from bot.ports import Chain, Desk, Store, Submitted
from bot.trading.curve import CurveError, quote_sell
from bot.trading.exits import decide_exit
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Protection, Side, TradeRequest
from bot.trading.position import Position, PositionState

log = structlog.get_logger()

LOOK_S = 1.0


@dataclass(slots=True)
class FallbackMonitor:
    """`quarantined` names the positions that have lost their monitor; `watched` is what status counts."""

    store: Store
    chain: Chain
    desk: Desk
    clock: Clock
    quarantined: Callable[[], list[str]]
    watched: set[str] = field(default_factory=set)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                with exit_lane():
                    await self._look()
            except Unavailable as error:
                log.warning("fallback_monitor_waits", watched=len(self.watched), reason=str(error))
            await trio.sleep(LOOK_S)

    async def _look(self) -> None:
        rows = [await self.store.position(position_id) for position_id in self.quarantined()]
        positions = [row for row in rows if row is not None and row.state is PositionState.OPEN]
        for position in positions:
            if position.id not in self.watched:
                log.error("monitor_quarantined", position=position.id, mint=position.mint, user=position.user_id)
                await self.store.post(monitor_lost_message(self.clock, position))
        self.watched = {position.id for position in positions}
        if not positions:
            return
        curves = await self.chain.curves([position.mint for position in positions])
        fees = await self.chain.fees()
        for position in positions:
            if position.mint in curves:
                try:
                    worth_lamports = quote_sell(curves[position.mint], position.token_raw, fees).received_lamports
                except CurveError as error:
                    log.warning("position_not_quoted", position=position.id, reason=str(error))
                    continue
                await self._decide(position, worth_lamports)

    async def _decide(self, position: Position, worth_lamports: int) -> None:
        safe = replace(position, plan=replace(position.plan, take_profit_bps=None))
        decided = decide_exit(safe, worth_lamports, self.clock.now_ms())
        if decided is None:
            return
        settings = await self.store.settings(position.user_id)
        outcome = await self.desk.submit(
            TradeRequest(
                key=f"exit:{position.id}:{self.clock.new_id()}",
                user_id=position.user_id,
                wallet_id=position.wallet_id,
                mode=position.mode,
                side=Side.SELL,
                mint=position.mint,
                context=TradeContext.AUTOMATED,
                slippage_bps=settings.slippage_sell_bps,
                protection=Protection.OPEN,
                causation_id=position.id,
                reason=decided.reason.value,
                token_raw=position.token_raw,
                position_id=position.id,
            )
        )
        if not isinstance(outcome, Submitted):
            log.warning("exit_refused", position=position.id, code=outcome.code, reason=outcome.reason)
