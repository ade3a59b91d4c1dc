"""The chain: reads of accounts and transactions, the building of a trade, and the sending of its bytes.

Addresses, signatures and blockhashes are base58 text; no type of a Solana library comes in here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from bot.ports.engines import Routing
from bot.trading.closing import EmptyAccount
from bot.trading.curve import Fees
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


@dataclass(frozen=True, slots=True)
class Blockhash:
    """A recent blockhash (base58) and the last block height at which it is valid."""

    value: str
    last_valid_block_height: int


@dataclass(frozen=True, slots=True)
class WalletBalances:
    """What the chain shows for a wallet at `slot`: lamports, and raw units by mint (SPL Token and Token-2022).

    `is_witnessed` is False where one endpoint alone says so and nobody else could be asked: good enough to be shown, and
    no reason to believe that a wallet holds more than the books have. `is_least` says that endpoints contradict each other
    and these are the least amounts that anybody shows: good enough to be sold, and not proven to be all.
    """

    slot: int
    lamports: int
    token_raw: dict[str, int]
    is_witnessed: bool = True
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class SeenLamports:
    """The lamports that the chain shows for a wallet at `slot`."""

    slot: int
    lamports: int


@dataclass(frozen=True, slots=True)
class SwapOrder:
    """One trade to be built, on the token's curve, in its pool, or by an aggregator's offer.

    `limit_raw` is the least tokens out (buy) or the least lamports out (sale). `close_account`
    asks a sale of everything to close the emptied token account and take its rent back. `tip_lamports` go to
    `tip_account` in the same transaction, so that they are paid only if the trade succeeds.
    """

    wallet_address: str
    mint: str
    side: Side
    venue: Venue
    spend_lamports: int
    token_raw: int
    limit_raw: int
    compute_unit_limit: int
    priority_fee_lamports: int
    close_account: bool = False
    tip_lamports: int = 0
    tip_account: str = ""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """SOL of one wallet to be sent to an address; or a `parcel`, all that it has of a token, and then no lamports."""

    wallet_address: str
    to_address: str
    lamports: int
    priority_fee_lamports: int
    parcel: TokenParcel | None = None


@dataclass(frozen=True, slots=True)
class ClosingOrder:
    """Emptied token accounts of one wallet to be closed by one transaction; nothing of it happens where one is not empty."""

    wallet_address: str
    accounts: tuple[EmptyAccount, ...]
    priority_fee_lamports: int


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """One RPC endpoint as status shows it; `name` is redacted and safe to print.

    `breaker` is `closed`, `open` or `half_open`, or `refused` for one that serves another chain and is never asked.
    `state` is `up`, `behind` (too many slots behind the best), `blind` (it does not show what every cluster has),
    `distrusted` (it said what others proved wrong), `resting` (it asked to be left alone), `unauthorized` (it does not
    take its key), `down`, or `refused`.
    `lag_slots` is None before its first answer.
    `credit_left` is None where no monthly budget is set; `spent` says that what is left of it is for exits alone.
    `latency_ms` and `error_bps` are moving averages; the latency is None before the first answer.
    `answered` and `failed` count the questions since the start that it answered, and that it did not.
    `methods_left_alone` has a sentence for each method that fails there while others answer; it is not asked for those.
    """

    name: str
    healthy: bool
    since_ms: int
    slot: int | None
    detail: str
    breaker: str = "closed"
    state: str = "up"
    lag_slots: int | None = None
    roles: tuple[str, ...] = ()
    credit_left: int | None = None
    spent: bool = False
    asked_this_month: int = 0
    latency_ms: int | None = None
    error_bps: int = 0
    methods_left_alone: tuple[str, ...] = ()
    answered: int = 0
    failed: int = 0


class Chain(Protocol):
    """Reads and sends. Commitment: accounts `confirmed`; statuses whatever is known. All raise ChainUnavailable."""

    async def venue(self, mint: str) -> Venue:
        """Where a token trades and its current reserves: its curve, or its pool once that exists.

        A token with neither has what an aggregator offers, some seconds old at most, where one is configured. Raises
        LookupError when nobody trades the mint, DecodeError for a strange curve, RouterUnavailable.
        """

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        """The same of many mints in as few calls as the endpoint allows, not asked of the endpoint `besides`.

        Unknown mints are left out. No aggregator is asked: of tokens with neither curve nor pool there is what `routes` found
        lately.
        """

    async def venue_besides(self, mint: str, told: OwnVenue) -> OwnVenue:
        """The reserves of the same curve or pool as an endpoint shows them that did not tell `told`, at `processed`.

        At no older slot than `told`, where anybody has come as far. Raises ChainUnavailable where nobody else can be asked,
        DecodeError, LookupError where the account is not there.
        """

    async def looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:
        """The reserves of that curve or pool as every endpoint shows them that answers at once, each at its own slot.

        An endpoint that two others contradict at the same slot is distrusted. Raises ChainUnavailable where nobody answers.
        """

    async def routes(self, mints: Sequence[str]) -> dict[str, Venue]:
        """What an aggregator offers for tokens that `venues` leaves out, some seconds old at most; unknown ones are left out.

        Nothing where none is configured or none answers: whoever waits for prices does not wait for it twice.
        """

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:
        """An aggregator's offer for exactly this amount of lamports (buy) or raw tokens (sale), to make an order of.

        Raises RouteError where no market takes it, RouterUnavailable, and SendRejected for an answer to another question.
        """

    async def mint_facts(self, mint: str) -> MintFacts:
        """Who has power over a token's holders; raises LookupError for no account, DecodeError for one that is no mint."""

    async def mint_powers(self, mints: Sequence[str]) -> dict[str, MintPowers]:
        """Who holds the powers over tokens now, as two endpoints show it alike; what they do not is left out.

        So are tokens that nobody has power over: what was given up never comes back.
        """

    async def metadata(self, mint: str) -> TokenMetadata | None:
        """What a mint's own account calls it, None where it says nothing; raises LookupError and DecodeError as above."""

    async def holders(self, mint: str, creator: str) -> Holders:
        """The largest holders of a token and what its creator holds; raises LookupError, DecodeError."""

    async def liquidity_lock(self, mint: str) -> LiquidityLock | None:
        """What of the liquidity of a token's own pool can be withdrawn; None for one that was not seen in such a pool.

        Raises DecodeError.
        """

    async def fees(self) -> Fees:
        """The fees of coins on the curve; a pool's venue carries its own."""

    async def balances(self, address: str) -> WalletBalances:
        """All that a wallet holds: lamports, and raw units by mint. A wallet that does not exist holds nothing."""

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        """The lamports of many wallets in as few calls as the endpoint allows; one that does not exist has 0."""

    async def is_wallet(self, address: str) -> bool:
        """Whether SOL that is sent there is in somebody's hand.

        It is not at an account of a program, as every token, token account and program is, and not where nothing is and nobody
        can have the key. Raises LookupError for what is no address.
        """

    async def holding(self, address: str, mint: str) -> WalletBalances:
        """Lamports and what a sale of this token can sell; `token_raw` may leave out every other token."""

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:
        """Which of a wallet's own token accounts of these mints two endpoints show empty, and a simulation would close.

        What cannot be closed for good is left out: an account of wrapped SOL, a frozen one, one with fees withheld in it or
        with an extension that is not known to be harmless, one that somebody else may close. At most what one transaction
        closes. Raises SendRejected where the simulation fails as a whole.
        """

    async def sendable(self, address: str, mint: str, to_address: str) -> TokenParcel | None:
        """All that a wallet's own account holds of a token, as it can be sent to an address; None for nothing, or a frozen one.

        Raises DecodeError for a mint that is none.
        """

    async def latest_blockhash(self) -> Blockhash:
        """The newest confirmed one, or the one of a second ago: it costs a few slots of its life, and nobody is asked."""

    async def short_blockhash(self) -> Blockhash:
        """A blockhash with about 30 blocks of life left, or more where the chain is younger (money path 3)."""

    async def market_unit_price(self, mint: str) -> int:
        """What recent transactions that write this mint's curve or pool paid, in micro-lamports per unit; 0 for nothing."""

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        """One entry per signature, None where the endpoint's recent status cache does not know it."""

    async def finalized_height(self) -> int:
        """The newest block height (no slot) that cannot be taken back; an attempt's last valid height is held against it."""

    async def search_absences(self, signature: str, raw: bytes) -> SignatureStatus | tuple[Absence, ...]:
        """Ask every endpoint's history for the signature of these bytes. A status when any knows it.

        Else one Absence per endpoint that does not, and to which the blockhash of the bytes is too old: who still takes them
        attests nothing.
        """

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        """What every endpoint's history says of each signature, in few calls; one Sighting per endpoint that answered."""

    async def landed(self, signature: str, address: str, mint: str, raw: bytes = b"") -> LandedTransaction | None:
        """What a landed transaction did to this wallet and mint; None when no endpoint shows it yet.

        A closing is of no one mint, which is empty then. `raw` are its signed bytes: a record that is not of them is a lie,
        and its endpoint is distrusted. `borne_out` is False in what one endpoint of several alone shows; two that contradict
        each other without a third to decide raise ChainUnavailable.
        """

    async def sold(self, signature: str, seller: str, mint: str, besides: str) -> int | None:
        """The raw units that a wallet sold of a token in a landed transaction, on its curve or in its pool; 0 for none.

        As an endpoint other than `besides` shows it; None while nobody else shows it. Raises DecodeError, and
        ChainUnavailable also where there is nobody else.
        """

    def tip_account(self, mint: str) -> str | None:
        """Where an order of this mint tips a block engine; None when none is configured or none answers."""

    def landing_tip(self) -> int | None:
        """The tip in lamports that three of four bundles that landed lately did not exceed; None while nobody says it."""

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        """Hand the bytes to every RPC endpoint, or let them wait for their turn at a block engine where they are protected.

        Raises SendRejected when they can never land, ChainUnavailable when no route took them. A transaction that was
        already processed counts as sent.
        """

    async def compute_units(self, order: SwapOrder) -> int:
        """Units that a simulation of this order uses; raises SendRejected with its program error when it would fail.

        An order by an offer is proposed, checked and simulated here, before it can be built: it is rejected as `untrusted`
        unless the proposal, and what it does to the wallet, are what was asked for. Raises RouterUnavailable.
        """

    async def round_trip(self, order: SwapOrder, receive_lamports: int) -> str | None:
        """Simulate a buy, and behind it in one transaction the sale of the least that it brings, for so many lamports.

        None when both would succeed, else why the sale would fail. Raises SendRejected when the buy itself would fail or
        both fit no transaction, ChainUnavailable.
        """

    async def canary(self, program: str, mints: Sequence[str]) -> tuple[str, ...]:
        """Read the program's own accounts, and those of these mints and of some that are known, past every cache.

        The mints that trade there now. Raises DecodeError for an account whose layout is another than the known one,
        ChainUnavailable.
        """

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        """The message bytes to be signed by the wallet alone."""

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:
        """The message bytes of a transfer of SOL or of a token, to be signed by the wallet alone."""

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:
        """The message bytes of a closing, to be signed by the wallet alone."""

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        """Wire bytes and the base58 signature of a signed message."""

    async def probe(self) -> str:
        """Ask every endpoint how it is and say so in a few words; raises ChainUnavailable when none answers."""

    def health(self) -> list[EndpointHealth]: ...


@dataclass(frozen=True, slots=True)
class PoolSale:
    """A sale of so many raw units in a token's own pool, as one stream tells it; `part` is its place in the transaction.

    `told_by` is whose word alone it is; empty where there is nobody else to ask.
    """

    mint: str
    seller: str
    token_raw: int
    signature: str
    part: int
    told_by: str


class PoolNews(Protocol):
    """Word of trades in pools, for whoever then reads what they hold, and of who sold there."""

    async def follow(
        self, mints: Sequence[str], traded: Callable[[str], None], sold: Callable[[PoolSale], None]
    ) -> NoReturn:
        """Call `traded` with a mint whenever somebody traded in its pool, until cancelled; too often rather than too seldom.

        `sold` is called with each sale whose record can be read, and promises nothing about others.

        Raises ChainUnavailable when that ends.
        """
