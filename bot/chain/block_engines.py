"""Block engines: the queue before them, their rates, their tip accounts, and how each fares.

A region takes about one request a second from all of our users together, so nothing is sent from where an order is signed:
the bytes wait here for their turn and a task per region sends them. What a region answers decides nothing about an order;
the chain alone says whether it landed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

import structlog
import trio

from bot.chain.engine_client import MAX_STATUSES, EngineClient, open_engine
from bot.chain.key_file import Key
from bot.chain.tip_floor import TipFloor, open_tip_floor
from bot.chain.transport import RateLimited
from bot.chain.turns import Parcel, Turns
from bot.clock import Clock
from bot.errors import ChainUnavailable, SendRejected
from bot.ports import EngineHealth, Routing
from bot.trading.intent import Side

PROBE_S = 10.0  # a region that has nothing to do is asked for its tip accounts, to know that it lives
BACKOFF_MAX_S = 10.0
HINT_AFTER_S = 3.0  # a bundle that is to land has landed by then
HINTS_KEPT = 200
MOST_TRIES = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Region:
    """One region and how many requests a second it allows us."""

    client: EngineClient
    requests_per_s: float


@dataclass(slots=True)
class _Region:
    """One region and what became of what it was asked. Times are trio's."""

    client: EngineClient
    pace_s: float
    since_ms: int
    healthy: bool = False
    detail: str = "not asked yet"
    failures: int = 0
    probe_at_s: float = 0.0
    taken: int = 0
    refused: int = 0
    landed: int = 0
    lost: int = 0
    asked: OrderedDict[str, float] = field(default_factory=OrderedDict)  # bundle id, when it was taken

    def health(self) -> EngineHealth:
        counts = (self.taken, self.refused, self.landed, self.lost)
        return EngineHealth(self.client.name, self.healthy, self.since_ms, self.detail, *counts)

    def rest_s(self, error: ChainUnavailable | None) -> float:
        """How long it is left alone after a request."""
        if error is None:
            return self.pace_s
        if isinstance(error, RateLimited):
            return max(error.wait_s, self.pace_s)
        return max(min(0.5 * (1 << min(self.failures, 6)), BACKOFF_MAX_S), self.pace_s)


