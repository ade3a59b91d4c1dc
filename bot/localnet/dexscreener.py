"""The stand-in of DexScreener: pairs of tokens with their prices, trades and liquidity, counted from the chain's own trades.

Paths, members and limits follow its public interface as code that uses it shows them (2026): no key, 300 requests a minute,
up to 30 tokens at once, figures in dollars as floating point, prices as text. A pair on a curve has no liquidity. A token that
is younger than `listed_after_s` is not listed yet. While the fault `dexscreener-lies` is on each answer is wrong in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from bot.localnet import addresses as at
from bot.localnet import dollars, pairs
from bot.localnet.chain import Chain
from bot.localnet.faults import DEXSCREENER_LIES, FaultTable, MinuteRate
from bot.localnet.market_log import MarketLog
from bot.localnet.pairs import Coin, Pair

CHAIN_ID = "solana"
REQUESTS_PER_MINUTE = 300
TOKENS_MAX = 30
DEFAULT_LISTED_AFTER_S = 20
SPANS_S = {"m5": 300, "h1": 3_600, "h6": 21_600, "h24": 86_400}
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404
SOL_TOKEN = {"address": str(at.WRAPPED_SOL_MINT), "name": "Wrapped SOL", "symbol": "SOL"}

Figures = dict[str, Any]


class DexScreener(MinuteRate):
    """Answers from the newest state of a chain and the log of its trades. `seed` is that of the price of SOL in dollars."""

    def __init__(
        self,
        chain: Chain,
        log: MarketLog,
        faults: FaultTable,
        clock: Callable[[], float],
        *,
        seed: int,
        listed_after_s: float = DEFAULT_LISTED_AFTER_S,
    ) -> None:
        super().__init__(faults, clock, REQUESTS_PER_MINUTE)
        self._chain, self._log, self._seed = chain, log, seed
        self._listed_after_s = listed_after_s
        self._lies = 0

    def handle(self, target: str, _: Mapping[str, str], /) -> tuple[int, bytes]:
        """Status and body of one GET request, whatever its rate."""
        parts = [unquote(part) for part in urlsplit(target).path.strip("/").split("/")]
        if len(parts) != 4 or parts[:2] not in (["tokens", "v1"], ["token-pairs", "v1"]):
            return NOT_FOUND, b'{"error":"Not found"}'
        addresses = parts[3].split(",") if parts[0] == "tokens" else [parts[3]]
        if len(addresses) > TOKENS_MAX:
            return BAD_REQUEST, b'{"error":"at most 30 addresses"}'
        told = [one for address in addresses for one in self._told(address)] if parts[2] == CHAIN_ID else []
        return OK, self._lie(told) if self.faults.get(DEXSCREENER_LIES) is not None else msgspec.json.encode(told)

    def _told(self, address: str) -> Iterator[Figures]:
        coin = pairs.coin(address, self._chain.accounts)
        if coin is None:
            return
        opened_s = self._log.place(address).opened_s
        if opened_s is not None and self._chain.position.time_s - opened_s < self._listed_after_s:
            return
        for pair in coin.pairs:
            yield self._pair(coin, pair)

    def _pair(self, coin: Coin, pair: Pair) -> Figures:
        now_s, sol_cents = self._chain.position.time_s, dollars.sol_cents(self._chain.position.slot, self._seed)
        seen = {name: self._log.activity(pair.key, now_s, span_s) for name, span_s in SPANS_S.items()}
        launch, opened_s = self._log.launch(coin.mint), self._log.place(pair.key).opened_s
        price_usd = coin.usd(pair.price, sol_cents)
        worth = float(round(price_usd * coin.supply))
        told: Figures = {
            "chainId": CHAIN_ID,
            "dexId": pair.label,
            "url": f"https://dexscreener.com/{CHAIN_ID}/{pair.address.lower()}",
            "pairAddress": pair.address,
            "baseToken": {
                "address": coin.mint,
                "name": "" if launch is None else launch.name,
                "symbol": "" if launch is None else launch.symbol,
            },
            "quoteToken": SOL_TOKEN,
            "priceNative": pairs.text(coin.sol(pair.price)),
            "priceUsd": pairs.text(price_usd),
            "txns": {name: {"buys": one.buys, "sells": one.sells} for name, one in seen.items()},
            "volume": {name: float(round(pairs.usd_of(one.lamports, sol_cents), 2)) for name, one in seen.items()},
            "priceChange": {
                name: float(round(100 * (coin.sol(pair.price) / coin.sol(one.price_before) - 1), 2))
                for name, one in seen.items()
                if one.price_before is not None
            },
            "liquidity": _liquidity(coin, pair, sol_cents),
            "fdv": worth,
            "marketCap": worth,
            "boosts": {"active": 0},
        }
        if opened_s is not None:
            told["pairCreatedAt"] = opened_s * 1000
        if launch is not None and launch.uri:
            told["info"] = {"websites": [{"label": "Website", "url": launch.uri}], "socials": []}
        return told

    def _lie(self, told: list[Figures]) -> bytes:
        """Each answer in turn: a price forty times too high, figures that cannot be, texts that act, far too much of it."""
        self._lies += 1
        way = (self._lies - 1) % 5
        if way == 4:
            return b"[" + b" " * 4_000_000 + b"]"
        for one in told:
            if way == 0:
                one["priceNative"] = str(40 * float(one["priceNative"]))
                one["priceUsd"] = str(40 * float(one["priceUsd"]))
            elif way == 1:
                one["volume"] = dict.fromkeys(SPANS_S, 1e30)
            elif way == 2:
                one["txns"] = {name: {"buys": -1, "sells": None} for name in SPANS_S}
            else:
                one["dexId"] = "\u202e/panic @you\n"
                links = ["javascript:alert(1)", "http://plain.example", "https://x.example/a\n/panic"]
                one["info"] = {"websites": [{"label": "\x00", "url": link} for link in links]}
        return msgspec.json.encode(told)


def _liquidity(coin: Coin, pair: Pair, sol_cents: int) -> Figures | None:
    if pair.pooled is None:
        return None
    lamports, raw = pair.pooled
    usd = float(round(2 * pairs.usd_of(lamports, sol_cents), 2))
    return {"usd": usd, "base": raw / 10**coin.decimals, "quote": lamports / 1_000_000_000}
