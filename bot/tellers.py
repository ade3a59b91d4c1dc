"""Who tells of tokens, and of SOL in dollars: whoever has an address in the settings, else the local chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bot import settings
from bot.api_keys import DOLLARS, TELLER, ApiKeys
from bot.clock import Clock
from bot.compose import usd_url
from bot.local_chain import LocalChainAddress
from bot.market import birdeye, dexscreener
from bot.market.birdeye import BirdeyeOverview, BirdeyeSecurity
from bot.market.dexscreener import DexScreener
from bot.market.sol_price import JupiterSolPrice, open_sol_price
from bot.market.web import Pace, WebFetch, open_web_client
from bot.ports import Teller

LOCAL_REQUESTS_PER_S = 5.0  # of the stand-ins, which take 300 a minute
ANY_KEY = "local"  # the stand-in of Birdeye takes any


@asynccontextmanager
async def open_tellers(
    chosen: settings.Settings, cluster: LocalChainAddress, keys: ApiKeys, clock: Clock
) -> AsyncIterator[tuple[Teller, ...]]:
    """Who can be asked, in the order in which their word is shown; nobody where no address is known."""
    async with open_web_client() as client:
        tellers: list[Teller] = []
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
            tellers += [BirdeyeOverview(fetch, pace), BirdeyeSecurity(fetch, pace)]
        yield tuple(tellers)


def open_dollars(
    chosen: settings.Settings, cluster: LocalChainAddress, keys: ApiKeys
) -> AbstractAsyncContextManager[JupiterSolPrice | None]:
    """Who says what a SOL costs in dollars; None where nobody is known who does."""
    return open_sol_price(usd_url(chosen.usd, cluster.dollars_url), keys.of_service(DOLLARS))
