"""The stand-ins of CoinGecko and LunarCrush on one door, each below a path of its own: how a coin's traders feel about it.

Paths and members follow their documentation (2026). Both answer 404 for a coin that nobody traded for a while after its launch,
as they do for launches. While `ratings-lies` is on, shares are above one and counts below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from bot.localnet.chain import Chain
from bot.localnet.faults import RATINGS_LIES, FaultTable, MinuteRate
from bot.localnet.market_log import MarketLog

COINGECKO, LUNARCRUSH = "/coingecko", "/lunarcrush"
REQUESTS_PER_MINUTE = 300
LISTED_TRADES = 10
HOUR_S = 3_600
OK, UNAUTHORIZED, NOT_FOUND = 200, 401, 404


class Ratings(MinuteRate):
    """Answers from the log of a chain's trades: buyers think well of a coin, and sellers do not."""

    def __init__(self, chain: Chain, log: MarketLog, faults: FaultTable, clock: Callable[[], float]) -> None:
        super().__init__(faults, clock, REQUESTS_PER_MINUTE)
        self._chain, self._log = chain, log

    def handle(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of one GET request, whatever its rate; `headers` by their names in small letters."""
        path = unquote(urlsplit(target).path)
        if path.startswith(f"{COINGECKO}/coins/solana/contract/"):
            if not (headers.get("x-cg-demo-api-key") or headers.get("x-cg-pro-api-key")):
                return UNAUTHORIZED, b'{"status":{"error_code":10002,"error_message":"API Key Missing"}}'
            return self._coin(path.rpartition("/")[2])
        if path.startswith(f"{LUNARCRUSH}/public/topic/") and path.endswith("/v1"):
            if not headers.get("authorization", "").startswith("Bearer "):
                return UNAUTHORIZED, b'{"error":"unauthorized"}'
            return self._topic(path.split("/")[4])
        return NOT_FOUND, b'{"error":"Not found"}'

    def _share(self, mint: str | None) -> tuple[float, int] | None:
        """The share of buys in percent, and how many trades there were in an hour; None for a coin that is not listed."""
        if mint is None:
            return None
        seen = self._log.activity(mint, self._chain.position.time_s, HOUR_S)
        trades = seen.buys + seen.sells
        if trades < LISTED_TRADES:
            return None
        if self.faults.get(RATINGS_LIES) is not None:
            return 1e6, -trades
        return round(100 * seen.buys / trades, 2), trades

    def _coin(self, mint: str) -> tuple[int, bytes]:
        share = self._share(mint)
        if share is None:
            return NOT_FOUND, b'{"error":"coin not found"}'
        told: dict[str, Any] = {
            "id": mint[:12].lower(),
            "contract_address": mint,
            "sentiment_votes_up_percentage": share[0],
            "sentiment_votes_down_percentage": 100 - share[0],
            "watchlist_portfolio_users": share[1],
        }
        return OK, msgspec.json.encode(told)

    def _topic(self, topic: str) -> tuple[int, bytes]:
        share = self._share(self._log.mint_named(topic))
        if share is None:
            return NOT_FOUND, b'{"error":"topic not found"}'
        posts = share[1]
        return OK, msgspec.json.encode(
            {
                "config": {"topic": topic},
                "data": {
                    "topic": topic,
                    "num_posts": posts,
                    "interactions_24h": 10 * posts,
                    "types_count": {"tweet": posts, "reddit-post": posts // 4},
                    "types_sentiment": {"tweet": share[0], "reddit-post": share[0]},
                },
            }
        )
