"""Everything that is measured of one token, moved on by each trade and read at any moment; one definition for all who ask.

Rules, training, serving and pictures read the same `Analysis`. A trade costs the same whether it is the tenth or the
millionth, and memory is bounded whatever is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.analysis.bags import Bags, CreatorBag, Holding
from bot.analysis.candles import MINUTE_MS, QUARTER_MS, SECOND_MS, Candle, CandleRing, CandleSigns
from bot.analysis.curve_signs import TOKEN_RAW, CurveSigns, CurveTrack, price_of
from bot.analysis.facts import CreatorPast, Facts, Learnt, Safety
from bot.analysis.features import Features, TokenWindow
from bot.analysis.flow import Flow, Volume
from bot.analysis.momentum import Momentum, momentum_of
from bot.analysis.patterns import Patterns, Seen, patterns_of
from bot.analysis.regime import Regime
from bot.analysis.scam import Scam, Suspect, scam_of
from bot.analysis.sentiment import Sentiment
from bot.analysis.trend import Trend, trend_of
from bot.trading.community import Crowd
from bot.trading.curve import TOKEN_SUPPLY_RAW, Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.metadata import TokenMetadata
from bot.trading.units import LAMPORTS_PER_SOL

EARLY_MS = 30_000
LIFE_MAX_MS = 10 * 365 * 86_400_000  # a moment further away than this is an error of whoever asks
# More than any curve of a launchpad ever holds or trades; what is above it is an error of whoever tells.
_LAMPORTS_MAX = 100_000 * LAMPORTS_PER_SOL
_TOKENS_MAX = 10 * TOKEN_SUPPLY_RAW


class ImpossibleLaunchError(ValueError):
    """A launch whose curve cannot be: nothing can be measured against it."""


@dataclass(frozen=True, slots=True)
class Creator:
    """What the creator does with this token, and what became of those that he made before; None where nobody knows."""

    bag: CreatorBag
    past: CreatorPast | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """One token at one moment, `at_ms` since 1970. `features` are those of its first trades, as rules read them.

    `knows_traders` is false where trades came without their traders: what is counted by trader in `features` then means
    nothing, and `holders` and the creator's bag are NaN.
    """

    mint: str
    at_ms: int
    age_s: float
    knows_traders: bool
    features: Features
    volume: Volume
    holders: Holding
    curve: CurveSigns
    safety: Safety
    creator: Creator
    candles: CandleSigns
    momentum: Momentum
    patterns: Patterns
    regime: Regime
    trend: Trend
    scam: Scam
    sentiment: Sentiment
    crowd: Crowd


class TokenAnalysis:
    """One token. Raises ImpossibleLaunchError for a launch that cannot be; nothing that is told later raises."""

    def __init__(self, launch: TokenLaunch) -> None:
        if not _can_be(launch.curve):
            raise ImpossibleLaunchError(f"{launch.mint} was launched with reserves that no curve has")
        self.launch = launch
        self._window = TokenWindow(launch)
        self._bags = Bags(launch)
        self._track = CurveTrack(launch.curve)
        self._rings = {period_ms: CandleRing(period_ms) for period_ms in (SECOND_MS, QUARTER_MS, MINUTE_MS)}
        self._learnt = Learnt()
        self._latest_ms = launch.seen_at_ms
        self._early_buys = 0
        self._buys = self._sells = self._bought_lamports = self._sold_lamports = self._traded_raw = 0

    @property
    def latest_ms(self) -> int:
        """When the newest trade was seen; the launch before any."""
        return self._latest_ms

    def add(self, trade: CurveTrade) -> bool:
        """Count a trade; False, changing nothing, for another token's, one told again, or one that cannot be."""
        if not self._is_possible(trade) or not self._window.add(trade):
            return False
        at_ms = self._latest_ms = max(self._latest_ms, trade.seen_at_ms)
        if trade.is_buy:
            self._buys += 1
            self._bought_lamports += trade.quote_lamports
            if trade.trader != self.launch.creator and at_ms - self.launch.seen_at_ms < EARLY_MS:
                self._early_buys += 1
        else:
            self._sells += 1
            self._sold_lamports += trade.quote_lamports
        self._traded_raw += trade.token_raw
        self._track.move(trade.curve)
        self._bags.add(trade, at_ms)
        price = price_of(trade.curve)
        for ring in self._rings.values():
            ring.add(at_ms, price, trade.quote_lamports, is_buy=trade.is_buy)
        return True

    def learn(self, facts: Facts) -> None:
        """Take facts that no trade tells; what they leave out stays as it was learnt before."""
        self._learnt.learn(facts)
        if facts.funders is not None:
            self._bags.learn_funders(facts.funders)

    def candles(self, period_ms: int) -> tuple[Candle, ...]:
        """The newest candles of a second, a quarter of a minute or a minute; KeyError for another period."""
        return self._rings[period_ms].shown()

    @property
    def knows_funders(self) -> bool:
        """Whether somebody told where early buyers had their SOL from, or that nobody knows."""
        return self._bags.knows_funders

    def early_buyers(self, number: int) -> list[str]:
        """Who bought first, the creator apart."""
        return self._bags.early_buyers(number)

    def analysis(self, at_ms: int) -> Analysis:
        """The token as it stands at `at_ms`, which lies within ten years of its launch or is taken for the end of them."""
        at_ms = min(max(at_ms, self.launch.seen_at_ms), self.launch.seen_at_ms + LIFE_MAX_MS)
        learnt, features = self._learnt, self._window.features(at_ms)
        age_s = (at_ms - self.launch.seen_at_ms) / 1000
        volume = self._volume(at_ms)
        seconds = self._rings[SECOND_MS]
        changes = seconds.change(at_ms, 60), self._rings[QUARTER_MS].change(at_ms, 20)
        curve = self._track.signs(volume, changes)
        holding = self._bags.holding(at_ms, learnt.chain_top10_share)
        bag = self._bags.creator()
        trend = trend_of(age_s, volume, learnt.sentiment)
        seen = Seen(age_s, self._early_buys, volume, holding, curve)
        patterns = patterns_of(seen)
        metadata = learnt.metadata or TokenMetadata(self.launch.name, self.launch.symbol, self.launch.uri)
        return Analysis(
            mint=self.launch.mint,
            at_ms=at_ms,
            age_s=age_s,
            knows_traders=self._bags.knows_traders,
            features=features,
            volume=volume,
            holders=holding,
            curve=curve,
            safety=learnt.safety,
            creator=Creator(bag, learnt.creator),
            candles=self._signs(at_ms, curve.price),
            momentum=momentum_of(volume, holding, curve, trend),
            patterns=patterns,
            regime=learnt.regime,
            trend=trend,
            scam=scam_of(Suspect(curve, holding, bag, learnt.creator, learnt.safety, patterns, metadata)),
            sentiment=learnt.sentiment,
            crowd=learnt.crowd,
        )

    def _volume(self, at_ms: int) -> Volume:
        return Volume(
            s10=self._rings[SECOND_MS].flow(at_ms, 10),
            m1=self._rings[SECOND_MS].flow(at_ms, 60),
            m5=self._rings[QUARTER_MS].flow(at_ms, 20),
            h1=self._rings[MINUTE_MS].flow(at_ms, 60),
            whole=Flow(self._buys, self._sells, self._bought_lamports, self._sold_lamports),
        )

    def _signs(self, at_ms: int, price: float) -> CandleSigns:
        spent = self._bought_lamports + self._sold_lamports
        return CandleSigns(
            s1=self._rings[SECOND_MS].indicators(at_ms),
            over_vwap=price * self._traded_raw / (spent * TOKEN_RAW) - 1 if spent else math.nan,
        )

    def _is_possible(self, trade: CurveTrade) -> bool:
        """Whether a curve could have made this trade, and when it is said to have been seen."""
        return (
            0 < trade.token_raw <= TOKEN_SUPPLY_RAW
            and 0 <= trade.quote_lamports <= _LAMPORTS_MAX
            and -LIFE_MAX_MS <= trade.seen_at_ms - self.launch.seen_at_ms <= LIFE_MAX_MS
            and _can_be(trade.curve)
        )


def _can_be(curve: Curve) -> bool:
    return (
        0 < curve.virtual_token_raw <= _TOKENS_MAX
        and 0 < curve.virtual_quote_lamports <= _LAMPORTS_MAX
        and 0 <= curve.real_token_raw <= _TOKENS_MAX
        and 0 <= curve.real_quote_lamports <= _LAMPORTS_MAX
    )
