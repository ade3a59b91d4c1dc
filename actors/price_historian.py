"""Keeps what watched tokens cost over time and what new ones are called, and goes on watching those that somebody tracks.

Once an hour it drops what the books keep for a time and not for good, prices among it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable, Unavailable
from bot.execution.forgetting import forget_old
from bot.execution.price_book import PriceBook
from bot.ports import Chain, PastPrice, PricePoint, Store, Token
from bot.trading.launch import TokenLaunch
from bot.trading.pool import Pool
from bot.trading.route import Route

log = structlog.get_logger()

TRACKED_MAX = 500  # tokens that are followed although nobody holds them
ASKED_FOR_MS = 3_600_000
LAUNCHED_FOR_MS = 60_000
TOLD_LATELY_MS = 30_000
UNCHANGED_MS = 60_000  # a price that stands still is written this often
TOKENS_WAIT_MAX = 5_000
BATCH_MAX = 1_000
WORKED_OUT_AT_ONCE = 200  # points, so that ten thousand positions hold up nobody
FORGET_EVERY_S = 3_600.0
REST_AFTER_TROUBLE_S = 5.0


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """A point per token and `sample_s` while its price changes; days before `keep_ms` are dropped."""

    sample_s: float = 10.0
    keep_ms: int = 7 * 86_400_000


@dataclass(slots=True, repr=False)
class PriceHistorian:
    """Off the road of money: a database that is away costs points of the past, which are dropped, and nothing else.

    Tracked tokens are rows, so a restart goes on with them. `read` is told of reserves that were asked for. `dropped` counts
    points and tokens that were not written.
    """

    store: Store
    chain: Chain
    prices: PriceBook
    clock: Clock
    rules: HistoryRules
    read: Callable[[str, PricePoint], None]
    dropped: int = 0
    _tracked: dict[str, int] = field(default_factory=dict)  # until when, by mint
    _new: OrderedDict[str, Token] = field(default_factory=OrderedDict)
    _last: dict[str, PastPrice] = field(default_factory=dict)

    def launched(self, launch: TokenLaunch) -> None:
        """A launch was seen: what it is called is kept, and it is tracked for a while."""
        self._note(
            Token(
                mint=launch.mint,
                name=launch.name,
                symbol=launch.symbol,
                uri=launch.uri,
                creator=launch.creator,
                launched_at_ms=launch.seen_at_ms,
                tracked_until_ms=launch.seen_at_ms + LAUNCHED_FOR_MS,
            )
        )

    def asked(self, token: Token) -> None:
        """Somebody asked about a token: it is tracked from now on for an hour, whatever `token` says of that."""
        until_ms = self.clock.now_ms() + ASKED_FOR_MS
        self._note(
            Token(token.mint, token.name, token.symbol, token.uri, token.creator, token.launched_at_ms, until_ms)
        )

    def unwritten(self, mint: str) -> Token | None:
        """What is known of a token and not in the store yet."""
        return self._new.get(mint)

    def tracked(self) -> int:
        """How many tokens are tracked now."""
        return len(self._tracked)

    async def run(self, ctx: Context) -> None:
        """The actor. A token stays watched across its restarts."""
        ctx.ready()
        await self._until_done(self._take_up)
        forget_at_s = trio.current_time()
        while True:
            await self._look_again()
            await self._until_done(self._write)
            if trio.current_time() >= forget_at_s:
                await self._until_done(self._forget)
                forget_at_s = trio.current_time() + FORGET_EVERY_S
            await trio.sleep(self.rules.sample_s)

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for an outage of the database here; what is of no use later is dropped by `work` itself."""
        while True:
            try:
                await work()
                return
            except Unavailable as error:
                log.info("price_history_waits", reason=str(error))
            await trio.sleep(REST_AFTER_TROUBLE_S)

    def _note(self, token: Token) -> None:
        self._follow(token)
        known = self._new.get(token.mint)
        self._new[token.mint] = token if known is None else known.told(token)
        if len(self._new) > TOKENS_WAIT_MAX:
            self._new.popitem(last=False)
            self.dropped += 1

    def _follow(self, token: Token) -> None:
        if token.mint in self._tracked:
            self._tracked[token.mint] = max(self._tracked[token.mint], token.tracked_until_ms)
            return
        while len(self._tracked) >= TRACKED_MAX:
            self._unfollow(min(self._tracked, key=lambda mint: self._tracked[mint]))
        self.prices.follow(token.mint)
        self._tracked[token.mint] = token.tracked_until_ms

    def _unfollow(self, mint: str) -> None:
        del self._tracked[mint]
        self.prices.unfollow(mint)

    async def _look_again(self) -> None:
        """Read what nobody has told of for a while, all tracked tokens at once; not in the lane of exits."""
        before_ms = self.clock.now_ms() - TOLD_LATELY_MS
        points = {mint: self.prices.newest_of(mint) for mint in self._tracked}
        silent = [mint for mint, point in points.items() if point is None or point.seen_at_ms <= before_ms]
        if not silent:
            return
        try:
            venues = await self.chain.venues(silent)
        except ChainUnavailable as error:
            log.info("tracked_prices_unavailable", mints=len(silent), reason=str(error))
            return
        seen_at_ms = self.clock.now_ms()
        for mint, venue in venues.items():
            point = PricePoint(venue, seen_at_ms)
            self.prices.push(mint, point, outlives_ms=TOLD_LATELY_MS)
            self.read(mint, point)

    async def _take_up(self) -> None:
        """Go on with what an earlier life tracked."""
        for token in await self.store.tracked_tokens(self.clock.now_ms(), TRACKED_MAX):
            self._follow(token)

    async def _write(self) -> None:
        now_ms = self.clock.now_ms()
        for mint in [mint for mint, until_ms in self._tracked.items() if until_ms <= now_ms]:
            self._unfollow(mint)
        while self._new:
            tokens = list(self._new.values())[:BATCH_MAX]
            await self.store.save_tokens(tokens)
            for token in tokens:
                if self._new.get(token.mint) is token:
                    del self._new[token.mint]
        newest = self.prices.newest()
        if len(self._last) > 2 * len(newest):
            known = dict(newest)
            self._last = {mint: point for mint, point in self._last.items() if mint in known}
        for start in range(0, len(newest), BATCH_MAX):
            await self._write_points(newest[start : start + BATCH_MAX], now_ms)

    async def _write_points(self, newest: list[tuple[str, PricePoint]], now_ms: int) -> None:
        """A point for each token whose price has changed, or stood still for a while; none from old reserves."""
        changed: list[PastPrice] = []
        for start in range(0, len(newest), WORKED_OUT_AT_ONCE):
            await trio.lowlevel.checkpoint()
            some = newest[start : start + WORKED_OUT_AT_ONCE]
            points = [_past(mint, point, now_ms) for mint, point in some if point.seen_at_ms > now_ms - UNCHANGED_MS]
            changed += [point for point in points if self._is_news(point)]
        self._last.update((point.mint, point) for point in changed)
        try:
            await self.store.add_prices(changed)
        except Unavailable:
            self.dropped += len(changed)
            raise

    def _is_news(self, point: PastPrice) -> bool:
        last = self._last.get(point.mint)
        if last is None or point.at_ms - last.at_ms >= UNCHANGED_MS:
            return True
        return (point.quote_lamports, point.token_raw) != (last.quote_lamports, last.token_raw)

    async def _forget(self) -> None:
        await forget_old(self.store, self.clock.now_ms(), prices_kept_ms=self.rules.keep_ms)


def _past(mint: str, point: PricePoint, now_ms: int) -> PastPrice:
    venue = point.venue
    if isinstance(venue, Route):
        return PastPrice(mint, now_ms, venue.quote_lamports, venue.token_raw, venue.liquidity_lamports)
    if isinstance(venue, Pool):
        return PastPrice(mint, now_ms, max(venue.priced_lamports, 0), venue.token_raw, venue.liquidity_lamports)
    return PastPrice(mint, now_ms, venue.virtual_quote_lamports, venue.virtual_token_raw, venue.liquidity_lamports)
