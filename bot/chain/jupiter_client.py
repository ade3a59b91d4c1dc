"""The aggregator's swap interface, version 2: a quote, and the instructions that carry it out.

Paths, members and error codes: Jupiter's documentation of August 2026 (`GET quote`, `POST swap-instructions`; the quote goes
back unchanged). Nothing that comes from here is believed: `jupiter_check` holds it against what was asked.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
import trio

from bot.chain import wire
from bot.chain.http_api import Api
from bot.chain.transport import RateLimited, one_line
from bot.chain.wire import Wire
from bot.errors import ChainUnavailable, RouterUnavailable
from bot.trading.units import BPS

Answer = TypeVar("Answer")

DEADLINE_S = 3.0
OK = 200
MAX_ACCOUNTS = 40  # of a route: with the others of the transaction they have to fit a packet
# What it says of a token or an amount that no market takes; everything else is trouble of its own.
NO_WAY = frozenset(
    {
        "NO_ROUTES_FOUND",
        "COULD_NOT_FIND_ANY_ROUTE",
        "TOKEN_NOT_TRADABLE",
        "MARKET_NOT_FOUND",
        "ROUTE_PLAN_DOES_NOT_CONSUME_ALL_THE_AMOUNT",
        "CANNOT_COMPUTE_OTHER_AMOUNT_THRESHOLD",
    }
)


class NoWayError(LookupError):
    """The aggregator knows no market for this token and amount."""


class SwapInfo(Wire, frozen=True):
    amm_key: str
    label: str | None = None


class Step(Wire, frozen=True):
    swap_info: SwapInfo


class Quote(Wire, frozen=True):
    """Amounts are decimal texts of raw units. `price_impact_pct` is a share of one, as text."""

    input_mint: str
    output_mint: str
    in_amount: str
    out_amount: str
    other_amount_threshold: str
    swap_mode: str
    slippage_bps: int
    route_plan: list[Step]
    price_impact_pct: str | None = None
    platform_fee: Any = None
    context_slot: int = 0


class Account(Wire, frozen=True):
    pubkey: str
    is_signer: bool
    is_writable: bool


class RawInstruction(Wire, frozen=True):
    """`data` is base64."""

    program_id: str
    accounts: list[Account]
    data: str

    @property
    def payload(self) -> bytes:
        """The data's bytes; raises RouterUnavailable for what is no base64."""
        try:
            return base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError):
            raise RouterUnavailable("Jupiter: instruction data that is not base64") from None


class Instructions(Wire, frozen=True):
    """The tables come as addresses by table, or in the older form as a list of tables; what is in them the chain says."""

    swap_instruction: RawInstruction
    setup_instructions: tuple[RawInstruction, ...] = ()
    compute_budget_instructions: tuple[RawInstruction, ...] = ()
    other_instructions: tuple[RawInstruction, ...] = ()
    cleanup_instruction: RawInstruction | None = None
    tip_instruction: RawInstruction | None = None
    token_ledger_instruction: RawInstruction | None = None
    addresses_by_lookup_table_address: dict[str, list[str]] | None = None
    address_lookup_table_addresses: list[str] | None = None

    @property
    def tables(self) -> list[str]:
        """The lookup tables that it names, in order."""
        return [*(self.addresses_by_lookup_table_address or ()), *(self.address_lookup_table_addresses or ())]


class Refusal(Wire, frozen=True):
    error: str = ""
    error_code: str = ""


_quote = msgspec.json.Decoder(Quote)
_instructions = msgspec.json.Decoder(Instructions)
_refusal = msgspec.json.Decoder(Refusal)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote, and its bytes as they came: it goes back with members that nobody here knows."""

    quote: Quote
    raw: bytes


class RouterResting(RouterUnavailable):
    """The aggregator refuses for the rate of our requests; `wait_s` is how long it wants to be left alone."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class JupiterClient:
    """Typed calls. All raise RouterUnavailable, RouterResting for one, and NoWayError."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __repr__(self) -> str:
        return f"<JupiterClient {self.name}>"

    @property
    def name(self) -> str:
        return self._api.name

    async def quote(self, input_mint: str, output_mint: str, amount: int, slippage_bps: int) -> Quoted:
        """What exactly `amount` raw units of the input bring."""
        query = (
            f"inputMint={input_mint}&outputMint={output_mint}&amount={amount}&slippageBps={slippage_bps}"
            f"&swapMode=ExactIn&maxAccounts={MAX_ACCOUNTS}"
        )
        raw = await self._ask("GET", f"/quote?{query}")
        return Quoted(self._decoded(_quote, raw, "quote"), raw)

    async def instructions(self, quoted: Quoted, wallet: str) -> Instructions:
        """The instructions of a quote for this wallet."""
        body = {"userPublicKey": wallet, "wrapAndUnwrapSol": True, "quoteResponse": msgspec.Raw(quoted.raw)}
        raw = await self._ask("POST", "/swap-instructions", msgspec.json.encode(body))
        return self._decoded(_instructions, raw, "swap-instructions")

    async def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        what = path.partition("?")[0].strip("/")
        with trio.move_on_after(DEADLINE_S) as scope:
            try:
                status, answer = await self._api.ask(method, path, body)
            except RateLimited as error:
                raise RouterResting(str(error), error.wait_s) from None
            except ChainUnavailable as error:
                raise RouterUnavailable(str(error)) from None
        if scope.cancelled_caught:
            raise RouterUnavailable(f"{self.name}: {what}: no answer within {DEADLINE_S:g} s")
        if status == OK:
            return answer
        refused = self._decoded(_refusal, answer, what)
        if refused.error_code in NO_WAY:
            raise NoWayError(f"Jupiter knows no market for it now ({refused.error_code})")
        said = one_line(refused.error_code or refused.error) or "no reason"
        raise RouterUnavailable(f"{self.name}: {what}: status {status}: {said}")

    def _decoded(self, decoder: msgspec.json.Decoder[Answer], raw: bytes, what: str) -> Answer:
        try:
            return decoder.decode(raw)
        except wire.UNREADABLE:
            raise RouterUnavailable(f"{self.name}: {what}: the answer is not what it returns") from None


def impact_bps(quote: Quote) -> int:
    """The price impact in whole basis points, rounded up and between 0 and all; raises RouterUnavailable for no number."""
    try:
        share = Decimal(quote.price_impact_pct or "0")
        if not share.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise RouterUnavailable("Jupiter: a price impact that is no number") from None
    # Within its bounds before it is counted: an exponent of a billion would fill the memory.
    share = min(max(share, Decimal(0)), Decimal(1))
    return int((share * BPS).to_integral_value(rounding="ROUND_CEILING"))
