"""Shapes of the JSON-RPC answers that this room reads, and no more of each than is used."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec

Value = TypeVar("Value")

# What a decoder raises for bytes that are not of its shape; the last is for what is nested too deeply to be read at all.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Slots, lamports, fees and indices. A negative index would count from the end.
Natural = Annotated[int, msgspec.Meta(ge=0)]
# The decimal digits of raw units, a u64.
Digits = Annotated[str, msgspec.Meta(max_length=20)]


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Members are camelCase on the wire; unknown ones are ignored, missing ones refused."""


class ErrorBody(Wire, frozen=True):
    code: int
    message: str
    data: Any = None


class Envelope(Wire, frozen=True):
    """`result` stays undecoded until the method's own shape is known; it is empty when there was an error."""

    result: msgspec.Raw = msgspec.Raw()
    error: ErrorBody | None = None


class Context(Wire, frozen=True):
    slot: Natural


class ToldSlots(Wire, frozen=True):
    """The slots that a notification names, whatever it is about."""

    slot: Natural = 0
    context: Context = Context(0)


class InContext(Wire, Generic[Value], frozen=True):
    context: Context
    value: Value


class Account(Wire, frozen=True):
    """`data` is (text, encoding); the encoding asked for is always base64."""

    owner: str
    data: tuple[str, str]
    lamports: Natural = 0


class KeyedAccount(Wire, frozen=True):
    pubkey: str
    account: Account


class LatestBlockhash(Wire, frozen=True):
    blockhash: str
    last_valid_block_height: Natural


class PrioritizationFee(Wire, frozen=True):
    """The least price in micro-lamports per compute unit that one block's transactions paid; 0 where none did."""

    prioritization_fee: Natural


class Status(Wire, frozen=True):
    slot: Natural
    err: Any = None
    confirmation_status: str | None = None


class Simulation(Wire, frozen=True):
    """`accounts` are those that were asked for, as the transaction would leave them."""

    err: Any = None
    units_consumed: Natural | None = None
    accounts: list[Account | None] | None = None
    logs: list[str] | None = None


class TokenAmount(Wire, frozen=True):
    amount: Digits


class LargestAccount(Wire, frozen=True):
    address: str
    amount: Digits


class TokenBalance(Wire, frozen=True):
    account_index: Natural
    mint: str
    ui_token_amount: TokenAmount
    owner: str | None = None


class Instruction(Wire, frozen=True):
    program_id_index: Natural
    accounts: list[Natural]
    data: str


class HeardInstruction(Instruction, frozen=True):
    """An instruction of a stream that tells bytes: they are in `raw`, and `data` is empty. No JSON is ever read as one."""

    raw: bytes = b""


class InnerInstructions(Wire, frozen=True):
    index: Natural
    instructions: list[Instruction]


class LoadedAddresses(Wire, frozen=True):
    writable: list[str]
    readonly: list[str]


class Meta(Wire, frozen=True):
    """Members that a node may leave null are optional: old ledgers recorded less."""

    fee: Natural
    pre_balances: list[Natural]
    post_balances: list[Natural]
    err: Any = None
    pre_token_balances: list[TokenBalance] | None = None
    post_token_balances: list[TokenBalance] | None = None
    inner_instructions: list[InnerInstructions] | None = None
    log_messages: list[str] | None = None
    loaded_addresses: LoadedAddresses | None = None
    compute_units_consumed: Natural | None = None


class Header(Wire, frozen=True):
    """The first so many accounts of a transaction signed it."""

    num_required_signatures: Natural


class Message(Wire, frozen=True):
    """`instructions` are those of the transaction itself, not what programs invoked; `account_keys` its own alone."""

    account_keys: list[str]
    instructions: list[Instruction] = []
    header: Header | None = None
    recent_blockhash: str = ""


class Transaction(Wire, frozen=True):
    """The first of `signatures` names the transaction."""

    message: Message
    signatures: list[str] = []


class TransactionRecord(Wire, frozen=True):
    """A `getTransaction` answer in encoding `json`."""

    slot: Natural
    transaction: Transaction
    meta: Meta | None
    block_time: int | None = None


class SignatureInfo(Wire, frozen=True):
    """An entry of a `getSignaturesForAddress` answer."""

    signature: str
    slot: Natural
    err: Any = None


class InflightBundle(msgspec.Struct, frozen=True):
    """An entry of a block engine's `getInflightBundleStatuses` answer; its members are snake_case."""

    bundle_id: str
    status: str


class Logs(Wire, frozen=True):
    """The value of a `logsNotification`."""

    signature: str
    logs: list[str]
    err: Any = None


class SlotInfo(Wire, frozen=True):
    slot: Natural


class Params(Wire, frozen=True):
    result: msgspec.Raw
    subscription: int


class Frame(Wire, frozen=True):
    """A WebSocket frame: an answer to a request (`id` with `result` or `error`), or a notification (`method`, `params`)."""

    id: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: ErrorBody | None = None
    method: str | None = None
    params: Params | None = None
