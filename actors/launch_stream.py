"""Keeps the stream of launches open: every trade's reserves to the price book, every event to whoever hunts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.health import Health
from bot.execution.price_book import PriceBook
from bot.ports import LaunchStream, PricePoint
from bot.trading.landing import SLOT_MS
from bot.trading.launch import CurveLeft, LaunchpadEvent, StreamEvent, ToldTwice

RECONNECT_MIN_S = 0.2
RECONNECT_MAX_S = 5.0


@dataclass(slots=True)
class LaunchStreamLink:
    """A lost stream is no crash: entries pause, prices come by polling, and the stream is opened again."""

    stream: LaunchStream
    prices: PriceBook
    clock: Clock
    health: Health
    hunt: Callable[[LaunchpadEvent | ToldTwice], None]
    down: Callable[[str], None]
    up: Callable[[], None]

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        rest_s = RECONNECT_MIN_S
        while True:
            try:
                async with self.stream.events() as events:
                    self.health.turn(self.clock.now_ms(), "connected", healthy=True)
                    self.up()
                    rest_s = RECONNECT_MIN_S
                    async for event in events:
                        self._take(event)
            except ChainUnavailable as error:
                self.health.turn(self.clock.now_ms(), str(error), healthy=False)
                self.down(str(error))
            await trio.sleep(rest_s)
            rest_s = min(rest_s * 2, RECONNECT_MAX_S)

    def _take(self, event: StreamEvent) -> None:
        if isinstance(event, CurveLeft):
            self.prices.doubt(event.mint)
            return
        if isinstance(event, ToldTwice):
            self.prices.bear_out(event.mint, PricePoint(event.event.curve, event.seen_at_ms))
            self.hunt(event)
            return
        is_late = self.clock.now_ms() - event.seen_at_ms > SLOT_MS
        self.prices.push(event.mint, PricePoint(event.curve, event.seen_at_ms, is_late))
        self.hunt(event)
