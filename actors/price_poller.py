"""Keeps the reserves of watched mints fresh: polls where a push stays away, many in one call, and at once on word of a trade.

The launch stream pushes what happens on curves. Of pools there are only as many followed as somebody watches, and what
comes of them is word that something was traded; what the pool holds then is read like everything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from bot.execution.policy import Policy
from bot.execution.price_book import PriceBook
from bot.ports import Chain, PoolNews, PoolSale, PricePoint
from bot.trading.route import Route
from bot.trading.venue import Venue, told_by

log = structlog.get_logger()

POOLS_MAX = 100  # followed at a time; what is more is only polled
# What one getMultipleAccounts takes. The answer for ten thousand positions in one go would hold up the loop.
BATCH = 100
READS_AT_ONCE = 8
LOOK_S = 1.0
# At each third reading of a mint somebody else is asked, so that nobody alone can hide that its price has fallen. It is counted
# for each mint: a count of the rounds and the rhythm of a mint's readings can miss each other for ever.
ASK_OTHERS_EVERY = 3
OTHERS_WITHIN_S = 0.5
LEAST_REST_S = 0.1  # trades in a burst are read together


@dataclass(frozen=True, slots=True)
class PricePoller:
    """The watchdog of the pushed prices: none gets older than half of `price_max_age_ms` while a route answers.

    Without `pools` those come by polling alone. `read` is told of everything that polling brought, `sold` of sales in pools,
    with the newest look at the pool and when they were heard.
    """

    chain: Chain
    prices: PriceBook
    clock: Clock
    policy: Policy
    pools: PoolNews | None
    read: Callable[[str, PricePoint], None]
    sold: Callable[[PoolSale, Venue | None, int], None]
    _told_alone: set[str] = field(default_factory=set, init=False)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        elsewhere: set[str] = set()
        async with trio.open_nursery() as nursery:
            if self.pools is not None:
                nursery.start_soon(self._hear, self.pools)
            nursery.start_soon(self._look_elsewhere, elsewhere)
            await self._poll(elsewhere)

    async def _look_elsewhere(self, elsewhere: set[str]) -> None:
        """Ask an aggregator about what has no venue of its own; it may take its time, which holds up no other price."""
        while True:
            for mint in sorted(elsewhere):
                elsewhere.discard(mint)
                seen_at_ms = self.clock.now_ms()
                for found, venue in (await self.chain.routes([mint])).items():
                    point = PricePoint(venue, seen_at_ms)
                    self.prices.push(found, point, outlives_ms=self.policy.price_max_age_ms)
            await trio.sleep(LOOK_S)

    async def _poll(self, elsewhere: set[str]) -> None:
        rest_s, known_ms = self.policy.price_max_age_ms / 4000, 0
        while True:
            now_ms = self.clock.now_ms()
            if now_ms < known_ms:
                log.warning("clock_went_back", by_ms=known_ms - now_ms)
                self.prices.forget_ages()
            known_ms = now_ms
            stale = self.prices.older_than(now_ms - self.policy.price_max_age_ms // 2)
            of_others: list[str] = []
            of_anybody: list[str] = []
            for mint in stale:
                (of_others if self.prices.read_again(mint) % ASK_OTHERS_EVERY == 0 else of_anybody).append(mint)
            batches = itertools.chain(_batches(of_others, others=True), _batches(of_anybody, others=False))
            lost: list[tuple[int, str]] = []
            async with trio.open_nursery() as nursery:
                for _ in range(READS_AT_ONCE):
                    nursery.start_soon(self._read, batches, lost, elsewhere)
            missing = sum(mints for mints, _ in lost)
            if lost:
                log.warning("prices_unavailable", mints=missing, reason=lost[-1][1])
            await trio.sleep(min(rest_s, LEAST_REST_S))
            # What some reads lost is asked for again at once; when all are lost nobody answers anyway.
            if missing in {0, len(stale)}:
                with trio.move_on_after(max(rest_s - LEAST_REST_S, 0)):
                    await self.prices.doubts()

    async def _read(
        self, batches: Iterator[tuple[list[str], bool]], lost: list[tuple[int, str]], elsewhere: set[str]
    ) -> None:
        """Read batch after batch, each with one request; what nobody answered is `lost`, how many and why.

        For a batch of others an endpoint is asked that did not tell the last prices. What has no venue of its own goes
        `elsewhere`.
        """
        for mints, others in batches:
            try:
                venues = await self._from_others(mints) if others else {}
                if not venues:
                    with exit_lane():
                        venues = await self.chain.venues(mints)
            except ChainUnavailable as error:
                lost.append((len(mints), str(error)))
                continue
            seen_at_ms = self.clock.now_ms()
            self.prices.answered(seen_at_ms)
            own = {mint: venue for mint, venue in venues.items() if not isinstance(venue, Route)}
            for mint, venue in own.items():
                point = PricePoint(venue, seen_at_ms)
                self.prices.push(mint, point, outlives_ms=self.policy.price_max_age_ms)
                self.read(mint, point)
            elsewhere.update(set(mints) - own.keys())

    async def _from_others(self, mints: list[str]) -> dict[str, Venue]:
        """Within the budgets of whoever is asked; nothing where he refuses or is late."""
        point = self.prices.latest(mints[0])
        teller = "" if point is None else told_by(point.venue)
        with trio.move_on_after(OTHERS_WITHIN_S):
            try:
                found = await self.chain.venues(mints, teller) if teller else {}
                self._told_alone.discard(teller)
                return found
            except ChainUnavailable as error:
                # With one endpoint that is so at every look; it is said once, until somebody else answers.
                if teller not in self._told_alone:
                    log.debug("prices_not_told_by_others", teller=teller, mints=len(mints), reason=str(error))
                self._told_alone.add(teller)
        return {}

    async def _hear(self, pools: PoolNews) -> None:
        """Follow the pools of watched mints, anew whenever they are others."""
        while True:
            mints = self.prices.in_pools()[:POOLS_MAX]
            if mints:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._until_others, mints, nursery.cancel_scope)
                    try:
                        await pools.follow(mints, self.prices.doubt, self._sold)
                    except ChainUnavailable as error:
                        log.info("pools_not_followed", pools=len(mints), reason=str(error))
                    nursery.cancel_scope.cancel()
            await trio.sleep(LOOK_S)

    def _sold(self, sale: PoolSale) -> None:
        point = self.prices.latest(sale.mint)
        self.sold(sale, None if point is None else point.venue, self.clock.now_ms())

    async def _until_others(self, mints: list[str], following: trio.CancelScope) -> None:
        while True:
            await trio.sleep(LOOK_S)
            if self.prices.in_pools()[:POOLS_MAX] != mints:
                following.cancel()
                return


def _batches(mints: list[str], *, others: bool) -> Iterator[tuple[list[str], bool]]:
    """What one request reads each, and whether others are asked."""
    for start in range(0, len(mints), BATCH):
        yield mints[start : start + BATCH], others
