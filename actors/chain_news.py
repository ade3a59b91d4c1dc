"""Follows what endpoints tell by themselves of the bot's own business: orders that have landed, and reserves of what is held.

Without it nothing is missed, because everything is polled; with it the next look comes at once, and an exit does not wait for
the logs or for a poll.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import trio

from actors.runtime import Context, Ignore, IgnoreType
from bot.clock import Clock
from bot.execution.in_flight import InFlight
from bot.execution.price_book import PriceBook
from bot.ports import ChainNews, PricePoint
from bot.trading.pool import Pool
from bot.trading.route import Route
from bot.trading.venue import OwnVenue, awaits_pool

# Orders that are signed in a burst are asked for together, and never before their bytes have left.
GATHER_S = 0.02
LOOK_S = 0.5  # between two looks at what is held


@dataclass(slots=True)
class ChainNewsLink:
    """`news` is None where no endpoint is to be subscribed to; there is nothing to run then.

    News that are away pause nobody.
    """

    news: ChainNews | None
    in_flight: InFlight
    prices: PriceBook
    clock: Clock

    async def run(self, ctx: Context) -> IgnoreType:
        if self.news is None:
            await trio.lowlevel.checkpoint()
            return Ignore
        ctx.ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._want_signatures, self.news)
            nursery.start_soon(self._want_reserves, self.news)
            await self.news.follow(self)
        raise AssertionError("news end by being cancelled")

    def landed(self, signature: str) -> None:
        self.in_flight.hint(signature)

    def reserves(self, mint: str, venue: OwnVenue) -> None:
        self.prices.show(mint, PricePoint(venue, self.clock.now_ms()))

    def doubt(self, mint: str) -> None:
        self.prices.doubt(mint)

    async def _want_signatures(self, news: ChainNews) -> NoReturn:
        while True:
            news.want_signatures(self.in_flight.unseen())
            await self.in_flight.changed()
            await trio.sleep(GATHER_S)

    async def _want_reserves(self, news: ChainNews) -> NoReturn:
        while True:
            on_curves: list[str] = []
            in_pools: list[str] = []
            for mint, point in self.prices.held():
                if point is not None and isinstance(point.venue, Route):
                    continue
                # The pool of a coin that waits for it tells that it is there.
                trades_in_pool = point is not None and (isinstance(point.venue, Pool) or awaits_pool(point.venue))
                (in_pools if trades_in_pool else on_curves).append(mint)
            news.want_reserves(on_curves, in_pools)
            await trio.sleep(LOOK_S)
