"""The port `Chain` over a recorded market: the reserves of every token as they were last told, and a clock of slots.

It is read by the same paper adapter that reads a real cluster in profile paper. There are no wallets on it, and nothing is
sent to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import trio

from bot.backtest.told import Told, slot_at
from bot.clock import Clock
from bot.errors import ChainUnavailable, SendRejected
from bot.ports import (
    Blockhash,
    ClosingOrder,
    EndpointHealth,
    Routing,
    SeenLamports,
    SwapOrder,
    TransferOrder,
    WalletBalances,
    WalletMove,
    WalletSignal,
    WalletTransaction,
)
from bot.trading.closing import EmptyAccount
from bot.trading.curve import Curve, Fees
from bot.trading.fill import LandedTransaction
from bot.trading.holders import Holders
from bot.trading.intent import Side
from bot.trading.liquidity import LiquidityLock
from bot.trading.metadata import TokenMetadata
from bot.trading.recovery import Absence, Sighting, SignatureStatus
from bot.trading.route import Route
from bot.trading.token_check import MintFacts, MintPowers
from bot.trading.venue import OwnVenue, Venue
from bot.trading.withdrawal import TokenParcel

NAME = "recording"
BLOCKHASH_SLOTS = 150  # blocks for which a blockhash is good (Solana, "transaction expiration")
SHORT_SLOTS = 30
FINAL_SLOTS = 32
_HASH_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnop"  # of base58, 48 of them


@dataclass(slots=True, repr=False)
class RecordedChain:
    """What is known of the market at this moment of the clock; `take` makes the next thing known.

    `unit_price` is what the market pays for a compute unit in micro-lamports, which a recording of trades does not tell.
    """

    clock: Clock
    fees_of_curve: Fees = field(default_factory=Fees)
    unit_price: int = 0
    _curves: dict[str, Curve] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<RecordedChain {len(self._curves)} tokens>"

    def take(self, told: Told) -> None:
        """The reserves of a token are these from now on."""
        self._curves[told.mint] = told.curve

    @property
    def slot(self) -> int:
        """The slot of this moment."""
        return slot_at(self.clock.now_ms())

    # What is read of the market

    async def venue(self, mint: str) -> Venue:
        await trio.lowlevel.checkpoint()
        return self._venue(mint)

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        await trio.lowlevel.checkpoint()
        if besides:
            raise ChainUnavailable(_ALONE)
        return {mint: self._venue(mint) for mint in mints if mint in self._curves}

    def _venue(self, mint: str) -> Curve:
        curve = self._curves.get(mint)
        if curve is None:
            raise LookupError(f"nobody has told of a token {mint} so far")
        return replace(curve, slot=self.slot)

    async def venue_besides(self, mint: str, told: OwnVenue) -> OwnVenue:  # noqa: ARG002 - nobody else could be asked
        await _nobody_else()

    async def looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:  # noqa: ARG002 - the recording has one voice
        await trio.lowlevel.checkpoint()
        return [self._venue(mint)]

    async def routes(self, mints: Sequence[str]) -> dict[str, Venue]:  # noqa: ARG002 - no aggregator is recorded
        await trio.lowlevel.checkpoint()
        return {}

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise ChainUnavailable("a recorded market has no aggregator")

    async def mint_facts(self, mint: str) -> MintFacts:
        """A token of the launchpad, which gives every power away when it is made; a recording tells of no others."""
        await trio.lowlevel.checkpoint()
        if mint not in self._curves:
            raise LookupError(f"nobody has told of a token {mint} so far")
        return MintFacts()

    async def mint_powers(self, mints: Sequence[str]) -> dict[str, MintPowers]:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return {}

    async def metadata(self, mint: str) -> TokenMetadata | None:  # noqa: ARG002 - a recording has none
        await trio.lowlevel.checkpoint()
        return None

    async def holders(self, mint: str, creator: str) -> Holders:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise ChainUnavailable("a recording of trades does not tell who holds a token")

    async def liquidity_lock(self, mint: str) -> LiquidityLock | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return None

    async def canary(self, program: str, mints: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """No program runs here whose layouts could change."""
        await trio.lowlevel.checkpoint()
        return ()

    async def fees(self) -> Fees:
        await trio.lowlevel.checkpoint()
        return self.fees_of_curve

    async def market_unit_price(self, mint: str) -> int:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return self.unit_price

    # The clock of slots

    async def latest_blockhash(self) -> Blockhash:
        await trio.lowlevel.checkpoint()
        return self._blockhash(BLOCKHASH_SLOTS)

    async def short_blockhash(self) -> Blockhash:
        await trio.lowlevel.checkpoint()
        return self._blockhash(SHORT_SLOTS)

    def _blockhash(self, slots: int) -> Blockhash:
        """Every slot has a block, so that heights are slots."""
        drawn = hashlib.sha256(f"blockhash {self.slot}".encode()).digest()
        return Blockhash("".join(_HASH_LETTERS[byte % 48] for byte in drawn), self.slot + slots)

    async def finalized_height(self) -> int:
        await trio.lowlevel.checkpoint()
        return self.slot - FINAL_SLOTS

    async def probe(self) -> str:
        await trio.lowlevel.checkpoint()
        return "plays a recording"

    def health(self) -> list[EndpointHealth]:
        return [EndpointHealth(NAME, healthy=True, since_ms=0, slot=self.slot, detail="plays a recording")]

    # Wallets and orders, of which there are none: the paper adapter before it has them

    async def balances(self, address: str) -> WalletBalances:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return WalletBalances(self.slot, 0, {})

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        await trio.lowlevel.checkpoint()
        return {address: SeenLamports(self.slot, 0) for address in addresses}

    async def is_wallet(self, address: str) -> bool:
        """No SOL is sent anywhere here."""
        await trio.lowlevel.checkpoint()
        raise LookupError(f"{address} is on no chain: a recording knows no wallets")

    async def holding(self, address: str, mint: str) -> WalletBalances:  # noqa: ARG002
        return await self.balances(address)

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return ()

    async def sendable(self, address: str, mint: str, to_address: str) -> TokenParcel | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return None

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        await trio.lowlevel.checkpoint()
        return [None for _ in signatures]

    async def search_absences(self, signature: str, raw: bytes) -> SignatureStatus | tuple[Absence, ...]:  # noqa: ARG002
        return (Absence(NAME, self.slot, await self.finalized_height()),)

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        await trio.lowlevel.checkpoint()
        return [(Sighting(NAME, self.slot, self.slot - FINAL_SLOTS, None),) for _ in signatures]

    async def landed(
        self,
        signature: str,  # noqa: ARG002
        address: str,  # noqa: ARG002
        mint: str,  # noqa: ARG002
        raw: bytes = b"",  # noqa: ARG002
    ) -> LandedTransaction | None:
        await trio.lowlevel.checkpoint()
        return None

    async def sold(self, signature: str, seller: str, mint: str, besides: str) -> int | None:  # noqa: ARG002
        await _nobody_else()

    def tip_account(self, mint: str) -> str | None:  # noqa: ARG002
        return None

    def landing_tip(self) -> int | None:
        return None

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise SendRejected("invalid", _TAKES_NOTHING)

    async def compute_units(self, order: SwapOrder) -> int:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise SendRejected("invalid", _TAKES_NOTHING)

    async def round_trip(self, order: SwapOrder, receive_lamports: int) -> str | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise SendRejected("invalid", _TAKES_NOTHING)

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:  # noqa: ARG002
        raise SendRejected("invalid", _TAKES_NOTHING)

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:  # noqa: ARG002
        raise SendRejected("invalid", _TAKES_NOTHING)

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:  # noqa: ARG002
        raise SendRejected("invalid", _TAKES_NOTHING)

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:  # noqa: ARG002
        raise SendRejected("invalid", _TAKES_NOTHING)


_ALONE = "a recorded market has one voice, and nobody else can be asked"
_TAKES_NOTHING = "a recorded market takes no transactions"


async def _nobody_else() -> NoReturn:
    await trio.lowlevel.checkpoint()
    raise ChainUnavailable(_ALONE)


class NoHistory:
    """The port `WalletHistory` of a chain without wallets."""

    async def transactions(
        self,
        address: str,  # noqa: ARG002
        *,
        limit: int,  # noqa: ARG002
        before: str | None = None,  # noqa: ARG002
        until: str | None = None,  # noqa: ARG002
        not_before: int = 0,  # noqa: ARG002
    ) -> list[WalletTransaction]:
        await trio.lowlevel.checkpoint()
        return []

    async def moved(self, signature: str, address: str) -> WalletMove | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return None

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        return None

    def credit_per_s(self) -> float | None:
        return None
