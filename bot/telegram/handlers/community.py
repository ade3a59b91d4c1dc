"""What users think of tokens, and the admins' word about that and about traders who show their results."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.analysis.facts import Facts
from bot.clock import Clock
from bot.commands import Command
from bot.execution.analysis_book import AnalysisBook
from bot.ports import Store
from bot.telegram.chat import Handler, Incoming
from bot.telegram.community_text import community_text, remarks_text
from bot.telegram.handlers.account import known
from bot.telegram.handlers.rewards import RewardHandlers
from bot.telegram.handlers.trade import key_of
from bot.telegram.handlers.traders import TraderHandlers
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.community import Crowd, Flag, Rating, cleaned, crowd_of, points_of
from bot.trading.one_line import one_line
from bot.trading.trader import WHY_MAX
from bot.trading.units import AmountError

log = structlog.get_logger()

VOICES_MAX = 200  # of a token, the latest
REMARKS_SHOWN = 15
NUMBER_DIGITS = 15


@dataclass(frozen=True, slots=True)
class CommunityHandlers:
    """`/community`, `/rate_token` and `/moderate`. `analyses` make the opinions of tokens."""

    store: Store
    clock: Clock
    traders: TraderHandlers
    analyses: AnalysisBook

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        mine: dict[str, Handler] = {
            "community": self.community,
            "rate_token": self.rate_token,
            "moderate": self.moderate,
        }
        return mine | self.traders.commands() | RewardHandlers(self.store, self.clock).commands()

    async def community(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) != 1:
            raise wrong_usage(command)
        mint, now_ms = key_of(arguments[0]), self.clock.now_ms()
        voices = await self.store.voices(mint, VOICES_MAX)
        return community_text(mint, voices, crowd_of(voices, now_ms), now_ms)

    async def rate_token(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) < 2:
            raise wrong_usage(command)
        user, mint = known(incoming), key_of(arguments[0])
        if arguments[1:] == ("remove",):
            gone = await self.store.take_rating_back(user.id, mint)
            await self._told(mint)
            return "Your rating of it is gone." if gone else "You have not rated it."
        try:
            points = points_of(arguments[1])
        except AmountError as error:
            raise UsageError(str(error)) from None
        if self.analyses.of(mint) is None and await self.store.token(mint) is None:
            raise UsageError("this bot has not seen that token; only what it has seen can be rated")
        flag, words = _flag(arguments[2:])
        comment = cleaned(" ".join(words))
        refused = await self.store.rate(Rating(user.id, mint, points, flag, comment, self.clock.now_ms()))
        if refused is not None:
            raise UsageError(f"Not done: {refused}.")
        crowd = await self._told(mint)
        log.info("token_rated", mint=mint, user=user.id, points=points, flag=flag, known=crowd.known)
        warned = f", and warned of a {flag.value}" if flag else ""
        said = f' Others read: "{comment}".' if comment else ""
        return f"You gave it {points} of 10{warned}.{said} /community {mint} shows what others think."

    async def _told(self, mint: str) -> Crowd:
        """Have the opinion of a token know what its users think now."""
        crowd = crowd_of(await self.store.voices(mint, VOICES_MAX), self.clock.now_ms())
        self.analyses.learn(mint, Facts(crowd=crowd))
        return crowd

    async def moderate(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        by = known(incoming).id
        match arguments:
            case ():
                return remarks_text(await self.store.remarks(REMARKS_SHOWN))
            case ("traders",):
                return await self.traders.counts()
            case ("trader", handle, "delist", _, *_):
                return await self.traders.delist(by, handle, _why(arguments[3:]))
            case ("trader", handle, "restore"):
                return await self.traders.delist(by, handle, "")
            case ("rating", number, "hide", _, *_):
                return await self._hide(by, number, _why(arguments[3:]))
            case ("rating", number, "restore"):
                return await self._hide(by, number, "")
        raise wrong_usage(command)

    async def _hide(self, by: str, typed: str, why: str) -> str:
        is_number = typed.isascii() and typed.isdecimal() and len(typed) <= NUMBER_DIGITS
        mint = await self.store.hide_rating(int(typed), why, by, self.clock.now_ms()) if is_number else None
        if mint is None:
            raise UsageError("there is no rating of that number; /moderate lists the latest")
        await self._told(mint)
        log.warning("rating_hidden" if why else "rating_shown", number=int(typed), mint=mint, by=by)
        hidden = "is shown to nobody and counts nothing from now on"
        return f"Rating {typed} {hidden if why else 'is shown and counts again'}. It is in the audit."


def _flag(words: tuple[str, ...]) -> tuple[Flag | None, tuple[str, ...]]:
    """The warning that a rating begins with, and the words after it; raises UsageError for a warning that there is not."""
    if not words or not words[0].startswith("!"):
        return None, words
    named = words[0][1:].lower()
    if named not in set(Flag):
        raise UsageError(f"there is no such warning; it is one of: {', '.join(f'!{one}' for one in Flag)}")
    return Flag(named), words[1:]


def _why(words: tuple[str, ...]) -> str:
    """A reason as it is kept; raises UsageError for none."""
    if not (why := one_line(" ".join(words))[:WHY_MAX]):
        raise UsageError("say why")
    return why
