"""Reddit: today's posts that name a token's address, by the search of its API with the application's own token.

`POST /api/v1/access_token` with the form `grant_type=client_credentials` gives a token for an hour, and `GET /search` stands
behind another address, as its documentation shows them (2026). Its terms ask for a `User-Agent` that names the program.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec
import trio

from bot.errors import HearsayUnavailable
from bot.market.posts import TIME_MAX_S, decoded, kept, post_of
from bot.market.web import Fetch, FormFetch, Pace
from bot.ports import SocialWord

NAME = "Reddit"
FRESH_MS = 120_000
ASKED_POSTS = 100
RENEWED_BEFORE_S = 60.0
LASTS_LEAST_S, LASTS_MOST_S = 60.0, 86_400.0


class Told(msgspec.Struct, frozen=True):
    """A post. `created_utc` are seconds; what is not named here is passed over."""

    author: str = ""
    title: str = ""
    selftext: str = ""
    created_utc: float | None = None


class Child(msgspec.Struct, frozen=True):
    data: Told


class Listed(msgspec.Struct, frozen=True):
    children: tuple[Child, ...] = ()


class Listing(msgspec.Struct, frozen=True):
    data: Listed


class Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float


_listing = msgspec.json.Decoder(Listing)
_granted = msgspec.json.Decoder(Granted)


class Token:
    """The application's token, fetched when it is wanted and none is valid. It is in no text of this."""

    def __init__(self, fetch: FormFetch) -> None:
        self._fetch = fetch
        self._text, self._until_s = "", 0.0

    async def renew(self) -> None:
        """Fetch one unless that which is held lasts a minute yet; raises HearsayUnavailable."""
        if trio.current_time() < self._until_s - RENEWED_BEFORE_S:
            return
        body = await self._fetch.post("/api/v1/access_token", {"grant_type": "client_credentials"})
        granted = decoded(_granted, body, NAME)
        if not granted.access_token.isascii() or not granted.access_token.isprintable():
            raise HearsayUnavailable(f"{NAME}: its token is none")
        lasts_s = min(max(granted.expires_in, LASTS_LEAST_S), LASTS_MOST_S)
        self._text, self._until_s = granted.access_token, trio.current_time() + lasts_s

    def headers(self) -> Mapping[str, str]:
        """What a request carries."""
        return {"authorization": f"Bearer {self._text}"}

    def forget(self) -> None:
        """Fetch another one the next time."""
        self._until_s = 0.0


class Reddit:
    """Implements `Teller`. `fetch` carries the headers of `token`."""

    name = NAME
    at_once = 1
    fresh_ms = FRESH_MS

    def __init__(self, fetch: Fetch, token: Token, pace: Pace) -> None:
        self._fetch, self._token, self._pace = fetch, token, pace

    async def ask(self, mints: Sequence[str]) -> Mapping[str, SocialWord]:
        [mint] = mints
        await self._pace.turn()
        await self._token.renew()
        question = {"q": f'"{mint}"', "sort": "new", "t": "day", "limit": str(ASKED_POSTS), "raw_json": "1"}
        try:
            word = word_of(await self._fetch.get(f"/search?{urlencode(question)}"))
        except HearsayUnavailable:
            # It may be the token that is refused; the next question brings a new one.
            self._token.forget()
            raise
        return {mint: word} if word.posts else {}


def word_of(body: bytes) -> SocialWord:
    """The posts of an answer; raises HearsayUnavailable for one that is not what it returns."""
    told = [child.data for child in decoded(_listing, body, NAME).data.children]
    return SocialWord(kept([post_of(one.author, f"{one.title} {one.selftext}".strip(), _ms(one)) for one in told]))


def basic(client_id: str, secret: Callable[[], str]) -> Callable[[], Mapping[str, str]]:
    """The headers by which an application asks for its token."""

    def headers() -> Mapping[str, str]:
        pair = b64encode(f"{client_id}:{secret()}".encode()).decode()
        return {"authorization": f"Basic {pair}"}

    return headers


def _ms(told: Told) -> int | None:
    if told.created_utc is None or not 0 < told.created_utc < TIME_MAX_S:
        return None
    return round(told.created_utc * 1_000)
