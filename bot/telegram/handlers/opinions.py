"""What the bot thinks of tokens, for whoever asks: one of them with its reasons and what it suggests, or the best of now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.analysis.token_analysis import Analysis
from bot.analysis.weighing import components_of
from bot.commands import Command
from bot.execution.analysis_book import AnalysisBook
from bot.execution.opinion_book import Judged, OpinionBook
from bot.execution.social_book import SocialBook
from bot.ports import Button, User
from bot.telegram.chat import Answer, Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.blacklist import BlacklistHandlers
from bot.telegram.handlers.tokens import HEARSAY_WITHIN_S, TokenHandlers, creator_of
from bot.telegram.handlers.trade import key_of
from bot.telegram.opinion_pictures import OpinionPictures, Shown
from bot.telegram.opinion_text import (
    NO_PROMISE,
    head_line,
    mood_line,
    part_lines,
    reason_lines,
    suggestion_lines,
    top_line,
    unseen_lines,
)
from bot.telegram.parsing import wrong_usage
from bot.telegram.token_text import name_line, venue_line
from bot.telegram.words import mode_label, short
from bot.trading.curve import Curve
from bot.trading.intent import IN_FLIGHT, Side
from bot.trading.limits import Ceilings
from bot.trading.one_line import one_line
from bot.trading.pool import Pool
from bot.trading.signal import Action
from bot.trading.suggestion import Held, Suggestion, suggested
from bot.trading.venue import Venue

TOP_SHOWN = 8
BUYS_WITHIN_MS = 15 * 60_000  # an opinion that is older buys nothing: the token is another one by now
REASON_LETTERS_MAX = 200

BuyBy = Callable[[Incoming, str, str, str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class OpinionHandlers:
    """`/ai` with its alias, `/top` and `/blacklist`. `tokens` reads the chain, `buy_by` buys as /buy does."""

    tokens: TokenHandlers
    opinions: OpinionBook
    analyses: AnalysisBook
    moods: SocialBook
    ceilings: Callable[[], Ceilings]
    buy_by: BuyBy

    def commands(self) -> Mapping[str, Handler]:
        """The handler of each command."""
        return {"ai": self.ai, "top": self.top, "blacklist": BlacklistHandlers(self.tokens.store).blacklist}

    async def ai(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        if len(arguments) == 2:
            return await self._buy(incoming, user, *arguments)
        mint, venue = await self.tokens.venue_of(arguments, command)
        if isinstance(venue, str):
            return venue
        self.moods.want(mint)
        token = await self.tokens.named(mint, creator_of(venue))
        self.tokens.watch.asked(token)
        judged, analysis = self.opinions.of(mint), self.analyses.analysis(mint, self.tokens.clock.now_ms())
        safety, _ = await self.tokens.safety_of(mint)
        holders, _ = await self.tokens.holders_of(mint, venue)
        mood = await self.moods.look(mint, HEARSAY_WITHIN_S)
        lines = [
            name_line(token),
            *self._judgement(judged, analysis, creator_of(venue)),
            mood_line(mood, self.moods.silent(), is_asked=self.moods.is_on),
            venue_line(venue),
            safety,
            holders,
            *(
                []
                if judged is None
                else suggestion_lines(await self._suggest(user, judged, venue), mint, user.mode.value)
            ),
            NO_PROMISE,
        ]
        pictures = OpinionPictures(self.tokens.pictures(), self.tokens.clock)
        shown = Shown(judged, analysis, self.analyses.of(mint))
        return Answer("\n".join(lines), picture=pictures.of(user, mint, venue, shown))

    async def top(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        if arguments:
            raise wrong_usage(command)
        known(incoming)
        now_ms = self.tokens.clock.now_ms()
        best = self.opinions.best(TOP_SHOWN, now_ms)
        if not best:
            return "Nothing was launched in the last minute that this bot looked at; ask again shortly."
        buttons = tuple(Button(f"Opinion of {short(one.opinion.mint)}", f"/ai {one.opinion.mint}") for one in best)
        lines = ["What the bot thinks most of, among what it looked at in the last minute:"]
        return Answer("\n".join([*lines, *(top_line(one, now_ms) for one in best), NO_PROMISE]), buttons=buttons)

    def _judgement(self, judged: Judged | None, analysis: Analysis | None, creator: str) -> list[str]:
        live = [] if analysis is None else part_lines(components_of(analysis), is_live=True)
        if judged is None:
            unseen = [] if analysis is not None else unseen_lines(self.analyses.past_of(creator))
            return [
                "This bot has no opinion of it: it did not watch its first trades, or did so more than a day ago. What can be"
                " read of it now stands below; /buy buys by hand.",
                *live,
                *unseen,
            ]
        opinion = judged.opinion
        parts = live or part_lines(opinion.components, is_live=False)
        return [head_line(opinion, self.tokens.clock.now_ms()), *reason_lines(opinion), *parts]

    async def _suggest(self, user: User, judged: Judged, venue: Venue) -> Suggestion:
        store = self.tokens.store
        settings = await store.settings(user.id)
        open_positions = [one for one in await store.open_positions(user.id) if one.mode is user.mode]
        coming = [
            (intent.request.mint, intent.reserved_lamports)
            for intent, _ in await store.in_flight()
            if (intent.request.user_id, intent.request.mode, intent.request.side) == (user.id, user.mode, Side.BUY)
            and intent.state in IN_FLIGHT
        ]
        risked = [*((one.mint, one.cost_lamports) for one in open_positions), *coming]
        held = Held(
            sum(lamports for mint, lamports in risked if mint == judged.opinion.mint),
            sum(lamports for _, lamports in risked),
        )
        return suggested(judged.opinion, settings, self.ceilings(), held, _depth_lamports(venue))

    async def _buy(self, incoming: Incoming, user: User, word: str, amount: str) -> Answer:
        mint = key_of(word)
        judged, now_ms = self.opinions.of(mint), self.tokens.clock.now_ms()
        if judged is None or now_ms - judged.opinion.at_ms > BUYS_WITHIN_MS or judged.opinion.action is not Action.BUY:
            why = "There is no opinion of it that is young enough"
            if judged is not None and judged.opinion.action is not Action.BUY:
                why = f"The opinion is {judged.opinion.action} by now"
            return Answer(
                f"{mode_label(user.mode.value)} {why}, so nothing is bought by it. /ai {mint} shows what is known, and /buy"
                f" {mint} {amount[:20]} buys by hand."
            )
        opinion = judged.opinion
        first = f": {opinion.reasons[0]}" if opinion.reasons else ""
        reason = f"opinion {opinion.version}, confidence {opinion.confidence_bps / 100:.0f} %{first}"
        return await self.buy_by(incoming, mint, amount, one_line(reason)[:REASON_LETTERS_MAX])


def _depth_lamports(venue: Venue) -> int:
    """The side of SOL that the price is made of; an aggregator's offer says nothing of it."""
    if isinstance(venue, Curve):
        return venue.virtual_quote_lamports
    return max(venue.priced_lamports, 0) if isinstance(venue, Pool) else 0