class BlockEngines:
    """The port of that name over regions in the order of the settings. Without any nothing can be sent protected.

    `floor` says what tips land.
    """

    def __init__(self, regions: Sequence[Region], clock: Clock, floor: TipFloor | None = None) -> None:
        self._floor = floor
        self._clock = clock
        self._regions = [_Region(one.client, 1 / one.requests_per_s, clock.now_ms()) for one in regions]
        self._turns = Turns()
        self._arrival = trio.Event()
        self._tip_accounts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<BlockEngines {', '.join(region.client.name for region in self._regions)}>"

    @property
    def waiting(self) -> int:
        return len(self._turns)

    def health(self) -> list[EngineHealth]:
        return [region.health() for region in self._regions]

    def tip_account(self, mint: str) -> str | None:
        """Where an order of this mint tips, the same for the same mint, so that orders run in parallel.

        None while no region is well: what is signed for one then would not be sent.
        """
        if not self._tip_accounts or not any(region.healthy for region in self._regions):
            return None
        return self._tip_accounts[sum(mint.encode()) % len(self._tip_accounts)]

    def landing_tip(self) -> int | None:
        """The tip in lamports that mostly lands; None while nobody says it."""
        return None if self._floor is None else self._floor.lamports()

    def offer(self, raw: bytes, routing: Routing) -> None:
        """Let signed bytes wait for their turn; raises ChainUnavailable when no region is configured or too many wait."""
        if not self._regions:
            raise ChainUnavailable("no block engine is configured, and this order may go by nothing else")
        parcel = Parcel(raw, routing.user_id, routing.side is Side.SELL, trio.current_time())
        if not self._turns.put(parcel):
            raise ChainUnavailable("too many orders wait for a block engine already")
        self._arrival.set()

    async def run(self, ready: Callable[[], None]) -> NoReturn:
        async with trio.open_nursery() as nursery:
            for region in self._regions:
                nursery.start_soon(self._serve, region)
            if self._floor is not None:
                nursery.start_soon(self._floor.keep)
            ready()
            await trio.sleep_forever()
        raise AssertionError("a nursery that sleeps for ever has ended")

    async def _serve(self, region: _Region) -> NoReturn:
        while True:
            error = await self._one_request(region)
            await trio.sleep(region.rest_s(error))

    async def _one_request(self, region: _Region) -> ChainUnavailable | None:
        """Wait for something to ask this region, and ask it; the trouble that it made, if it made any."""
        while True:
            now_s = trio.current_time()
            if now_s >= region.probe_at_s:
                return await self._judged(region, self._probe)
            parcel = self._turns.take(now_s)
            if parcel is not None:
                return await self._deliver(region, parcel)
            hint_at_s = next(iter(region.asked.values()), region.probe_at_s) + HINT_AFTER_S
            if region.asked and now_s >= hint_at_s:
                return await self._judged(region, self._ask_hints)
            self._arrival = self._arrival if not self._arrival.is_set() else trio.Event()
            with trio.move_on_at(min(region.probe_at_s, hint_at_s)):
                await self._arrival.wait()

    async def _judged(self, region: _Region, ask: Callable[[_Region], Awaitable[None]]) -> ChainUnavailable | None:
        try:
            await ask(region)
        except ChainUnavailable as error:
            self._failed(region, error)
            return error
        self._well(region)
        return None

    async def _probe(self, region: _Region) -> None:
        self._tip_accounts = tuple(await region.client.tip_accounts())

    async def _ask_hints(self, region: _Region) -> None:
        ids = list(region.asked)[:MAX_STATUSES]
        for bundle_id in ids:
            del region.asked[bundle_id]
        for bundle_id, status in (await region.client.inflight(ids)).items():
            region.landed += status == "Landed"
            region.lost += status in {"Failed", "Invalid"}
            log.info("bundle_hint", engine=region.client.name, bundle=bundle_id, status=status)

    async def _deliver(self, region: _Region, parcel: Parcel) -> ChainUnavailable | None:
        """Hand one order to a region. Trouble of the region's gives the order's turn to the next one that is free."""
        try:
            bundle_id = await region.client.send(parcel.raw)
        except SendRejected as error:
            region.refused += 1
            log.warning("bundle_refused", engine=region.client.name, user=parcel.user_id, reason=str(error))
        except ChainUnavailable as error:
            if parcel.tries + 1 < MOST_TRIES:
                self._turns.put_back(replace(parcel, tries=parcel.tries + 1))
                self._arrival.set()
            self._failed(region, error)
            return error
        else:
            region.taken += 1
            region.asked[bundle_id] = trio.current_time()
            while len(region.asked) > HINTS_KEPT:
                region.asked.popitem(last=False)
            log.info("bundle_taken", engine=region.client.name, user=parcel.user_id, bundle=bundle_id)
        self._well(region)
        return None

    def _well(self, region: _Region) -> None:
        region.failures = 0
        region.probe_at_s = trio.current_time() + PROBE_S
        self._turn(region, f"{region.taken} bundles taken, {region.refused} refused", healthy=True)

    def _failed(self, region: _Region, error: ChainUnavailable) -> None:
        region.failures += 1
        if isinstance(error, RateLimited):
            log.info("engine_asks_for_rest", engine=region.client.name, wait_s=error.wait_s)
            return
        region.probe_at_s = 0.0
        self._turn(region, str(error), healthy=False)

    def _turn(self, region: _Region, detail: str, *, healthy: bool) -> None:
        if region.healthy is not healthy:
            region.healthy, region.since_ms = healthy, self._clock.now_ms()
        region.detail = detail


@asynccontextmanager
async def open_engines(
    regions: Sequence[tuple[str, float, Key | None]], floor_url: str | None, clock: Clock
) -> AsyncIterator[BlockEngines]:
    """Regions by the root of their URL, their rate and their key, for the time of the block; StartupError for no URL.

    `floor_url` is that of the feed of landed tips, None without one.
    """
    async with AsyncExitStack() as opened:
        floor = await opened.enter_async_context(open_tip_floor(floor_url))
        yield BlockEngines(
            [Region(await opened.enter_async_context(open_engine(url, key)), rate) for url, rate, key in regions],
            clock,
            floor,
        )
