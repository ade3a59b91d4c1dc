"""What is read of a chain alike, whoever trades: for whatever stands before the real adapter and lets such reads through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.ports import Blockhash, Chain, EndpointHealth
from bot.trading.curve import Fees
from bot.trading.holders import Holders
from bot.trading.intent import Side
from bot.trading.liquidity import LiquidityLock
from bot.trading.metadata import TokenMetadata
from bot.trading.route import Route
from bot.trading.token_check import MintFacts, MintPowers
from bot.trading.venue import OwnVenue, Venue


@dataclass(slots=True, repr=False)
class ReadThrough:
    """The part of the port `Chain` that asks for no wallet, no order and no signature, answered by `real`."""

    real: Chain

    async def venue(self, mint: str) -> Venue:
        return await self.real.venue(mint)

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        return await self.real.venues(mints, besides)

    async def venue_besides(self, mint: str, told: OwnVenue) -> OwnVenue:
        return await self.real.venue_besides(mint, told)

    async def looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:
        return await self.real.looks(mint, told)

    async def sold(self, signature: str, seller: str, mint: str, besides: str) -> int | None:
        return await self.real.sold(signature, seller, mint, besides)

    async def routes(self, mints: Sequence[str]) -> dict[str, Venue]:
        return await self.real.routes(mints)

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:
        return await self.real.offer(mint, side, amount, slippage_bps)

    async def mint_facts(self, mint: str) -> MintFacts:
        return await self.real.mint_facts(mint)

    async def mint_powers(self, mints: Sequence[str]) -> dict[str, MintPowers]:
        return await self.real.mint_powers(mints)

    async def metadata(self, mint: str) -> TokenMetadata | None:
        return await self.real.metadata(mint)

    async def holders(self, mint: str, creator: str) -> Holders:
        return await self.real.holders(mint, creator)

    async def liquidity_lock(self, mint: str) -> LiquidityLock | None:
        return await self.real.liquidity_lock(mint)

    async def is_wallet(self, address: str) -> bool:
        return await self.real.is_wallet(address)

    async def canary(self, program: str, mints: Sequence[str]) -> tuple[str, ...]:
        return await self.real.canary(program, mints)

    async def fees(self) -> Fees:
        return await self.real.fees()

    async def latest_blockhash(self) -> Blockhash:
        return await self.real.latest_blockhash()

    async def short_blockhash(self) -> Blockhash:
        return await self.real.short_blockhash()

    async def market_unit_price(self, mint: str) -> int:
        return await self.real.market_unit_price(mint)

    async def finalized_height(self) -> int:
        return await self.real.finalized_height()

    async def probe(self) -> str:
        return await self.real.probe()

    def health(self) -> list[EndpointHealth]:
        return self.real.health()
