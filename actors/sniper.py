"""One sniper per user: it holds each opinion against that user's thresholds and buys through the desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
import trio

from actors.runtime import Actor, Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.signal_news import signal_message
from bot.ports import Snipe, SnipeDesk, SnipeRun, Store, Submitted, User, Wallet
from bot.trading.blacklist import blacklisted
from bot.trading.intent import Context as TradeContext
from bot.trading.intent import Side, TradeRequest
from bot.trading.landing import protection_of
from bot.trading.launch import TokenLaunch
from bot.trading.limits import Ceilings
from bot.trading.signal import Ignored, Opinion, Signal, below_floor, judge
from bot.trading.units import format_sol
from bot.trading.weight import FULL, Results, weighed_by_results

log = structlog.get_logger()

REWEIGH_EVERY_S = 600.0
OPINION_MAX_AGE_MS = 5_000  # an opinion that waited longer in the mailbox is not acted on


@dataclass(frozen=True, slots=True)
class Look:
    """An opinion to be judged for this user."""

    launch: TokenLaunch
    opinion: Opinion


class Sniper(Actor[None, Look]):
    """Every look becomes a snipe run with its reason; the run's id is the causation of the buy, and written with it."""

    def __init__(
        self,
        user: User,
        wallet: Wallet,
        store: Store,
        desk: SnipeDesk,
        clock: Clock,
        *,
        adapts: bool = False,
        ceilings: Callable[[], Ceilings] = Ceilings,
    ) -> None:
        self._ceilings = ceilings
        self._user, self._wallet, self._store, self._desk, self._clock = user, wallet, store, desk, clock
        self._adapts, self._weight, self._reweigh_at_s = adapts, FULL, 0.0

    async def handle(self, ctx: Context, state: None, message: Look) -> None:
        try:
            await self._look(message)
        except Unavailable as error:
            log.warning("look_dropped", user=self._user.id, mint=message.opinion.mint, reason=str(error))
        if self._adapts and trio.current_time() >= self._reweigh_at_s:
            await self._reweigh()

    async def _reweigh(self) -> None:
        """Behind a look, so that no order waits for it; a store that does not answer leaves the weight as it is."""
        self._reweigh_at_s = trio.current_time() + REWEIGH_EVERY_S
        try:
            sums = await self._store.closed_sums(self._user.id, self._user.mode)
        except Unavailable as error:
            log.info("strategy_not_weighed", user=self._user.id, reason=str(error))
            return
        mine = [
            Results(one.won, one.lost, one.won_lamports, one.lost_lamports)
            for one in sums
            if one.context is TradeContext.SNIPER
        ]
        weight = weighed_by_results(mine[0] if mine else Results(), self._weight)
        if weight.bps != self._weight.bps:
            log.info("strategy_weight", user=self._user.id, bps=weight.bps, before_bps=self._weight.bps, why=weight.why)
        self._weight = weight

    async def _look(self, message: Look) -> None:
        opinion = message.opinion
        now_ms = self._clock.now_ms()
        read_at_s, settings = trio.current_time(), await self._store.remembered_settings(self._user.id)
        if not settings.snipe_enabled:
            return
        verdict = below_floor(opinion, self._ceilings()) or judge(opinion, settings, self._weight)
        if (unwanted := blacklisted(message.launch, settings.blacklist)) is not None:
            verdict = Ignored("blacklist", unwanted)
        if now_ms - opinion.at_ms > OPINION_MAX_AGE_MS:
            verdict = Ignored("late", f"the opinion waited {(now_ms - opinion.at_ms) / 1000:.1f} s")
        run = SnipeRun(
            id=self._clock.new_id(),
            user_id=self._user.id,
            mint=opinion.mint,
            epoch=settings.snipe_epoch,
            status="SKIPPED" if isinstance(verdict, Ignored) else "MONITORING",
            reason=verdict.reason,
            confidence_bps=opinion.confidence_bps,
            launch_signature=message.launch.signature,
            created_at_ms=now_ms,
            seen_at_ms=message.launch.seen_at_ms,
            version=opinion.version,
            components=opinion.components,
        )
        if isinstance(verdict, Signal) and settings.snipe_tells_only:
            await self._tell(run, verdict)
        elif isinstance(verdict, Signal):
            await self._buy(Snipe(run, settings, read_at_s), verdict)
        else:
            await self._store.open_run(run)

    async def _tell(self, run: SnipeRun, signal: Signal) -> None:
        """Say what would be bought, once for each look; nothing is."""
        reason = f"told only, would have spent {format_sol(signal.spend_lamports)} SOL: {signal.reason}"
        message = signal_message(self._clock, run, signal, self._user.mode)
        await self._store.open_run(replace(run, status="SKIPPED", reason=reason), message)

    async def _buy(self, snipe: Snipe, signal: Signal) -> None:
        run, settings = snipe.run, snipe.settings
        bound = log.bind(user=self._user.id, mint=run.mint, run=run.id)
        bound.info("snipe_signal", spend_lamports=signal.spend_lamports, reason=signal.reason)
        request = TradeRequest(
            key=f"snipe:{run.user_id}:{run.mint}:{run.epoch}",
            user_id=run.user_id,
            wallet_id=self._wallet.id,
            mode=self._user.mode,
            side=Side.BUY,
            mint=run.mint,
            context=TradeContext.SNIPER,
            slippage_bps=settings.slippage_buy_bps,
            protection=protection_of(settings, Side.BUY),
            causation_id=run.id,
            reason=signal.reason,
            spend_lamports=signal.spend_lamports,
        )
        outcome = await self._desk.snipe(request, snipe)
        if isinstance(outcome, Submitted):
            return
        bound.info("snipe_refused", code=outcome.code, reason=outcome.reason)
        status = "FAILED" if outcome.code in {"not_sent", "no_route", "unknown"} else "SKIPPED"
        # One that was looked at before, or may have its intent all the same, keeps the row that it has.
        tell = self._store.open_run if outcome.code == "unknown" else self._store.end_run
        await tell(replace(run, status=status, reason=outcome.reason))
