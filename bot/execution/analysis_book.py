"""What is measured of the tokens that are traded now, for the trackers, the ranking, and whoever asks about one of them.

Bounded: the token that was traded the longest ago makes room. All of it comes from the stream as it is told; who buys by it
asks elsewhere whether more than one voice told the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

import structlog
import trio

from bot.analysis.creators import CreatorBook, Fate, together
from bot.analysis.facts import CreatorPast, Facts
from bot.analysis.regime import UNKNOWN_REGIME, Regime, TokenMove, regime_of
from bot.analysis.token_analysis import Analysis, ImpossibleLaunchError, TokenAnalysis
from bot.ports import PastCreator, PastMarket, PastToken
from bot.trading.launch import CurveTrade, TokenLaunch

log = structlog.get_logger()

TOKENS_MAX = 400
QUIET_MS = 900_000  # a token that nobody trades for so long is let go
MISSED_MAX = 20_000  # trades while an earlier life is read
TRADES_AT_ONCE = 200  # of a token that is recalled
NOTHING_BEFORE = CreatorPast(0, 0, 0, 0.0)
AT_ONCE = 5  # tokens that are looked at before others get their turn


@dataclass(frozen=True, slots=True)
class Ranked:
    """A token and what was measured of it."""

    launch: TokenLaunch
    analysis: Analysis


@dataclass(slots=True)
class _Token:
    analysis: TokenAnalysis
    before: CreatorPast | None = None
    fate: Fate = field(default_factory=Fate)


@dataclass(slots=True)
class AnalysisBook:
    """One analysis per token, moved on by its trades. `regime` is the market at the last look at all of them."""

    regime: Regime = UNKNOWN_REGIME
    ranking: list[Ranked] = field(default_factory=list)
    _tokens: OrderedDict[str, _Token] = field(default_factory=OrderedDict)
    _creators: CreatorBook = field(default_factory=CreatorBook)
    _missed: list[CurveTrade] | None = None

    def __len__(self) -> int:
        return len(self._tokens)

    def launched(self, launch: TokenLaunch) -> None:
        """Begin with a token; one that is there goes on."""
        if launch.mint in self._tokens:
            return
        try:
            token = _Token(TokenAnalysis(launch))
        except ImpossibleLaunchError as error:
            log.info("token_not_analysed", mint=launch.mint, reason=str(error))
            return
        token.before = self._creators.launched(launch)
        token.analysis.learn(Facts(creator=token.before, regime=self.regime))
        self._tokens[launch.mint] = token
        if len(self._tokens) > TOKENS_MAX:
            _, old = self._tokens.popitem(last=False)
            self._look(old, old.analysis.latest_ms)

    def traded(self, trade: CurveTrade) -> None:
        """Take a trade; of a token whose launch nobody told nothing is measured."""
        token = self._tokens.get(trade.mint)
        if token is None and self._missed is not None and len(self._missed) < MISSED_MAX:
            self._missed.append(trade)
        if token is None or not token.analysis.add(trade):
            return
        self._tokens.move_to_end(trade.mint)
        if trade.trader == token.analysis.launch.creator and not trade.is_buy:
            self._look(token, trade.seen_at_ms)

    def expect_past(self) -> None:
        """An earlier life will be recalled: trades of tokens that are not known yet are kept for then."""
        self._missed = []

    def remember(self, trades: Mapping[str, Sequence[CurveTrade]]) -> PastMarket:
        """What another life may begin with: the creators, and each token that is here, with these trades of it."""
        return PastMarket(
            tuple(_past_creator(creator, past) for creator, past in self._creators.known()),
            tuple(
                PastToken(
                    token.analysis.launch,
                    tuple(trades.get(mint, ())),
                    token.fate.left,
                    token.fate.graduated,
                    _past_creator(token.analysis.launch.creator, token.before or NOTHING_BEFORE),
                )
                for mint, token in self._tokens.items()
            ),
        )

    async def recall(self, past: PastMarket) -> None:
        """Begin with what an earlier life knew; a token that was launched again since is left as it is.

        It gives others their turn as `refresh` does.
        """
        earlier = {one.creator: _creator_past(one) for one in past.creators}
        self._creators.recall(earlier.items())
        for young in self._tokens.values():
            if (made := earlier.get(young.analysis.launch.creator)) is not None:
                young.before = together(made, young.before or NOTHING_BEFORE)
                young.analysis.learn(Facts(creator=young.before))
        for one in reversed(past.tokens):
            mint = one.launch.mint
            try:
                token = _Token(TokenAnalysis(one.launch), _creator_past(one.before))
            except ImpossibleLaunchError as error:
                log.info("token_not_analysed", mint=mint, reason=str(error))
                continue
            token.fate = Fate(one.has_left, one.has_graduated)
            for place, trade in enumerate(one.trades):
                if place % TRADES_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
                token.analysis.add(trade)
            # Nothing waits from here on, so that no trade comes between what was missed and what is told next.
            if mint in self._tokens or len(self._tokens) >= TOKENS_MAX:
                continue
            token.analysis.learn(Facts(creator=token.before, regime=self.regime))
            for trade in self._missed or ():
                if trade.mint == mint:
                    token.analysis.add(trade)
            self._tokens[mint] = token
            self._tokens.move_to_end(mint, last=False)
            self._look(token, token.analysis.latest_ms)
        self._missed = None

    def learn(self, mint: str, facts: Facts) -> None:
        """Take what somebody read of a token elsewhere; nothing for one that is not here."""
        if (token := self._tokens.get(mint)) is not None:
            token.analysis.learn(facts)

    def of(self, mint: str) -> TokenAnalysis | None:
        """A token's analysis, for its candles and whoever bought first."""
        token = self._tokens.get(mint)
        return None if token is None else token.analysis

    def analysis(self, mint: str, now_ms: int) -> Analysis | None:
        """What is measured of a token now; None for one that is not here."""
        token = self._tokens.get(mint)
        return None if token is None else token.analysis.analysis(now_ms)

    def past_of(self, creator: str) -> CreatorPast | None:
        """What a creator has made so far; None for one who launched nothing that this bot saw, or long ago."""
        return self._creators.of(creator)

    def top(self, number: int, now_ms: int, besides: Iterable[str] = ()) -> list[Ranked]:
        """The tokens with the highest momentum, measured anew.

        Asked are the first of the last look at all, and `besides` some that may be younger than that.
        """
        asked = dict.fromkeys([*(one.launch.mint for one in self.ranking[: 3 * number]), *besides])
        found = [(token.analysis.launch, token.analysis) for mint in asked if (token := self._tokens.get(mint))]
        fresh = [Ranked(launch, token.analysis(now_ms)) for launch, token in found]
        return nlargest(number, fresh, key=_momentum)

    async def refresh(self, now_ms: int) -> None:
        """Look at all tokens: let quiet ones go, rank the others, and teach them what kind of market it is.

        It gives others their turn between a few tokens each.
        """
        ranked: list[Ranked] = []
        for place, (mint, token) in enumerate(list(self._tokens.items())):
            if place % AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            if now_ms - token.analysis.latest_ms > QUIET_MS:
                self._tokens.pop(mint, None)
            ranked.append(Ranked(token.analysis.launch, self._look(token, now_ms)))
        self.regime = regime_of([_move(one.analysis) for one in ranked])
        for token in self._tokens.values():
            token.analysis.learn(Facts(regime=self.regime))
        alive = [one for one in ranked if one.launch.mint in self._tokens]
        self.ranking = sorted(alive, key=_momentum, reverse=True)

    def _look(self, token: _Token, now_ms: int) -> Analysis:
        analysis = token.analysis.analysis(now_ms)
        self._creators.seen(token.analysis.launch.creator, analysis, token.fate)
        return analysis


def _past_creator(creator: str, past: CreatorPast) -> PastCreator:
    return PastCreator(creator, past.launches, past.quick_exits, past.graduated, past.best_peak)


def _creator_past(past: PastCreator) -> CreatorPast:
    return CreatorPast(past.launches, past.quick_exits, past.graduated, past.best_peak)


def _momentum(ranked: Ranked) -> float:
    return ranked.analysis.momentum.score


def _move(analysis: Analysis) -> TokenMove:
    flow = analysis.volume.m5
    return TokenMove(analysis.curve.change_m5, flow.volume_lamports, flow.net_lamports)
