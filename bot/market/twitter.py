"""X, formerly Twitter: recent posts that name a token's address, by the search of its API v2 with an app's bearer token.

`GET /2/tweets/search/recent` as its documentation shows it (2026): a query, the fields that are wanted, and authors as an
expansion. Reposts are left out by the query. An address is searched and no name: names are whoever's wants them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from bot.market.posts import decoded, kept, ms_of, post_of
from bot.market.web import Fetch, Pace
from bot.ports import SocialWord

NAME = "X"
FRESH_MS = 120_000
ASKED_POSTS = 50


class Author(msgspec.Struct, frozen=True):
    """What is not named here is passed over."""

    id: str
    created_at: str | None = None


class Tweet(msgspec.Struct, frozen=True):
    text: str = ""
    author_id: str = ""
    created_at: str | None = None


class Includes(msgspec.Struct, frozen=True):
    users: tuple[Author, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Without any post there is no `data` at all."""

    data: tuple[Tweet, ...] = ()
    includes: Includes = Includes()


_found = msgspec.json.Decoder(Found)


class Twitter:
    """Implements `Teller`."""

    name = NAME
    at_once = 1
    fresh_ms = FRESH_MS

    def __init__(self, fetch: Fetch, pace: Pace) -> None:
        self._fetch, self._pace = fetch, pace

    async def ask(self, mints: Sequence[str]) -> Mapping[str, SocialWord]:
        [mint] = mints
        await self._pace.turn()
        question = {
            "query": f'"{mint}" -is:retweet',
            "max_results": str(ASKED_POSTS),
            "tweet.fields": "created_at,author_id",
            "expansions": "author_id",
            "user.fields": "created_at",
        }
        word = word_of(await self._fetch.get(f"/2/tweets/search/recent?{urlencode(question)}"))
        return {mint: word} if word.posts else {}


def word_of(body: bytes) -> SocialWord:
    """The posts of an answer; raises HearsayUnavailable for one that is not what it returns."""
    found = decoded(_found, body, NAME)
    since_ms = {author.id: ms_of(author.created_at) for author in found.includes.users}
    return SocialWord(
        kept(
            [post_of(one.author_id, one.text, ms_of(one.created_at), since_ms.get(one.author_id)) for one in found.data]
        )
    )
