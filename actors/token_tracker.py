"""Watches one new token for a few seconds and gives one opinion of it, the same for every user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.analysis.features import TokenWindow
from bot.analysis.opinion import rule_opinion
from bot.clock import Clock
from bot.execution.opinion_book import OpinionBook
from bot.execution.price_book import PriceBook
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Opinion

log = structlog.get_logger()

LINGER_S = 3.0  # buys that follow the opinion are quoted from pushed reserves for this long


@dataclass(slots=True, repr=False)
class TokenTracker:
    """Publishes as soon as the opinion is a strong buy, else at the end of `observe_s` whatever it is."""

    launch: TokenLaunch
    observe_s: float
    clock: Clock
    prices: PriceBook
    opinions: OpinionBook
    publish: Callable[[TokenLaunch, Opinion], None]
    done: bool = False
    _window: TokenWindow = field(init=False)
    _changed: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._window = TokenWindow(self.launch)

    def feed(self, trade: CurveTrade) -> None:
        """Take a trade of this token."""
        self._window.add(trade)
        self._changed.set()

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        with self.prices.watching(self.launch.mint):
            await self._judge()
            await trio.sleep(LINGER_S)

    async def _judge(self) -> None:
        try:
            opinion = await self._observe()
        finally:
            self.done = True
        log.info(
            "opportunity_found" if opinion.action is Action.BUY else "token_declined",
            mint=opinion.mint,
            confidence_bps=opinion.confidence_bps,
            reasons=opinion.reasons,
            version=opinion.version,
        )
        self.publish(self.launch, opinion)

    async def _observe(self) -> Opinion:
        deadline_s = trio.current_time() + self.observe_s
        while True:
            opinion = rule_opinion(self._window.features(self.clock.now_ms()))
            self.opinions.note(self.launch, opinion)
            strong = opinion.action is Action.BUY and opinion.confidence_bps >= STRONG_CONFIDENCE_BPS
            if strong or trio.current_time() >= deadline_s:
                return opinion
            self._changed = trio.Event()
            with trio.move_on_at(deadline_s):
                await self._changed.wait()
