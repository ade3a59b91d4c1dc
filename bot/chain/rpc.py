"""The methods of one RPC endpoint: their parameters, their typed answers, and how old an answer may be.

Shapes: Agave's RPC documentation. Whatever goes wrong is ChainUnavailable; `rpc_errors` has its kinds, so that the few
callers who care can tell.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
import trio

from bot.chain import wire
from bot.chain.allowance import HISTORY_SEARCH
from bot.chain.json_rpc import JsonRpc
from bot.chain.rpc_errors import EndpointBehind, EndpointBlind, RpcFault, SlotNotReached, already_processed, rejection
from bot.chain.transport import Transport, one_line
from bot.errors import ChainUnavailable, DecodeError

Answer = TypeVar("Answer")
Commitment = Literal["processed", "confirmed", "finalized"]

MAX_ACCOUNTS = 100
MAX_STATUSES = 256
TOKEN_ACCOUNT_PREFIX_BYTES = 72  # mint, owner and amount

_text = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(wire.Natural)
_balance = msgspec.json.Decoder(wire.InContext[wire.Natural])
_account = msgspec.json.Decoder(wire.InContext[wire.Account | None])
_accounts = msgspec.json.Decoder(wire.InContext[list[wire.Account | None]])
_keyed_accounts = msgspec.json.Decoder(wire.InContext[list[wire.KeyedAccount]])
_largest_accounts = msgspec.json.Decoder(wire.InContext[list[wire.LargestAccount]])
_valid = msgspec.json.Decoder(wire.InContext[bool])
_blockhash = msgspec.json.Decoder(wire.InContext[wire.LatestBlockhash])
_prioritization_fees = msgspec.json.Decoder(list[wire.PrioritizationFee])
_statuses = msgspec.json.Decoder(wire.InContext[list[wire.Status | None]])
_simulation = msgspec.json.Decoder(wire.InContext[wire.Simulation])
_signatures = msgspec.json.Decoder(list[wire.SignatureInfo])
_transaction = msgspec.json.Decoder(wire.TransactionRecord | None)


def _let_pass(method: str) -> None:
    """The gate of a client that nobody keeps: everything may be asked."""


@dataclass(frozen=True, slots=True)
class AccountData:
    """An account at the slot of its answer; `owner` is the base58 id of the program that owns it."""

    owner: str
    data: bytes
    lamports: int


@dataclass(frozen=True, slots=True)
class TokenHolding:
    """The raw units that one token account holds; `mint_bytes` is the 32 bytes of its mint."""

    mint_bytes: bytes
    token_raw: int


class RpcClient:
    """Typed calls to one endpoint, each within `deadline_s`.

    `last_slot` is the slot that the latest answer named, `heard_at_s` the trio time of that answer and `lag_slots` how far
    it was behind `newest_slot` then. `still_s` is how long its slot had stood when it was asked for it last.

    `methods` knows which methods fail here while others answer. `least_slot` says, when a question leaves, how old its
    answer may be, and `gate` raises for a method that may not be asked now. Whoever keeps several clients sets these two,
    `newest_slot` and `landmark`, the address of an account that every cluster has: it is asked for beside other accounts,
    and `blind` says that it was not there. `note` is what there is to say of its credentials, empty while all is well.
    `at_once` calls share a request of the transport.
    """

    def __init__(self, transport: Transport, deadline_s: float, *, at_once: int = 1) -> None:
        self._rpc = JsonRpc(transport, deadline_s)
        self.at_once = at_once
        self.last_slot: int | None = None
        self.heard_at_s = 0.0
        self.lag_slots: int | None = None
        self.still_s = 0.0
        self._told_slot: int | None = None  # by getSlot alone: other answers are of other commitments
        self._moved_at_s = 0.0
        self.newest_slot: Callable[[], int] = lambda: 0
        self.least_slot: Callable[[], int] = lambda: 0
        self.gate: Callable[[str], None] = _let_pass
        self.methods = self._rpc.methods
        self.note: Callable[[], str] = lambda: ""
        self.landmark = ""
        self.blind = False

    def __repr__(self) -> str:
        return f"<RpcClient {self.name}>"

    @property
    def name(self) -> str:
        return self._rpc.name

    async def _call(
        self, method: str, params: list[Any], decoder: msgspec.json.Decoder[Answer], *, known_as: str = ""
    ) -> Answer:
        self.gate(method)
        return await self._rpc.call(method, params, decoder, known_as=known_as)

    async def _call_in_context(
        self,
        method: str,
        params: list[Any],
        decoder: msgspec.json.Decoder[wire.InContext[Answer]],
        *,
        not_before: int = 0,
        known_as: str = "",
    ) -> tuple[int, Answer]:
        """The slot of the answer and its value.

        Raises EndpointBehind for an answer that is too old for anything, SlotNotReached for one from before the slot
        `not_before`, which the caller needs.
        """
        least_slot = self.least_slot()
        answer = await self._call(method, params, decoder, known_as=known_as)
        slot = answer.context.slot
        self._heard(slot)
        if slot < least_slot:
            raise EndpointBehind(f"{self.name}: {method}: answered from slot {slot}, {least_slot} is the oldest of use")
        if slot < not_before:
            raise SlotNotReached(f"{self.name}: {method}: answered from slot {slot}, asked for {not_before} or later")
        return slot, answer.value

    def _heard(self, slot: int) -> None:
        self.lag_slots = max(0, self.newest_slot() - slot)
        self.last_slot = slot
        self.heard_at_s = trio.current_time()

    def _garbled(self, method: str, what: str) -> ChainUnavailable:
        return ChainUnavailable(f"{self.name}: {method}: {what}")

    async def genesis_hash(self) -> str:
        return await self._call("getGenesisHash", [], _text)

    async def slot(self) -> int:
        """The newest slot that the endpoint has processed, however old; asked to find out how it fares."""
        slot = await self._call("getSlot", [{"commitment": "processed"}], _number)
        self._heard(slot)
        if self._told_slot is None or slot > self._told_slot:
            self._moved_at_s = self.heard_at_s
        self._told_slot = slot
        self.still_s = self.heard_at_s - self._moved_at_s
        return slot

    async def finalized_slot(self) -> int:
        """The newest slot that cannot be taken back any more."""
        return await self._call("getSlot", [{"commitment": "finalized"}], _number)

    async def block_height(self, commitment: Commitment) -> int:
        """How many blocks there are below the newest one; less than its slot, because slots may be empty."""
        return await self._call("getBlockHeight", [{"commitment": commitment}], _number)

    async def balance(self, address: str, commitment: Commitment, *, not_before: int = 0) -> tuple[int, int]:
        """Slot and lamports; an account that does not exist has 0."""
        params = [address, _at_least({"commitment": commitment}, not_before)]
        return await self._call_in_context("getBalance", params, _balance, not_before=not_before)

    async def latest_blockhash(self, commitment: Commitment) -> wire.LatestBlockhash:
        _, value = await self._call_in_context("getLatestBlockhash", [{"commitment": commitment}], _blockhash)
        return value

    async def takes_blockhash(self, blockhash: str) -> bool:
        """Whether a transaction on this blockhash may still get into a block, as this endpoint's newest one has it."""
        params = [blockhash, {"commitment": "processed"}]
        _, valid = await self._call_in_context("isBlockhashValid", params, _valid)
        return valid

    async def prioritization_fees(self, accounts: Sequence[str]) -> list[int]:
        """Micro-lamports per unit of the recent blocks where a transaction that wrote all these accounts paid anything."""
        told = await self._call("getRecentPrioritizationFees", [list(accounts)], _prioritization_fees)
        return [one.prioritization_fee for one in told if one.prioritization_fee > 0]

    async def accounts(
        self, addresses: Sequence[str], commitment: Commitment, *, not_before: int = 0
    ) -> tuple[int, dict[str, AccountData | None]]:
        """Accounts by address, None for one that does not exist, asked for in chunks; the oldest chunk's slot.

        The landmark is asked for with them wherever that takes no request more; raises EndpointBlind when it is not there.
        """
        found: dict[str, AccountData | None] = {}
        slots: list[int] = []
        has_room = len(addresses) % MAX_ACCOUNTS > 0
        wanted = [*addresses, self.landmark] if self.landmark and has_room else addresses
        for start in range(0, len(wanted), MAX_ACCOUNTS):
            chunk = list(wanted[start : start + MAX_ACCOUNTS])
            params = [chunk, _at_least({"encoding": "base64", "commitment": commitment}, not_before)]
            slot, values = await self._call_in_context("getMultipleAccounts", params, _accounts, not_before=not_before)
            if len(values) != len(chunk):
                raise self._garbled("getMultipleAccounts", f"{len(values)} accounts for {len(chunk)} addresses")
            slots.append(slot)
            for address, value in zip(chunk, values, strict=True):
                found[address] = None if value is None else self._account("getMultipleAccounts", value)
        if len(wanted) > len(addresses):
            self._saw(shown=found.pop(self.landmark) is not None)
        return min(slots, default=0), found

    def _saw(self, *, shown: bool) -> None:
        self.blind = not shown
        if self.blind:
            raise EndpointBlind(self.why_blind)

    @property
    def why_blind(self) -> str:
        """What speaks against believing it, while it is blind."""
        return f"{self.name}: it shows no {self.landmark}, which every cluster has"

    async def prove_sight(self) -> None:
        """Ask for the landmark alone, beside an answer that something is not there; raises EndpointBlind."""
        if self.landmark:
            params = [self.landmark, {"encoding": "base64", "commitment": "processed"}]
            _, value = await self._call_in_context("getAccountInfo", params, _account)
            self._saw(shown=value is not None)

    def _account(self, method: str, value: wire.Account) -> AccountData:
        try:
            return account_data(value)
        except DecodeError as error:
            raise self._garbled(method, str(error)) from None

    async def token_holdings(
        self, owner: str, token_program: str, commitment: Commitment, *, not_before: int = 0
    ) -> tuple[int, list[TokenHolding]]:
        """What an owner holds under one of the token programs, one entry per token account."""
        config = {
            "encoding": "base64",
            "commitment": commitment,
            "dataSlice": {"offset": 0, "length": TOKEN_ACCOUNT_PREFIX_BYTES},
        }
        params = [owner, {"programId": token_program}, _at_least(config, not_before)]
        slot, values = await self._call_in_context(
            "getTokenAccountsByOwner", params, _keyed_accounts, not_before=not_before
        )
        holdings = []
        for value in values:
            data = self._account("getTokenAccountsByOwner", value.account).data
            if len(data) < TOKEN_ACCOUNT_PREFIX_BYTES:
                raise self._garbled("getTokenAccountsByOwner", f"a token account of {len(data)} bytes")
            holdings.append(TokenHolding(data[:32], int.from_bytes(data[64:72], "little")))
        return slot, holdings

    async def largest_accounts(self, mint: str) -> list[tuple[str, int]]:
        """Addresses and raw units of the largest token accounts of a mint, at most 20. Many public nodes refuse this."""
        params = [mint, {"commitment": "confirmed"}]
        _, values = await self._call_in_context("getTokenLargestAccounts", params, _largest_accounts)
        if not all(value.amount.isdecimal() for value in values):
            raise self._garbled("getTokenLargestAccounts", "an amount that is no number")
        return [(value.address, int(value.amount)) for value in values]

    async def signature_statuses(
        self, signatures: Sequence[str], *, search_history: bool
    ) -> tuple[int, list[wire.Status | None]]:
        """One entry per signature; without `search_history` only the node's recent status cache is asked."""
        if search_history:
            self.gate(HISTORY_SEARCH)
        known_as = HISTORY_SEARCH if search_history else ""
        found: list[wire.Status | None] = []
        slots: list[int] = []
        for start in range(0, len(signatures), MAX_STATUSES):
            chunk = list(signatures[start : start + MAX_STATUSES])
            params = [chunk, {"searchTransactionHistory": search_history}]
            slot, values = await self._call_in_context("getSignatureStatuses", params, _statuses, known_as=known_as)
            if len(values) != len(chunk):
                raise self._garbled("getSignatureStatuses", f"{len(values)} statuses for {len(chunk)} signatures")
            slots.append(slot)
            found.extend(values)
        return min(slots, default=0), found

    async def transaction(self, signature: str, commitment: Commitment) -> wire.TransactionRecord | None:
        """A landed transaction; None when this endpoint does not show it at the commitment. Version 1 is on mainnet."""
        config = {"encoding": "json", "commitment": commitment, "maxSupportedTransactionVersion": 1}
        record: wire.TransactionRecord | None = await self._call("getTransaction", [signature, config], _transaction)
        if record is not None and record.transaction.signatures[:1] not in ([], [signature]):
            raise self._garbled("getTransaction", "it is another transaction than the one that was asked for")
        return record

    async def signatures_for_address(
        self, address: str, commitment: Commitment, *, limit: int, before: str | None, until: str | None, since: int = 0
    ) -> list[wire.SignatureInfo]:
        """Transactions that touched an address, the newest first; nodes refuse a limit above 1,000 and `processed`.

        The answer names no slot, so a node that is too far behind, or before `since`, is asked to refuse it itself.
        """
        config = _at_least({"limit": limit, "commitment": commitment}, max(self.least_slot(), since))
        config |= {name: value for name, value in (("before", before), ("until", until)) if value is not None}
        return await self._call("getSignaturesForAddress", [address, config], _signatures)

    async def simulate(self, raw: bytes) -> wire.Simulation:
        """Run unsigned bytes on the newest state with a fresh blockhash; nothing is charged."""
        return await self._simulate(raw, {})

    async def simulate_for(
        self, raw: bytes, addresses: Sequence[str]
    ) -> tuple[wire.Simulation, dict[str, AccountData | None]]:
        """The same, and how it would leave these accounts: None for one that would not be there."""
        told = await self._simulate(raw, {"accounts": {"encoding": "base64", "addresses": list(addresses)}})
        left = told.accounts or []
        if told.err is None and len(left) != len(addresses):
            raise self._garbled("simulateTransaction", f"{len(left)} accounts for {len(addresses)} addresses")
        pairs = zip(addresses, left, strict=False)
        return told, {
            address: None if one is None else self._account("simulateTransaction", one) for address, one in pairs
        }

    async def _simulate(self, raw: bytes, more: dict[str, Any]) -> wire.Simulation:
        config = {
            "encoding": "base64",
            "commitment": "processed",
            "sigVerify": False,
            "replaceRecentBlockhash": True,
            **more,
        }
        params = [base64.b64encode(raw).decode(), config]
        _, value = await self._call_in_context("simulateTransaction", params, _simulation)
        return value

    async def send(self, raw: bytes) -> None:
        """Hand over signed bytes without the node's own simulation and resending, which are ours.

        Raises SendRejected when the endpoint says that these bytes cannot land. Already processed counts as sent.
        """
        config = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        try:
            await self._call("sendTransaction", [base64.b64encode(raw).decode(), config], _text)
        except RpcFault as fault:
            rejected = rejection(fault)
            if rejected is not None:
                raise rejected from None
            if not already_processed(fault):
                raise


def account_data(value: wire.Account) -> AccountData:
    """An account as it was told; raises DecodeError for data in another encoding than base64."""
    text, encoding = value.data
    try:
        if encoding == "base64":
            return AccountData(value.owner, base64.b64decode(text, validate=True), value.lamports)
    except (binascii.Error, ValueError):
        raise DecodeError("account data that is not base64") from None
    raise DecodeError(f"account data in encoding {one_line(encoding)}")


def _at_least(config: dict[str, Any], slot: int) -> dict[str, Any]:
    """A request's options, with `minContextSlot` where the answer may not be from before `slot`."""
    return {**config, "minContextSlot": slot} if slot > 0 else config
