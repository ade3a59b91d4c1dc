"""Who tells of tokens, of what people write of them, and of SOL in dollars: whoever the settings name, else the local chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx

from bot import settings
from bot.adapters import SocialSources
from bot.api_keys import COINGECKO, DISCORD, DOLLARS, LUNARCRUSH, REDDIT, TELLER, TWITTER, ApiKeys
from bot.clock import Clock
from bot.compose import usd_url
from bot.local_chain import LocalChainAddress
from bot.market import birdeye, dexscreener, discord, ratings, reddit, twitter
from bot.market.birdeye import birdeye_overview, birdeye_security
from bot.market.dexscreener import DexScreener
from bot.market.discord import Discord
from bot.market.reddit import Reddit, Token
from bot.market.sol_price import JupiterSolPrice, open_sol_price
from bot.market.twitter import Twitter
from bot.market.web import Headers, Pace, WebFetch, open_web_client
from bot.ports import Hearsay, SocialWord, Teller

LOCAL_REQUESTS_PER_S = 5.0  # of the stand-ins, which take 300 a minute
ANY_KEY = "local"  # the stand-ins take any
LOCAL_CHANNEL = "100000"
PRO_HOST = "//pro-api."  # of CoinGecko, which has a header of its own for paid keys


@asynccontextmanager
async def open_tellers(
    chosen: settings.Settings, cluster: LocalChainAddress, keys: ApiKeys, clock: Clock
) -> AsyncIterator[tuple[Teller[Hearsay], ...]]:
    """Who can be asked, in the order in which their word is shown; nobody where no address is known."""
    async with open_web_client() as client:
        tellers: list[Teller[Hearsay]] = []
        if (pairs_url := chosen.dexscreener.url or cluster.dexscreener_url) is not None:
            is_local = chosen.dexscreener.url is None
            rate = LOCAL_REQUESTS_PER_S if is_local else chosen.dexscreener.requests_per_minute / 60
            tellers.append(DexScreener(WebFetch(client, pairs_url, dexscreener.NAME, clock), Pace(1 / rate)))
        if (tokens_url := chosen.birdeye.url or cluster.birdeye_url) is not None:
            key = keys.of_service(TELLER)

            def headers() -> Mapping[str, str]:
                return {"X-API-KEY": ANY_KEY if key is None else key(), "x-chain": "solana"}

            fetch = WebFetch(client, tokens_url, birdeye.NAME, clock, headers)
            pace = Pace(1 / (LOCAL_REQUESTS_PER_S if key is None else chosen.birdeye.requests_per_s))
            tellers += [birdeye_overview(fetch, pace), birdeye_security(fetch, pace)]
        yield tuple(tellers)


def open_dollars(
    chosen: settings.Settings, cluster: LocalChainAddress, keys: ApiKeys
) -> AbstractAsyncContextManager[JupiterSolPrice | None]:
    """Who says what a SOL costs in dollars; None where nobody is known who does."""
    return open_sol_price(usd_url(chosen.usd, cluster.dollars_url), keys.of_service(DOLLARS))


@asynccontextmanager
async def open_social(
    chosen: settings.Settings, cluster: LocalChainAddress, keys: ApiKeys, clock: Clock
) -> AsyncIterator[SocialSources]:
    """Who can be asked; nobody where no address is known."""
    async with open_web_client() as client:
        doors = _Doors(chosen, cluster, keys, clock, client)
        first = [one for one in (doors.twitter(), doors.reddit(), doors.discord()) if one is not None]
        instead = [one for one in (doors.coingecko(), doors.lunarcrush()) if one is not None]
        yield SocialSources(tuple(first), tuple(instead))


class _Doors:
    """The services one by one."""

    def __init__(
        self,
        chosen: settings.Settings,
        cluster: LocalChainAddress,
        keys: ApiKeys,
        clock: Clock,
        client: httpx.AsyncClient,
    ) -> None:
        self._chosen, self._cluster, self._keys, self._clock, self._client = chosen, cluster, keys, clock, client

    def twitter(self) -> Teller[SocialWord] | None:
        wanted = self._chosen.twitter
        if (url := wanted.url or self._local("x")) is None:
            return None
        headers = _bearing("Bearer", self._key(TWITTER))
        return Twitter(self._fetch(url, twitter.NAME, headers), self._pace(TWITTER, wanted.requests_per_minute))

    def reddit(self) -> Teller[SocialWord] | None:
        wanted, local = self._chosen.reddit, self._local("reddit")
        if (url := wanted.url or local) is None or (token_url := wanted.token_url or local) is None:
            return None
        program = {"user-agent": wanted.user_agent}
        grants = reddit.basic(wanted.client_id or ANY_KEY, self._key(REDDIT))
        token = Token(self._fetch(token_url, reddit.NAME, lambda: {**program, **grants()}))
        fetch = self._fetch(url, reddit.NAME, lambda: {**program, **token.headers()})
        return Reddit(fetch, token, self._pace(REDDIT, wanted.requests_per_minute))

    def discord(self) -> Teller[SocialWord] | None:
        wanted = self._chosen.discord
        if (url := wanted.url or self._local("discord")) is None:
            return None
        fetch = self._fetch(url, discord.NAME, _bearing("Bot", self._key(DISCORD)))
        return Discord(fetch, wanted.channels or (LOCAL_CHANNEL,), self._pace(DISCORD, wanted.requests_per_minute))

    def coingecko(self) -> Teller[SocialWord] | None:
        wanted = self._chosen.coingecko
        if (url := wanted.url or self._local_rating("coingecko")) is None:
            return None
        key, name = self._key(COINGECKO), "x-cg-pro-api-key" if PRO_HOST in url else "x-cg-demo-api-key"
        fetch = self._fetch(url, ratings.COINGECKO, lambda: {name: key()})
        return ratings.coingecko(fetch, self._pace(COINGECKO, wanted.requests_per_minute))

    def lunarcrush(self) -> Teller[SocialWord] | None:
        wanted = self._chosen.lunarcrush
        if (url := wanted.url or self._local_rating("lunarcrush")) is None:
            return None
        fetch = self._fetch(url, ratings.LUNARCRUSH, _bearing("Bearer", self._key(LUNARCRUSH)))
        return ratings.lunarcrush(fetch, self._pace(LUNARCRUSH, wanted.requests_per_minute))

    def _fetch(self, url: str, name: str, headers: Headers) -> WebFetch:
        return WebFetch(self._client, url, name, self._clock, headers)

    def _key(self, setting: str) -> Callable[[], str]:
        return self._keys.of_service(setting) or (lambda: ANY_KEY)

    def _pace(self, setting: str, per_minute: float) -> Pace:
        is_local = self._keys.of_service(setting) is None
        return Pace(1 / LOCAL_REQUESTS_PER_S if is_local else 60 / per_minute)

    def _local(self, place: str) -> str | None:
        return None if self._cluster.social_url is None else f"{self._cluster.social_url}/{place}"

    def _local_rating(self, place: str) -> str | None:
        return None if self._cluster.ratings_url is None else f"{self._cluster.ratings_url}/{place}"


def _bearing(kind: str, key: Callable[[], str]) -> Headers:
    def headers() -> Mapping[str, str]:
        return {"authorization": f"{kind} {key()}"}

    return headers
