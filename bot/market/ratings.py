"""CoinGecko and LunarCrush: what they say of their users' mood about a token, for while no post can be read elsewhere.

`GET /coins/solana/contract/{token}` of CoinGecko and `GET /public/topic/{topic}/v1` of LunarCrush's API v4 as their
documentation shows them (2026). Fresh launches are listed by neither, which then answer 404; that a token's address in small
letters is a topic of LunarCrush is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from bot.analysis.sentiment import Votes
from bot.errors import HearsayUnavailable
from bot.market import figures
from bot.market.figures import ImpossibleError
from bot.market.posts import decoded
from bot.market.web import Fetch, Pace
from bot.ports import SocialWord

COINGECKO, LUNARCRUSH = "CoinGecko", "LunarCrush"
FRESH_MS = 300_000
TYPES_MAX = 50


class Coin(msgspec.Struct, frozen=True):
    """`sentiment_votes_up_percentage` is null where nobody voted."""

    sentiment_votes_up_percentage: Decimal | None = None


class Topic(msgspec.Struct, frozen=True):
    """How well each kind of post speaks, in percent, and how many there were."""

    types_sentiment: Mapping[str, Decimal] = {}
    types_count: Mapping[str, int] = {}


class TopicAnswer(msgspec.Struct, frozen=True):
    data: Topic


_coin = msgspec.json.Decoder(Coin)
_topic = msgspec.json.Decoder(TopicAnswer)


class Ratings:
    """Implements `Teller` for either. `path` makes the path of a token, and `read` its votes out of an answer."""

    at_once = 1
    fresh_ms = FRESH_MS

    def __init__(
        self, name: str, fetch: Fetch, pace: Pace, path: Callable[[str], str], read: Callable[[bytes], Votes | None]
    ) -> None:
        self.name = name
        self._fetch, self._pace, self._path, self._read = fetch, pace, path, read

    async def ask(self, mints: Sequence[str]) -> Mapping[str, SocialWord]:
        [mint] = mints
        await self._pace.turn()
        try:
            votes = self._read(await self._fetch.get(self._path(mint)))
        except HearsayUnavailable as error:
            if error.is_absent:
                return {}
            raise
        return {} if votes is None else {mint: SocialWord(votes=votes)}


def coingecko(fetch: Fetch, pace: Pace) -> Ratings:
    """CoinGecko's votes."""
    return Ratings(COINGECKO, fetch, pace, lambda mint: f"/coins/solana/contract/{mint}", votes_of_coin)


def lunarcrush(fetch: Fetch, pace: Pace) -> Ratings:
    """LunarCrush's sentiment of a topic."""
    return Ratings(LUNARCRUSH, fetch, pace, lambda mint: f"/public/topic/{mint.lower()}/v1", votes_of_topic)


def votes_of_coin(body: bytes) -> Votes | None:
    """The votes in an answer of CoinGecko, None where nobody voted; raises HearsayUnavailable for nonsense."""
    up = decoded(_coin, body, COINGECKO).sentiment_votes_up_percentage
    return None if up is None else _votes(up, COINGECKO)


def votes_of_topic(body: bytes) -> Votes | None:
    """The same of LunarCrush: the mean over all kinds of posts, each counting as often as it was written."""
    topic = decoded(_topic, body, LUNARCRUSH).data
    told = [(up, topic.types_count.get(kind, 0)) for kind, up in list(topic.types_sentiment.items())[:TYPES_MAX]]
    counted = [(_votes(up, LUNARCRUSH).up_bps, _count(number)) for up, number in told if number]
    posts = sum(number for _, number in counted)
    return Votes(sum(up_bps * number for up_bps, number in counted) // posts) if posts else None


def _votes(percent: Decimal, name: str) -> Votes:
    try:
        return Votes(figures.whole(percent, 100, 100) or 0)
    except (ImpossibleError, InvalidOperation) as error:
        raise HearsayUnavailable(f"{name}: {error}") from None


def _count(number: int) -> int:
    try:
        return figures.whole(number, figures.COUNT_MAX) or 0
    except ImpossibleError as error:
        raise HearsayUnavailable(f"{LUNARCRUSH}: {error}") from None
