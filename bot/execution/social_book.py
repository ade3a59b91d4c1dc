"""What people wrote of tokens lately, as a mood: what decides may look at it, and never waits for it.

What nobody told, what is old and what a service that is away told long ago is no mood at all, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.analysis.sentiment import Sentiment, sentiment_of
from bot.clock import Clock
from bot.execution.hearsay_book import HearsayBook
from bot.ports import SocialWord, Teller


class SocialBook:
    """Asks those who tell posts, and `instead` of them, while none of them answers, those who tell of votes."""

    def __init__(
        self, clock: Clock, first: Sequence[Teller[SocialWord]] = (), instead: Sequence[Teller[SocialWord]] = ()
    ) -> None:
        self._clock = clock
        self.first: HearsayBook[SocialWord] = HearsayBook(clock, first)
        self.instead: HearsayBook[SocialWord] = HearsayBook(clock, instead)

    @property
    def books(self) -> tuple[HearsayBook[SocialWord], ...]:
        """Those with somebody to ask."""
        return tuple(book for book in (self.first, self.instead) if book.lines)

    @property
    def is_on(self) -> bool:
        """Whether anybody is asked at all."""
        return bool(self.books)

    def want(self, mint: str) -> None:
        """Have asked what people write of a token, unless it is known freshly."""
        self._asked().want(mint)

    def sentiment(self, mint: str) -> Sentiment:
        """The mood as it stands."""
        words = {
            said.teller: said.hearsay for book in self.books for said in book.said(mint) if said.hearsay is not None
        }
        return sentiment_of(
            {name: word.posts for name, word in words.items() if word.posts},
            {name: word.votes for name, word in words.items() if word.votes is not None},
            self._clock.now_ms(),
        )

    async def look(self, mint: str, within_s: float) -> Sentiment:
        """The mood after at most `within_s`, for somebody who asked."""
        asked = self._asked()
        await asked.look(mint, within_s)
        if self._asked() is not asked:
            await self.instead.look(mint, within_s)
        return self.sentiment(mint)

    def silent(self) -> list[str]:
        """The services that did not answer when they were last asked."""
        return [line.teller.name for book in self.books for line in book.lines if line.trouble is not None]

    def _asked(self) -> HearsayBook[SocialWord]:
        """Whom to ask. Who did not answer is asked again when his rest is over, so that he is the first again."""
        if any(line.trouble is None or not line.rests for line in self.first.lines):
            return self.first
        return self.instead
