"""Watches one new token for a few seconds and gives one opinion of it, the same for every user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.analysis.facts import Facts
from bot.analysis.features import Features
from bot.analysis.opinion import BUY_BPS, CONFIDENCE_MAX_BPS, rule_opinion
from bot.analysis.sentiment import Sentiment, tempered
from bot.analysis.weighing import weighed
from bot.analysis.witnessed_window import WitnessedWindow
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.analysis_book import AnalysisBook
from bot.execution.entry_model import EntryModel
from bot.execution.opinion_book import OpinionBook
from bot.execution.price_book import PriceBook
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Opinion
from bot.trading.token_check import UNREADABLE, MintFacts, hazards

log = structlog.get_logger()

MINT_RETRY_S = 0.25  # a launch is told of before its accounts are confirmed
LINGER_S = 3.0  # buys that follow the opinion are quoted from pushed reserves for this long


# From this confidence on a token may soon be bought; what entries need of the chain is asked for, again and again.
PROMISING_BPS = 4_000
REHEARSED_EVERY_S = 2.0

# What one stream alone has told is mostly told by another one within this time; then somebody else is asked, and asked again.
TOLD_TWICE_WITHIN_S = 0.05

# What waited no longer than this for its turn is judged as of its own moment: how busy this process is changes no opinion then.
OWN_MOMENT_MS = 250
LOOK_AGAIN_S = 0.25

ReadMint = Callable[[str], Awaitable[MintFacts]]
Rehearse = Callable[[str], Awaitable[None]]
# The reserves of a token as somebody shows them who did not tell those that stand; None where nobody does.
Witness = Callable[[str], Awaitable[Curve | None]]


class Moods(Protocol):
    """Who knows what people write of tokens."""

    def want(self, mint: str) -> None: ...

    def sentiment(self, mint: str) -> Sentiment: ...


@dataclass(slots=True, repr=False)
class TokenTracker:
    """Publishes as soon as the opinion is a strong buy, else at the end of `observe_s` whatever it is.

    Meanwhile it reads the mint, once for all users. A strong opinion waits for that: an order for a token whose
    accounts are not confirmed could not be made either. Once the token is promising, `rehearse` asks the chain for what
    entries need; nobody waits for it. Nobody buys by what one voice alone tells: of such trades none but the newest counts
    until another stream has told it, or the `witness`, who is asked when it comes to that, shows the reserves behind it.
    What else is measured of the token is weighed when an opinion is about to be published, and takes confidence away; so
    it may well be one voice's word.
    """

    launch: TokenLaunch
    observe_s: float
    clock: Clock
    prices: PriceBook
    opinions: OpinionBook
    analyses: AnalysisBook
    read_mint: ReadMint
    rehearse: Rehearse
    witness: Witness
    publish: Callable[[TokenLaunch, Opinion], None]
    moods: Moods
    model: EntryModel
    done: bool = False
    _newest_ms: int = 0  # when the newest trade was seen that is not judged yet
    _window: WitnessedWindow = field(init=False)
    _hazards: tuple[str, ...] | None = None
    _changed: trio.Event = field(default_factory=trio.Event)
    _promising: trio.Event = field(default_factory=trio.Event)
    _doubted: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._window = WitnessedWindow(self.launch)

    def feed(self, trade: CurveTrade) -> None:
        """Take a trade of this token."""
        self._window.add(trade)
        self._newest_ms = max(self._newest_ms, trade.seen_at_ms)
        self._changed.set()

    def bear_out(self, trade: CurveTrade) -> None:
        """Another stream has told the same of a trade."""
        self._window.bear_out(trade)
        self._changed.set()

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        with self.prices.watching(self.launch.mint):
            await self._judge()
            await trio.sleep(LINGER_S)

    async def _judge(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_mint)
                nursery.start_soon(self._rehearse)
                nursery.start_soon(self._ask_others)
                opinion = await self._observe()
                nursery.cancel_scope.cancel()
        finally:
            self.done = True
        opinion = replace(opinion, hazards=(UNREADABLE,) if self._hazards is None else self._hazards)
        log.info(
            "opportunity_found" if opinion.action is Action.BUY else "token_declined",
            mint=opinion.mint,
            confidence_bps=opinion.confidence_bps,
            reasons=opinion.reasons,
            hazards=opinion.hazards,
            version=opinion.version,
        )
        self.publish(self.launch, opinion)

    async def _observe(self) -> Opinion:
        began_ms = self._moment(self.launch.seen_at_ms)
        over_ms = began_ms + round(self.observe_s * 1000)
        deadline_s = trio.current_time() + (over_ms - self.clock.now_ms()) / 1000
        while True:
            is_over = trio.current_time() >= deadline_s
            told = self._opinion(self._window.features(self._moment(over_ms if is_over else self._newest_ms)))
            self._newest_ms = 0
            if told.confidence_bps >= PROMISING_BPS:
                self.moods.want(self.launch.mint)
            if told.confidence_bps >= PROMISING_BPS and self._hazards is not None:
                self._promising.set()
            opinion = self._borne_out(told)
            if is_over or (_is_strong(opinion) and self._hazards is not None):
                opinion = self._weighed(opinion)
            self.opinions.note(self.launch, opinion)
            if _is_strong(opinion) and self._hazards is not None:
                return opinion
            if is_over:
                self._note_contradiction(told, opinion)
                return opinion
            self._changed = trio.Event()
            with trio.move_on_at(deadline_s):
                await self._changed.wait()

    def _moment(self, at_ms: int) -> int:
        """As of when something is judged that was due then."""
        now_ms = self.clock.now_ms()
        return at_ms if 0 <= now_ms - at_ms <= OWN_MOMENT_MS else now_ms

    def _borne_out(self, told: Opinion) -> Opinion:
        """What may be acted upon: an opinion of all trades that speaks for a buy needs more than one voice for them."""
        if told.action is not Action.BUY or self._window.is_sure:
            return told
        self._doubted.set()
        return self._opinion(self._window.sure_features(told.at_ms))

    def _opinion(self, features: Features) -> Opinion:
        """What the rules say, and a little of what people write; that is as it stands, and nobody waits for it."""
        mood = self.moods.sentiment(self.launch.mint)
        return tempered(rule_opinion(features), mood, buy_bps=BUY_BPS, most_bps=CONFIDENCE_MAX_BPS)

    def _weighed(self, opinion: Opinion) -> Opinion:
        """By the model where there is one, and with what else is measured; as it is where nothing was measured."""
        mint = self.launch.mint
        self.analyses.learn(mint, Facts(sentiment=self.moods.sentiment(mint)))
        analysis = self.analyses.analysis(mint, opinion.at_ms)
        if analysis is None:
            return opinion
        return weighed(self.model.judged(opinion, analysis, sure=self._window.is_sure), analysis)

    def _note_contradiction(self, told: Opinion, opinion: Opinion) -> None:
        if told.action is Action.BUY and opinion.action is not Action.BUY:
            log.warning(
                "opinion_of_one_voice",
                mint=told.mint,
                told_by=sorted(self._window.tellers),
                confidence_bps=told.confidence_bps,
                borne_out_bps=opinion.confidence_bps,
            )

    async def _ask_others(self) -> None:
        """Ask for the reserves whenever an opinion hangs on one voice's trades that nobody else tells in time."""
        while True:
            await self._doubted.wait()
            await trio.sleep(TOLD_TWICE_WITHIN_S)
            self._doubted = trio.Event()
            if self._window.is_sure:
                continue
            curve = await self.witness(self.launch.mint)
            if curve is None or not self._window.shown(curve):
                await trio.sleep(LOOK_AGAIN_S)
            self._changed.set()

    async def _rehearse(self) -> None:
        await self._promising.wait()
        while True:
            await self.rehearse(self.launch.mint)
            agreed = self.prices.told_by_all(self.launch.mint)
            if isinstance(agreed, Curve) and self._window.shown(agreed):
                self._changed.set()
            await trio.sleep(REHEARSED_EVERY_S)

    async def _read_mint(self) -> None:
        while True:
            try:
                facts = await self.read_mint(self.launch.mint)
                self._hazards = hazards(facts)
                self.analyses.learn(self.launch.mint, Facts(mint=facts))
                break
            except (LookupError, DecodeError, ChainUnavailable) as error:
                log.debug("mint_not_read_yet", mint=self.launch.mint, reason=str(error))
            # Not in the handler: a stop in the middle of the rest would bring the error out as the tracker's failure.
            await trio.sleep(MINT_RETRY_S)
        self._changed.set()


def _is_strong(opinion: Opinion) -> bool:
    return opinion.action is Action.BUY and opinion.confidence_bps >= STRONG_CONFIDENCE_BPS
