"""What the picture of an opinion shows: the prices that this bot kept as candles, and what the opinion is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from bot.analysis.candles import KEPT, MINUTE_MS, QUARTER_MS, SECOND_MS
from bot.analysis.momentum import HOLDERS_POINTS, INFLOW_POINTS, PRESSURE_POINTS, PRICE_POINTS, TREND_POINTS
from bot.analysis.token_analysis import Analysis, TokenAnalysis
from bot.clock import Clock
from bot.execution.opinion_book import Judged
from bot.pictures.plain import Dot, OpinionPicture, Part, PricePicture, Stick
from bot.ports import Recipe, User
from bot.telegram.price_pictures import PricePictures
from bot.trading.units import BPS
from bot.trading.venue import Venue

STICKS = 60
# What momentum is made of, and how many points of it each gives at most.
MOMENTUM = (
    ("inflow", INFLOW_POINTS),
    ("holders", HOLDERS_POINTS),
    ("pressure", PRESSURE_POINTS),
    ("price", PRICE_POINTS),
    ("trend", TREND_POINTS),
)
TOKENS_LAMPORTS = 1_000  # lamports for a whole token are so many times SOL for a million
STEP_LEAST_MS = 10_000
ReadPrices = Callable[[], Awaitable[PricePicture]]
LAMPORTS_RAW = 1_000  # lamports for a raw unit are so many SOL for a million tokens


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a token: the opinion, what is measured of it now, and its own trades; None what is not."""

    judged: Judged | None
    analysis: Analysis | None
    trades: TokenAnalysis | None


@dataclass(frozen=True, slots=True)
class OpinionPictures:
    """Reads what such a picture shows; the prices are those of `prices`."""

    prices: PricePictures
    clock: Clock

    def of(self, user: User, mint: str, venue: Venue, shown: Shown) -> Recipe:
        """The picture of a token that trades at this venue now."""
        prices = partial(self.prices.read, user, mint, venue, self.clock.now_ms())
        return partial(self._read, prices, shown)

    async def _read(self, prices: ReadPrices, shown: Shown) -> OpinionPicture:
        kept = await prices()
        opinion = None if shown.judged is None else shown.judged.opinion
        traded, step_ms = _traded(shown.trades, kept.end_ms)
        start_ms = kept.end_ms - KEPT * step_ms
        if not traded:
            start_ms, step_ms = kept.start_ms, max((kept.end_ms - kept.start_ms) // STICKS, STEP_LEAST_MS)
            traded = tuple(sticks_of(kept.dots, step_ms))
        return OpinionPicture(
            mint=kept.mint,
            name=kept.name,
            symbol=kept.symbol,
            mode=kept.mode,
            zone=kept.zone,
            start_ms=min(start_ms, traded[0].at_ms) if traded else start_ms,
            end_ms=kept.end_ms,
            step_ms=step_ms,
            sticks=traded,
            verdict="" if opinion is None else opinion.action.value,
            confidence_bps=0 if opinion is None else opinion.confidence_bps,
            version="" if opinion is None else opinion.version,
            parts=tuple(_parts(shown)),
        )


def _traded(trades: TokenAnalysis | None, now_ms: int) -> tuple[tuple[Stick, ...], int]:
    """Candles out of the token's own trades, of the shortest period that holds its life, and that period in ms."""
    if trades is None:
        return (), 0
    life_ms = now_ms - trades.launch.seen_at_ms
    period_ms = next((one for one in (SECOND_MS, QUARTER_MS) if life_ms <= KEPT * one), MINUTE_MS)
    candles = trades.candles(period_ms)
    shown = [
        Stick(one.start_ms, *(price / TOKENS_LAMPORTS for price in (one.open, one.high, one.low, one.close)))
        for one in candles
        if now_ms - one.start_ms <= KEPT * period_ms
    ]
    return tuple(shown), period_ms


def sticks_of(dots: Sequence[Dot], step_ms: int) -> Iterable[Stick]:
    """Candles of `step_ms` out of prices; a span without any price has none."""
    priced = sorted((dot for dot in dots if dot.quote_lamports > 0 and dot.token_raw > 0), key=lambda dot: dot.at_ms)
    for number, inside in groupby(priced, key=lambda dot: dot.at_ms // step_ms):
        prices = [dot.quote_lamports / dot.token_raw * LAMPORTS_RAW for dot in inside]
        yield Stick(number * step_ms, prices[0], max(prices), min(prices), prices[-1])


def _parts(shown: Shown) -> Iterable[Part]:
    yield Part("confidence", None if shown.judged is None else shown.judged.opinion.confidence_bps * 100 / BPS, 100)
    measured = None if shown.analysis is None else shown.analysis.momentum
    for name, most in MOMENTUM:
        yield Part(f"momentum: {name}", None if measured is None else getattr(measured, name), most)
