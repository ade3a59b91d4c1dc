"""Polls the reserves of watched mints whose push stays away, many in one call."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from bot.execution.policy import Policy
from bot.execution.price_book import PriceBook
from bot.ports import Chain, PricePoint

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PricePoller:
    """The watchdog of the pushed prices: none gets older than half of `price_max_age_ms` while a route answers."""

    chain: Chain
    prices: PriceBook
    clock: Clock
    policy: Policy

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        rest_s = self.policy.price_max_age_ms / 4000
        while True:
            stale = self.prices.older_than(self.clock.now_ms() - self.policy.price_max_age_ms // 2)
            if stale:
                try:
                    with exit_lane():
                        venues = await self.chain.venues(stale)
                except ChainUnavailable as error:
                    log.warning("prices_unavailable", mints=len(stale), reason=str(error))
                else:
                    seen_at_ms = self.clock.now_ms()
                    for mint, venue in venues.items():
                        self.prices.push(mint, PricePoint(venue, seen_at_ms))
            await trio.sleep(rest_s)
