"""Looks at all tokens that are traded every half minute: what kind of market it is, which have momentum, who holds those."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.analysis.facts import Facts
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError, Unavailable
from bot.execution.analysis_book import AnalysisBook, Ranked
from bot.execution.funding import sources_of
from bot.ports import Chain, MarketRecording, PastMarket, WalletHistory

log = structlog.get_logger()

EVERY_MS = 30_000
TOLD = 5  # of the ranking, in the log
ASKED_AT_ONCE = 3  # tokens whose holders the chain is asked for, a round
MOMENTUM_LEAST = 40.0  # of a token that is worth a question
EARLY_BUYERS = 6  # of whom it is asked where their SOL came from


@dataclass(frozen=True, slots=True)
class MarketAnalyst:
    """Off the road of money: an endpoint that does not answer costs facts, which stay as they were, and nothing else.

    `recording` has what an earlier life of the bot saw, None where nothing is recorded: its measurements begin with that, once.
    It looks at whole half minutes of the clock, so that the kind of market does not hang on when the bot was started.
    """

    analyses: AnalysisBook
    chain: Chain
    history: WalletHistory
    clock: Clock
    recording: MarketRecording | None = None

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        async with trio.open_nursery() as nursery:
            if self.recording is not None and ctx.incarnation == 1:
                self.analyses.expect_past()
                nursery.start_soon(self._recall, self.recording, self.clock.now_ms())
            await self._look()

    async def _recall(self, recording: MarketRecording, before_ms: int) -> None:
        past = PastMarket()
        try:
            past = await recording.past(before_ms)
        except Unavailable as error:
            log.warning("past_not_recalled", reason=str(error))
        await self.analyses.recall(past)
        log.info("past_recalled", creators=len(past.creators), tokens=len(past.tokens))

    async def _look(self) -> None:
        at_ms = self.clock.now_ms()
        while True:
            await self.analyses.refresh(at_ms)
            self._tell()
            for ranked in self.analyses.ranking[:ASKED_AT_ONCE]:
                if ranked.analysis.momentum.score >= MOMENTUM_LEAST:
                    await self._ask(ranked)
            now_ms = self.clock.now_ms()
            at_ms = (now_ms // EVERY_MS + 1) * EVERY_MS
            await trio.sleep((at_ms - now_ms) / 1000)

    def _tell(self) -> None:
        regime = self.analyses.regime
        log.info(
            "ranking_updated",
            tokens=len(self.analyses),
            market=regime.kind,
            top=[
                (one.launch.symbol, one.launch.mint, round(one.analysis.momentum.score))
                for one in self.analyses.ranking[:TOLD]
            ],
        )

    async def _ask(self, ranked: Ranked) -> None:
        """What the chain says of a token's holders, and once of its mint and of where its first buyers' SOL came from."""
        mint, creator = ranked.launch.mint, ranked.launch.creator
        token = self.analyses.of(mint)
        if token is None:
            return
        try:
            token.learn(Facts(holders=await self.chain.holders(mint, creator)))
            if not ranked.analysis.safety.known:
                token.learn(Facts(mint=await self.chain.mint_facts(mint)))
            if not token.knows_funders:
                token.learn(Facts(funders=await sources_of(self.history, token.early_buyers(EARLY_BUYERS))))
        except (LookupError, DecodeError, ChainUnavailable) as error:
            log.debug("token_facts_not_read", mint=mint, reason=str(error))
