"""The port `Chain` for paper trading: everything is read from the real adapter, and whatever is sent fills a virtual wallet.

Nothing that is built here is a transaction, and `send` hands nothing to any endpoint or engine.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog
import trio

from bot.chain.paper_books import Landing, PaperBooks
from bot.chain.paper_order import PaperOrder, assemble, message_of, read_order, signature_of
from bot.chain.paper_rules import LandingModel, Outcome, Purse, carry_out
from bot.chain.read_through import ReadThrough
from bot.clock import Clock
from bot.errors import ChainUnavailable, SendRejected, StoreUnavailable
from bot.ports import Blockhash, ClosingOrder, Routing, SeenLamports, SwapOrder, TransferOrder, Wallet, WalletBalances
from bot.trading.closing import EmptyAccount
from bot.trading.curve import QuoteError
from bot.trading.failures import program_failure
from bot.trading.fill import LandedTransaction
from bot.trading.intent import AttemptState, Side
from bot.trading.own_impact import with_own
from bot.trading.recovery import Absence, Sighting, SignatureStatus
from bot.trading.venue import Venue, quote_buy, quote_sell, wraps_sol
from bot.trading.withdrawal import TokenParcel

FINAL_AFTER_S = 13.0  # 32 slots
MAX_LANDINGS = 20_000  # landings that are still told of by name; older ones are in the rows
UNITS_BUY, UNITS_SELL, UNITS_POOL = 90_000, 65_000, 160_000  # about what trades of the kind use on mainnet
TIP_ACCOUNT = "the virtual wallet's block engine"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    """An attempt that was sent, and the trio time at which it lands; None for never."""

    order: PaperOrder
    due_s: float | None


@dataclass(slots=True, repr=False)
class PaperChain(ReadThrough):
    """Reads of `real`, fills by `model` into the virtual wallets of `books`. A landing is never taken back.

    Each wallet feels its own impact until it sells, as if it alone were in the market besides those who really are. Of other
    virtual wallets it feels those alone whose buys land in the same moment before its own; `apart` nobody's, for whoever
    compares them.
    """

    books: PaperBooks
    model: LandingModel
    clock: Clock
    apart: bool = False
    _on_way: dict[str, _OnItsWay] = field(default_factory=dict)
    _landings: OrderedDict[str, Landing] = field(default_factory=OrderedDict)
    _turn: trio.Lock = field(default_factory=trio.Lock)

    def __repr__(self) -> str:
        return f"<PaperChain {self.real!r}>"

    # Virtual wallets

    async def closable(self, address: str, mints: Sequence[str]) -> tuple[EmptyAccount, ...]:  # noqa: ARG002 - none
        """A virtual wallet has no token accounts on the chain."""
        await trio.lowlevel.checkpoint()
        return ()

    async def sendable(self, address: str, mint: str, to_address: str) -> TokenParcel | None:  # noqa: ARG002 - none
        """Play money is sent nowhere."""
        await trio.lowlevel.checkpoint()
        return None

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:  # noqa: ARG002 - none is ever made
        raise SendRejected("invalid", "a virtual wallet has no SOL to send")

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:  # noqa: ARG002 - none is ever made
        raise SendRejected("invalid", "a virtual wallet has no token accounts to close")

    async def balances(self, address: str) -> WalletBalances:
        """What a virtual wallet holds by its own rows; of any other address what the cluster shows."""
        wallet = await self._wallet(address)
        if wallet is None:
            return await self.real.balances(address)
        purse = await self.books.purse(wallet)
        return WalletBalances(self._slot(address), purse.lamports, dict(purse.token_raw))

    async def lamports(self, addresses: Sequence[str]) -> dict[str, SeenLamports]:
        """Virtual wallets are read one after the other: their books are no farther than the database."""
        looks = {address: await self.balances(address) for address in addresses}
        return {address: SeenLamports(look.slot, look.lamports) for address, look in looks.items()}

    async def holding(self, address: str, mint: str) -> WalletBalances:  # noqa: ARG002 - the books hold all of it
        return await self.balances(address)

    def _slot(self, address: str) -> int:
        """The newest slot that an endpoint told of; never before a landing of the wallet."""
        told = [one.slot for one in self.real.health() if one.slot is not None]
        told += [one.slot for one in self._landings.values() if one.address == address]
        if not told:
            raise ChainUnavailable("no endpoint has told its slot yet")
        return max(told)

    # Orders

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        return message_of(order, blockhash, self.clock.new_id())

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        return assemble(message, signature)

    def order_of(self, raw: bytes) -> tuple[PaperOrder, str]:
        """The order that an attempt's bytes hold, and the attempt's name; raises DecodeError for other bytes."""
        return read_order(raw), signature_of(raw)

    def tip_account(self, mint: str) -> str | None:  # noqa: ARG002 - no tip goes anywhere
        return TIP_ACCOUNT

    def landing_tip(self) -> int | None:
        return self.real.landing_tip()

    async def compute_units(self, order: SwapOrder) -> int:
        """Units that trades of the kind use; raises SendRejected where the order would fail at the reserves of now."""
        venue, fees = await self._met(order.wallet_address, order.mint), await self.real.fees()
        try:
            if order.side is Side.BUY:
                brings = quote_buy(venue, order.spend_lamports, fees).token_raw
            else:
                brings = quote_sell(venue, order.token_raw, fees).received_lamports
        except QuoteError as error:
            raise SendRejected("simulation", f"it would fail: {error}") from error
        if brings < order.limit_raw:
            raise SendRejected("simulation", "it would fail: the price moved past the limit")
        if wraps_sol(venue):
            return UNITS_POOL
        return UNITS_BUY if order.side is Side.BUY else UNITS_SELL

    async def _met(self, address: str, mint: str) -> Venue:
        """The venue as an order of this wallet meets it now; whoever is no wallet of ours holds nothing."""
        venue, wallet = await self.real.venue(mint), await self._wallet(address)
        held_raw = 0 if wallet is None else (await self.books.purse(wallet)).token_raw.get(mint, 0)
        return with_own(venue, held_raw)

    async def round_trip(self, order: SwapOrder, receive_lamports: int) -> str | None:
        """The buy and its sale quoted one after the other at the reserves of now; `receive_lamports` is the least of it.

        A cluster simulates for a wallet that holds SOL there, which a virtual one does not: what only a simulation shows,
        such as a coin whose program refuses sales, stays unseen on paper. Raises SendRejected where the buy would fail.
        """
        await self.compute_units(order)
        venue, fees = await self._met(order.wallet_address, order.mint), await self.real.fees()
        try:
            brings = quote_sell(with_own(venue, order.limit_raw), order.limit_raw, fees).received_lamports
        except QuoteError as error:
            return str(error)
        return None if brings >= receive_lamports else "the price falls below the limit"

    def drawn_by(self, order: PaperOrder, signature: str) -> str:  # noqa: ARG002 - others draw by the order
        """The name from which it is drawn whether and when an attempt lands."""
        return signature

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:  # noqa: ARG002 - there is no route
        """Let the landing model have the order, once. Nothing leaves the process."""
        await trio.lowlevel.checkpoint()
        order, signature = self.order_of(raw)
        if signature in self._on_way or signature in self._landings:
            return
        due_ms = self.model.due_ms(self.drawn_by(order, signature))
        due_s = None if due_ms is None else trio.current_time() + due_ms / 1000
        self._on_way[signature] = _OnItsWay(order, due_s)
        log.info(
            "virtual_order_on_its_way",
            mode=self.books.mode.value,
            signature=signature,
            mint=order.mint,
            lands_in_ms=due_ms,
        )

    # What became of them

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        await self._land_due()
        return [self._status(signature) for signature in signatures]

    async def search_absences(  # its landings are decided here, by no blockhash
        self,
        signature: str,
        raw: bytes,  # noqa: ARG002
    ) -> SignatureStatus | tuple[Absence, ...]:
        """As the cluster's endpoints would tell: a status, or one absence for each that has told its slot."""
        await self._land_due()
        if (status := self._status(signature)) is not None:
            return status
        height = await self.real.finalized_height()
        found = tuple(Absence(one.name, one.slot, height) for one in self.real.health() if one.slot is not None)
        if not found:
            raise ChainUnavailable("no endpoint has told its slot yet")
        self._on_way.pop(signature, None)
        return found

    async def sightings(self, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
        """What is known of each; landings of an earlier process are known from the rows, and are final."""
        try:
            found = [self._status(signature) or await self._in_the_rows(signature) for signature in signatures]
        except StoreUnavailable as error:
            raise ChainUnavailable(f"the rows of paper landings cannot be read: {error}") from error
        return [
            (Sighting(self.books.mode.value, 0 if one is None else one.slot, 0 if one is None else one.slot, one),)
            for one in found
        ]

    async def landed(
        self,
        signature: str,
        address: str,  # noqa: ARG002 - the order knows its wallet
        mint: str,  # noqa: ARG002 - and its mint
        raw: bytes = b"",  # noqa: ARG002 - and its bytes
    ) -> LandedTransaction | None:
        await trio.lowlevel.checkpoint()
        landing = self._landings.get(signature)
        if landing is None:
            return None
        outcome = landing.outcome
        return LandedTransaction(
            signature=signature,
            slot=landing.slot,
            block_time_s=landing.block_time_ms // 1000,
            error=None if outcome.program_error is None else program_failure(outcome.program_error),
            program_error=outcome.program_error,
            network_fee_lamports=landing.network_fee_lamports,
            wallet_delta_lamports=outcome.delta_lamports,
            token_delta_raw=outcome.token_delta_raw,
            rent_delta_lamports=outcome.rent_lamports,
            trade=outcome.trade,
            tip_lamports=outcome.tip_lamports,
        )

    def _status(self, signature: str) -> SignatureStatus | None:
        landing = self._landings.get(signature)
        if landing is None:
            return None
        code = landing.outcome.program_error
        final = trio.current_time() >= landing.landed_at_s + FINAL_AFTER_S
        return SignatureStatus(landing.slot, None if code is None else program_failure(code), True, final)

    async def _in_the_rows(self, signature: str) -> SignatureStatus | None:
        for intent_id in await self.books.store.orders_of(signature):
            story = await self.books.store.order_story(intent_id)
            for sent in () if story is None else story.attempts:
                attempt = sent.attempt
                landed = attempt.state in {AttemptState.LANDED, AttemptState.LANDED_ERROR}
                if attempt.signature == signature and landed and attempt.landed_slot is not None:
                    return SignatureStatus(attempt.landed_slot, attempt.error, settled=True, finalized=True)
        return None

    async def _land_due(self) -> None:
        """Carry out every order whose time has come, in the order of their landing.

        Raises ChainUnavailable; what was not carried out then stays on its way.
        """
        async with self._turn:
            now_s = trio.current_time()
            due = sorted(
                (one.due_s, signature)
                for signature, one in self._on_way.items()
                if one.due_s is not None and one.due_s <= now_s
            )
            if not due:
                return
            mints = {self._on_way[signature].order.mint for _, signature in due}
            venues = await self.real.venues(list(mints))
            venues |= await self.real.routes([mint for mint in mints if mint not in venues])
            fees, height = await self.real.fees(), await self.real.finalized_height()
            taken: dict[str, Counter[str]] = {}  # by mint and wallet, what has left the market in this moment
            for _, signature in due:
                order = self._on_way[signature].order
                venue, outcome = venues.get(order.mint), None
                if venue is not None and height <= order.last_valid_block_height:
                    purse = await self._purse(order.address)
                    others = {} if self.apart else taken.setdefault(order.mint, Counter())
                    before = sum(raw for address, raw in others.items() if address != order.address)
                    met = with_own(venue, purse.token_raw.get(order.mint, 0) + max(before, 0))
                    outcome = carry_out(order, purse, met, fees)
                if outcome is None:
                    self._lose(signature)
                else:
                    if not self.apart:
                        taken[order.mint][order.address] += outcome.token_delta_raw
                    self._land(signature, order, outcome)

    async def _wallet(self, address: str) -> Wallet | None:
        try:
            return await self.books.wallet(address)
        except StoreUnavailable as error:
            raise ChainUnavailable(f"whose wallet {address} is cannot be read: {error}") from error

    async def _purse(self, address: str) -> Purse:
        wallet = await self._wallet(address)
        if wallet is None:
            raise ChainUnavailable(f"the virtual wallet {address} has no row")
        return await self.books.purse(wallet)

    def _lose(self, signature: str) -> None:
        self._on_way[signature] = replace(self._on_way[signature], due_s=None)

    def _land(self, signature: str, order: PaperOrder, outcome: Outcome) -> None:
        del self._on_way[signature]
        landing = Landing(
            signature=signature,
            address=order.address,
            mint=order.mint,
            slot=outcome.slot,
            block_time_ms=self.clock.now_ms(),
            landed_at_s=trio.current_time(),
            network_fee_lamports=order.network_fee_lamports,
            outcome=outcome,
        )
        self._landings[signature] = landing
        self.books.landed(landing)
        while len(self._landings) > MAX_LANDINGS:
            self._landings.popitem(last=False)
        log.info(
            "virtual_order_landed",
            mode=self.books.mode.value,
            signature=signature,
            mint=order.mint,
            slot=landing.slot,
            program_error=outcome.program_error,
            lamports=outcome.delta_lamports,
        )
