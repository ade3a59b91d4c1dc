"""What is known of held tokens that speaks for leaving them: sales of creators, and who else bears them out.

A stream is one endpoint's word, and a made-up sale of a creator would sell out every holder at once. So a sale counts only
when a second connection has told it alike, or another endpoint shows its transaction. Unlike with a stop nobody's single word
is enough while others are away: the stop itself still stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog
import trio

from bot.ports import PoolSale
from bot.trading.launch import CurveTrade, LaunchpadEvent, ToldTwice
from bot.trading.pool import Pool
from bot.trading.rug import LEAST_SALE_RAW, CreatorSale, PowersChanged, RugNews, has_grown, has_passed_on
from bot.trading.token_check import MintPowers
from bot.trading.venue import OwnVenue, Venue

log = structlog.get_logger()

SALES_KEPT = 64  # of one token; the latest
POOL_ASKED_EVERY_MS = 5_000
DOUBTED_MAX = 64  # sales that wait for a witness; what is told beyond that is left to the stops


@dataclass(frozen=True, slots=True)
class ToldSale:
    """A sale that one alone told of. `venue` is where it was, as its teller showed it; its creator is said to be the seller."""

    mint: str
    seller: str
    signature: str
    seen_at_ms: int
    venue: OwnVenue


@dataclass(slots=True)
class _Sale:
    """One transaction's sales. `parts` are those that two told, by the reserves after each; `recorded_raw` is its record's."""

    seen_at_ms: int
    parts: dict[int, int] = field(default_factory=dict)
    recorded_raw: int = 0

    @property
    def proven_raw(self) -> int:
        return max(self.recorded_raw, sum(self.parts.values()))


@dataclass(slots=True)
class _Token:
    watchers: int = 0
    creator: str = ""
    sales: dict[str, _Sale] = field(default_factory=dict)
    first_powers: MintPowers | None = None
    powers: PowersChanged | None = None
    pool: Pool | None = None
    pool_asked_at_ms: int = 0


class RugBook:
    """Only tokens that somebody watches are kept. `wake` is called with a mint whose news may change a decision."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._tokens: dict[str, _Token] = {}
        self._doubted, self._to_judge = trio.open_memory_channel[ToldSale](DOUBTED_MAX)

    @contextmanager
    def watching(self, mint: str) -> Iterator[None]:
        """Keep what a token's creator sells for as long as the block runs."""
        token = self._tokens.setdefault(mint, _Token())
        token.watchers += 1
        try:
            yield
        finally:
            token.watchers -= 1
            if token.watchers == 0:
                del self._tokens[mint]

    def heard(self, event: LaunchpadEvent | ToldTwice) -> None:
        """Take what the stream tells; everything but sales by the creators of watched tokens is none of this book's."""
        trade = event.event if isinstance(event, ToldTwice) else event
        if isinstance(trade, CurveTrade) and not trade.is_buy and trade.trader == trade.curve.creator:
            self.told(
                ToldSale(trade.mint, trade.trader, trade.signature, trade.seen_at_ms, trade.curve),
                trade.token_raw,
                part=trade.curve.virtual_token_raw,
            )

    def heard_in_pool(self, sale: PoolSale, pool: Venue | None, now_ms: int) -> None:
        """Take a sale in a token's pool, of which `pool` is the newest look."""
        if isinstance(pool, Pool) and sale.seller == pool.creator:
            told = ToldSale(sale.mint, sale.seller, sale.signature, now_ms, replace(pool, told_by=sale.told_by))
            self.told(told, sale.token_raw, part=sale.part)

    def told(self, sale: ToldSale, token_raw: int, *, part: int) -> None:
        """Take a sale of so many raw units; `part` tells apart several of one transaction.

        It counts at once where two told it alike or there is nobody else to ask, which its venue says; else it is doubted.
        """
        token = self._tokens.get(sale.mint)
        if token is None or token_raw < LEAST_SALE_RAW:
            return
        if not sale.venue.told_by:
            self._entry(token, sale).parts[part] = token_raw
            self._proven(sale, token)
            return
        try:
            self._doubted.send_nowait(sale)
        except trio.WouldBlock:
            log.warning("creator_sale_not_judged", mint=sale.mint, signature=sale.signature, waiting=DOUBTED_MAX)

    async def doubtful(self) -> ToldSale:
        """The next sale that nobody else has told of yet."""
        return await self._to_judge.receive()

    def is_wanted(self, sale: ToldSale) -> bool:
        """Whether anybody still waits for word of a sale: its token is watched, and nobody has borne it out yet."""
        token = self._tokens.get(sale.mint)
        return token is not None and sale.signature not in token.sales

    def recorded(self, sale: ToldSale, token_raw: int) -> None:
        """Another than its teller shows the transaction, in which the creator sold so many raw units in all."""
        token = self._tokens.get(sale.mint)
        if token is not None:
            self._entry(token, sale).recorded_raw = token_raw
            self._proven(sale, token)

    def watched(self) -> list[str]:
        """The tokens that somebody watches."""
        return list(self._tokens)

    def powers_of(self, mint: str, powers: MintPowers, now_ms: int) -> None:
        """Take a look at who holds the powers over a token that two show alike; the first one is what others differ from."""
        token = self._tokens.get(mint)
        if token is None:
            return
        if token.first_powers is None:
            token.first_powers = powers
        elif token.powers is None and has_passed_on(token.first_powers, powers):
            token.powers = PowersChanged(token.first_powers, powers, now_ms)
            log.info("authority_changed", mint=mint, before=token.first_powers, after=powers)
            self._wake(mint)

    def wants_pool(self, mint: str, pool: Pool, now_ms: int) -> bool:
        """Whether a look at a pool is fuller than what is held against others, and was not asked of another just now."""
        token = self._tokens.get(mint)
        if token is None or not has_grown(token.pool, pool) or now_ms - token.pool_asked_at_ms < POOL_ASKED_EVERY_MS:
            return False
        token.pool_asked_at_ms = now_ms
        return True

    def pool_is(self, mint: str, pool: Pool) -> None:
        """Hold later looks at a token's pool against this one, which is nobody's single word."""
        token = self._tokens.get(mint)
        if token is not None and has_grown(token.pool, pool):
            token.pool = pool

    def news(self, mint: str) -> RugNews:
        """What is proven of a token since it is watched."""
        token = self._tokens.get(mint, _Token())
        sales = [CreatorSale(signature, sale.proven_raw, sale.seen_at_ms) for signature, sale in token.sales.items()]
        return RugNews(token.creator, tuple(sales), token.powers, token.pool)

    def _entry(self, token: _Token, sale: ToldSale) -> _Sale:
        return token.sales.setdefault(sale.signature, _Sale(sale.seen_at_ms))

    def _proven(self, sale: ToldSale, token: _Token) -> None:
        token.creator = sale.seller
        while len(token.sales) > SALES_KEPT:
            del token.sales[next(iter(token.sales))]
        log.info(
            "creator_sold",
            mint=sale.mint,
            creator=sale.seller,
            signature=sale.signature,
            token_raw=token.sales[sale.signature].proven_raw,
        )
        self._wake(sale.mint)
