"""The stand-in of Birdeye: a token's price, overview and security, read and counted from the local chain.

Paths, headers, envelope and the members of security follow its documentation, those of the overview code that uses it
(2026); what it answers for a token that it does not know, and how often it may be asked, are guesses. Every request needs a
key, and any key will do. While the fault `birdeye-lies` is on each answer is wrong in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet import dollars, pairs
from bot.localnet.chain import Chain
from bot.localnet.faults import BIRDEYE_LIES, FaultTable, MinuteRate
from bot.localnet.launchpad import decode_curve, decode_curve_creator
from bot.localnet.liquidity import pools_of
from bot.localnet.market_log import Activity, MarketLog
from bot.localnet.mint_powers import mint_powers
from bot.localnet.pairs import Coin
from bot.localnet.tokens import token_account

REQUESTS_PER_MINUTE = 300
SPANS_S = {"30m": 1_800, "1h": 3_600, "24h": 86_400}
TOP_HOLDERS = 10
OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND = 200, 400, 401, 404

Figures = dict[str, Any]


class Birdeye(MinuteRate):
    """Answers from the newest state of a chain and the log of its trades. `seed` is that of the price of SOL in dollars."""

    def __init__(
        self, chain: Chain, log: MarketLog, faults: FaultTable, clock: Callable[[], float], *, seed: int
    ) -> None:
        super().__init__(faults, clock, REQUESTS_PER_MINUTE)
        self._chain, self._log, self._seed = chain, log, seed
        self._lies = 0

    def handle(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of one GET request, whatever its rate; `headers` by their names in small letters."""
        parts = urlsplit(target)
        ask = {
            "/defi/price": self._price,
            "/defi/token_overview": self._overview,
            "/defi/token_security": self._security,
        }.get(parts.path)
        if not headers.get("x-api-key"):
            return UNAUTHORIZED, b'{"success":false,"message":"Unauthorized"}'
        if ask is None:
            return NOT_FOUND, b'{"success":false,"message":"Not found"}'
        address = parse_qs(parts.query).get("address", [""])[0]
        if not address or headers.get("x-chain", "solana") != "solana":
            return BAD_REQUEST, b'{"success":false,"message":"address is invalid format"}'
        coin = pairs.coin(address, self._chain.accounts)
        data = None if coin is None or not coin.pairs else ask(coin)
        return OK, msgspec.json.encode({"success": True, "data": self._lie(data)})

    def _now(self) -> tuple[int, int]:
        """Unix seconds, and cents of a dollar for a SOL."""
        position = self._chain.position
        return position.time_s, dollars.sol_cents(position.slot, self._seed)

    def _price(self, coin: Coin) -> Figures:
        now_s, sol_cents = self._now()
        return {
            "value": float(pairs.text(coin.usd(coin.pairs[0].price, sol_cents))),
            "updateUnixTime": now_s,
            "updateHumanTime": datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        }

    def _overview(self, coin: Coin) -> Figures:
        _, sol_cents = self._now()
        price, launch = coin.pairs[0].price, self._log.launch(coin.mint)
        price_usd = coin.usd(price, sol_cents)
        pooled_lamports = sum(one.pooled[0] for one in coin.pairs if one.pooled is not None)
        told: Figures = {
            "address": coin.mint,
            "decimals": coin.decimals,
            "name": "" if launch is None else launch.name,
            "symbol": "" if launch is None else launch.symbol,
            "extensions": {} if launch is None else {"website": launch.uri},
            "price": float(pairs.text(price_usd)),
            "liquidity": float(round(2 * pairs.usd_of(pooled_lamports, sol_cents), 2)),
            "mc": float(round(price_usd * coin.supply)),
            "supply": float(coin.supply),
            "holder": len(self._held(coin)),
            "numberMarkets": len(coin.pairs),
        }
        for name, span_s in SPANS_S.items():
            told |= self._of_span(coin, name, span_s, sol_cents)
        return told

    def _of_span(self, coin: Coin, name: str, span_s: int, sol_cents: int) -> Figures:
        now_s, _ = self._now()
        seen = [self._log.activity(one.key, now_s, span_s) for one in coin.pairs]
        buys, sells = sum(one.buys for one in seen), sum(one.sells for one in seen)
        volume_usd = float(round(pairs.usd_of(sum(one.lamports for one in seen), sol_cents), 2))
        return {
            f"trade{name}": buys + sells,
            f"buy{name}": buys,
            f"sell{name}": sells,
            f"v{name}USD": volume_usd,
            f"priceChange{name}Percent": _percent(coin, seen[0]),
        }

    def _security(self, coin: Coin) -> Figures:
        mint = Pubkey.from_string(coin.mint)
        account = self._chain.accounts.get(mint)
        assert account is not None
        powers = mint_powers(account.data)
        top_raw = sum(sorted(self._held(coin).values(), reverse=True)[:TOP_HOLDERS])
        curve = self._chain.accounts.get(at.bonding_curve(mint))
        creator = None if curve is None or decode_curve(curve) is None else str(decode_curve_creator(curve))
        return {
            "creatorAddress": creator,
            "ownerAddress": powers.mint_authority,
            "mutableMetadata": powers.can_rename,
            "top10HolderPercent": top_raw / coin.supply_raw if coin.supply_raw else None,
            "totalSupply": float(coin.supply),
            "freezeable": True if powers.freeze_authority else None,
            "freezeAuthority": powers.freeze_authority,
            "transferFeeEnable": True if powers.takes_fee else None,
            "transferFeeData": None,
            "isToken2022": account.owner == at.TOKEN_2022_PROGRAM,
            "nonTransferable": None,
            "lockInfo": None,
        }

    def _held(self, coin: Coin) -> dict[str, int]:
        """What each owner holds in raw units, the curve and the pools apart."""
        accounts, mint = self._chain.accounts, Pubkey.from_string(coin.mint)
        markets = {at.bonding_curve(mint), *(place.pool for place, _, _ in pools_of(mint, accounts))}
        held: dict[str, int] = {}
        for key in accounts.tokens_of_mint(mint):
            tokens = token_account(accounts.get(key))
            if tokens is not None and tokens.amount_raw and tokens.owner not in markets:
                held[str(tokens.owner)] = held.get(str(tokens.owner), 0) + tokens.amount_raw
        return held

    def _lie(self, data: Figures | None) -> Figures | None:
        """Each answer in turn: wrong numbers a hundred times too high, ones that cannot be, others in the place of numbers."""
        if data is None or self.faults.get(BIRDEYE_LIES) is None:
            return data
        self._lies += 1
        lie: tuple[Callable[[float], Any], ...] = (lambda one: 100 * one, lambda _: -1e30, lambda _: {"\u202e": None})
        change = lie[(self._lies - 1) % len(lie)]
        return {
            key: change(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            for key, value in data.items()
        }


def _percent(coin: Coin, seen: Activity) -> float | None:
    if seen.price_before is None:
        return None
    return float(round(100 * (coin.sol(coin.pairs[0].price) / coin.sol(seen.price_before) - 1), 4))
