"""The aggregator as the way for tokens without a curve and without a pool of their own: offers, their rate, its health.

An offer to look at is shared and some seconds old; an order stands on an offer of its own for exactly its amount. Orders
take the turns that the aggregator's rate leaves before anybody who only looks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

import structlog
import trio

from bot.chain.addresses import WRAPPED_SOL_MINT
from bot.chain.jupiter_check import check_quote
from bot.chain.jupiter_client import (
    Instructions,
    JupiterClient,
    NoWayError,
    Quoted,
    RouterResting,
    impact_bps,
)
from bot.clock import Clock
from bot.errors import RouterUnavailable, SendRejected
from bot.ports import RouterHealth
from bot.trading.intent import Side
from bot.trading.route import Route, RouteError

Answer = TypeVar("Answer")

SOL = str(WRAPPED_SOL_MINT)
SAMPLE_AGE_S = 5.0
SAMPLE_KEPT_S = 15.0  # a look that is older says nothing any more
SAMPLE_LAMPORTS = 50_000_000  # the first look at a token that nobody holds yet
SAMPLE_SLIPPAGE_BPS = 100
BURST = 4  # requests that may come at once; its window is a minute
KEPT_FOR_ORDERS = 2.0  # of that burst
TURN_WITHIN_S = 10.0
NO_WAY_FOR_S = 30.0
LIE_S = 60.0  # how long a proposal of another trade keeps it ill, whatever it answers meanwhile
MAX_KEPT = 500

log = structlog.get_logger()


class Pace:
    """Turns at a rate, a few of them at once. Times are trio's."""

    def __init__(self, requests_per_s: float) -> None:
        self._per_s = requests_per_s
        self._left = float(BURST)
        self._at_s = trio.current_time()

    def _refill(self) -> None:
        now_s = trio.current_time()
        self._left = min(float(BURST), self._left + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = max(self._at_s, now_s)

    @property
    def has_room(self) -> bool:
        """Whether somebody who only looks may ask now."""
        self._refill()
        return self._left > KEPT_FOR_ORDERS

    async def turn(self) -> None:
        """Wait for a turn; raises RouterUnavailable where that would take too long."""
        self._refill()
        wait_s = max(0.0, (1.0 - self._left) / self._per_s) + max(0.0, self._at_s - trio.current_time())
        if wait_s > TURN_WITHIN_S:
            raise RouterUnavailable(f"Jupiter: too many orders wait for it already, {wait_s:.0f} s of them")
        self._left -= 1.0
        await trio.sleep(wait_s)

    def rest(self, wait_s: float) -> None:
        """Nobody asks for so long."""
        self._left = min(self._left, 0.0)
        self._at_s = trio.current_time() + wait_s


class Jupiter:
    """Offers from one client. `slot` says the newest slot that is known, which an offer is of where it names none."""

    def __init__(self, client: JupiterClient, requests_per_s: float, clock: Clock, slot: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock
        self._slot = slot
        self._pace = Pace(requests_per_s)
        self._ids = count(1)
        self._offers: OrderedDict[int, Quoted] = OrderedDict()
        self._samples: OrderedDict[str, tuple[Route, float]] = OrderedDict()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._no_way: OrderedDict[str, float] = OrderedDict()
        self._looking = trio.Lock()
        self._ill_until_s = 0.0
        self._health = RouterHealth(client.name, healthy=True, since_ms=clock.now_ms(), detail="not asked yet")

    def __repr__(self) -> str:
        return f"<Jupiter {self._client.name}>"

    def health(self) -> RouterHealth:
        return self._health

    def note_size(self, mint: str, token_raw: int) -> None:
        """Somebody here holds so much of a token: looks at it are for the most that anybody holds."""
        if token_raw > self._sizes.get(mint, 0) and (mint in self._samples or mint in self._sizes):
            _keep(self._sizes, mint, token_raw)

    def known(self, mint: str) -> Route | None:
        """The latest look at a token, where it is young enough to say something."""
        sample = self._samples.get(mint)
        return sample[0] if sample is not None and trio.current_time() < sample[1] + SAMPLE_KEPT_S else None

    async def look(self, mint: str, *, for_order: bool = False) -> Route | None:
        """What selling about what somebody here holds of a token brings, some seconds old at most.

        None where no market is known. Raises RouterUnavailable, also while its rate has room for orders alone.
        """
        async with self._looking:  # many look at one token: the first asks
            now_s, sample = trio.current_time(), self._samples.get(mint)
            if sample is not None and now_s < sample[1] + SAMPLE_AGE_S:
                return sample[0]
            if now_s < self._no_way.get(mint, 0.0) + NO_WAY_FOR_S and mint in self._no_way:
                return None
            if not (for_order or self._pace.has_room):
                raise RouterUnavailable("Jupiter: its rate has room for orders alone now")
            try:
                route = await self._sampled(mint)
            except NoWayError as error:
                log.info("no_market_found", mint=mint, reason=str(error))
                _keep(self._no_way, mint, now_s)
                return None
            self._no_way.pop(mint, None)
            _keep(self._samples, mint, (route, now_s))
            return route

    async def _sampled(self, mint: str) -> Route:
        size = self._sizes.get(mint)
        if size is None:
            first = await self._offered(mint, Side.BUY, SAMPLE_LAMPORTS, SAMPLE_SLIPPAGE_BPS)
            size = first[0].token_raw
            _keep(self._sizes, mint, size)
        return (await self._offered(mint, Side.SELL, size, SAMPLE_SLIPPAGE_BPS))[0]

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:
        """An offer for exactly this amount of lamports (buy) or raw tokens (sale), that an order may stand on.

        Whoever looks at the token next asks anew: an order is not judged by what was seen before it. Raises RouteError where
        no market takes it, RouterUnavailable, and SendRejected for an answer to another question.
        """
        try:
            route, quoted = await self._offered(mint, side, amount, slippage_bps)
        except NoWayError as error:
            raise RouteError(f"{error}: no market takes this amount of the token") from None
        _keep(self._offers, route.id, quoted)
        self._samples.pop(mint, None)
        if side is Side.BUY:
            self._sizes.setdefault(mint, route.token_raw)
        return route

    async def _offered(self, mint: str, side: Side, amount: int, slippage_bps: int) -> tuple[Route, Quoted]:
        source, target = (SOL, mint) if side is Side.BUY else (mint, SOL)
        quoted = await self._asked(lambda: self._client.quote(source, target, amount, slippage_bps))
        try:
            promised = check_quote(quoted.quote, source, target, amount, slippage_bps)
        except SendRejected as error:
            self.lied(str(error))
            raise
        token_raw, lamports = (promised, amount) if side is Side.BUY else (amount, promised)
        markets = tuple(step.swap_info.label or step.swap_info.amm_key for step in quoted.quote.route_plan)
        slot = max(self._slot(), quoted.quote.context_slot)
        return Route(side, token_raw, lamports, impact_bps(quoted.quote), slot, markets, next(self._ids)), quoted

    async def instructions(self, route: Route, wallet: str) -> Instructions:
        """What would carry an offer out for a wallet, unchecked.

        Raises RouterUnavailable, and SendRejected for an offer that is gone.
        """
        quoted = self._offers.get(route.id)
        if quoted is None:
            raise SendRejected("expired", "the offer is too old; it has to be asked for again")
        try:
            return await self._asked(lambda: self._client.instructions(quoted, wallet))
        except NoWayError as error:
            raise SendRejected("simulation", str(error)) from None

    def lied(self, what: str) -> None:
        """A proposal was not what was asked for."""
        log.error("router_untrusted", router=self._client.name, reason=what)
        self._ill_until_s = trio.current_time() + LIE_S
        self._turn(what, healthy=False)

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """One question at its turn; how it fared is noted."""
        await self._pace.turn()
        try:
            answer = await ask()
        except RouterResting as error:
            self._pace.rest(error.wait_s)
            self._turn(str(error), healthy=False)
            raise
        except RouterUnavailable as error:
            self._turn(str(error), healthy=False)
            raise
        except NoWayError:
            self._turn("answers", healthy=True)
            raise
        self._turn("answers", healthy=True)
        return answer

    def _turn(self, detail: str, *, healthy: bool) -> None:
        if healthy and trio.current_time() < self._ill_until_s:
            return
        turned = self._health.healthy is not healthy
        if turned:
            log.info("router_turned", router=self._client.name, healthy=healthy, detail=detail)
        since_ms = self._clock.now_ms() if turned else self._health.since_ms
        self._health = RouterHealth(self._client.name, healthy=healthy, since_ms=since_ms, detail=detail)


Key = TypeVar("Key")
Value = TypeVar("Value")


def _keep(table: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Put an entry, and let the oldest go beyond the bound."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > MAX_KEPT:
        table.popitem(last=False)
