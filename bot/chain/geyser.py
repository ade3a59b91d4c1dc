"""The messages of a Yellowstone Geyser stream that this room sends and reads, and no more of each than is used. Pure.

Field numbers: `geyser.proto` 15.1 and `solana-storage.proto` of rpcpool/yellowstone-grpc.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain import layouts
from bot.chain.protobuf import as_bytes, as_int, as_text, bytes_field, fields, number_field
from bot.chain.pumpfun import InnerInstruction, events_in_instructions, events_in_logs
from bot.errors import DecodeError

SUBSCRIBE = "/geyser.Geyser/Subscribe"
FILTER = "ours"  # the name that our filters have with the server
PROCESSED, CONFIRMED = 0, 1  # of CommitmentLevel, and of SlotStatus
PONG = 1  # any number; the server gives it back


@dataclass(frozen=True, slots=True)
class SlotTold:
    """A slot has reached the commitment that was asked for."""

    slot: int


@dataclass(frozen=True, slots=True)
class TransactionTold:
    """A transaction that named the launchpad: its signature (base58), and the launchpad's event payloads in it.

    `truncated`: only its log was there and that was cut, so there may be more. Inner instructions are never cut.
    """

    signature: str
    slot: int
    payloads: tuple[bytes, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """The server wants to hear a sign of life."""


Update = SlotTold | TransactionTold | Ping


def subscribe_request(accounts: Sequence[str], from_slot: int | None, commitment: int = PROCESSED) -> bytes:
    """Transactions that name one of the accounts and succeeded, and every slot, at a commitment.

    `accounts` may not be empty: that would be all transactions. With `from_slot` the server first tells what it still has
    from that slot on. A later request on the same call takes the place of the one before.
    """
    if not accounts:
        raise ValueError("a filter without accounts asks for every transaction of the chain")
    transactions = number_field(1, 0) + number_field(2, 0) + b"".join(bytes_field(3, one) for one in accounts)
    by_commitment = number_field(1, 1)
    request = _map_entry(2, by_commitment) + _map_entry(3, transactions) + number_field(6, commitment)
    return request if from_slot is None else request + number_field(11, from_slot)


def ping_request() -> bytes:
    """The answer to a ping: a request that changes no subscription."""
    return bytes_field(9, number_field(1, PONG))


def _map_entry(number: int, value: bytes) -> bytes:
    return bytes_field(number, bytes_field(1, FILTER) + bytes_field(2, value))


def decode_update(data: bytes) -> Update | None:
    """What an update tells; None for a kind that was not asked for. Raises DecodeError."""
    for number, value in fields(data):
        if number == 3:
            return _slot(as_bytes(value))
        if number == 4:
            return _transaction(as_bytes(value))
        if number == 6:
            return Ping()
    return None


def _slot(data: bytes) -> SlotTold | None:
    slot, status = slot_and_status(data)
    return SlotTold(slot) if status == PROCESSED else None


def slot_and_status(data: bytes) -> tuple[int, int]:
    """The number and the status of a slot's update; a member that is 0 is not on the wire."""
    slot, status = 0, PROCESSED
    for number, value in fields(data):
        if number == 1:
            slot = as_int(value)
        elif number == 3:
            status = as_int(value)
    return slot, status


@dataclass(frozen=True, slots=True)
class Parts:
    """A transaction's update: its signature (base58), its slot, and the messages of the transaction and of its meta."""

    signature: str
    slot: int
    transaction: bytes
    meta: bytes


def transaction_parts(data: bytes) -> Parts:
    """The parts of a transaction's update. Raises DecodeError for one without a signature or a slot."""
    slot, info = 0, b""
    for number, value in fields(data):
        if number == 1:
            info = as_bytes(value)
        elif number == 2:
            slot = as_int(value)
    signature, transaction, meta = b"", b"", b""
    for number, value in fields(info):
        if number == 1:
            signature = as_bytes(value)
        elif number == 3:
            transaction = as_bytes(value)
        elif number == 4:
            meta = as_bytes(value)
    if len(signature) != 64 or not slot:
        raise DecodeError("a transaction of a Geyser stream has no signature or no slot")
    return Parts(str(Signature.from_bytes(signature)), slot, transaction, meta)


def _transaction(data: bytes) -> TransactionTold | None:
    told = transaction_parts(data)
    return _told(told.signature, told.slot, told.transaction, told.meta)


def _told(signature: str, slot: int, transaction: bytes, meta: bytes) -> TransactionTold | None:
    """None for a transaction that failed. Inner instructions come first, because they are never cut."""
    inner: list[bytes] = []
    logs: list[bytes] = []
    writable: list[bytes] = []
    readonly: list[bytes] = []
    for number, value in fields(meta):
        if number == 1:
            return None
        if number == 5:
            inner.append(as_bytes(value))
        elif number == 6:
            logs.append(as_bytes(value))
        elif number == 12:
            writable.append(as_bytes(value))
        elif number == 13:
            readonly.append(as_bytes(value))
    keys = [*static_keys(transaction), *writable, *readonly]
    payloads = events_in_instructions(one for group in inner for one in _event_calls(group, keys))
    if payloads or not logs:
        return TransactionTold(signature, slot, payloads)
    logged = events_in_logs([as_text(line) for line in logs])
    return TransactionTold(signature, slot, logged.payloads, logged.truncated and not inner)


def static_keys(transaction: bytes) -> Iterator[bytes]:
    """The accounts that a transaction's message names itself."""
    for number, value in fields(transaction):
        if number == 2:
            for inside, key in fields(as_bytes(value)):
                if inside == 2:
                    yield as_bytes(key)


def _event_calls(group: bytes, keys: Sequence[bytes]) -> Iterator[InnerInstruction]:
    """The invoked instructions that repeat an event as a call; the others are not looked at."""
    for number, value in fields(group):
        if number != 2:
            continue
        program, accounts, data = instruction_parts(as_bytes(value))
        if data[:8] == layouts.EVENT_CPI:
            yield InnerInstruction(_key(keys, program), tuple(_key(keys, index) for index in accounts[:1]), data)


def instruction_parts(instruction: bytes) -> tuple[int, bytes, bytes]:
    """The index of its program, those of its accounts, and its data.

    An instruction of the transaction and an invoked one begin with the same members.
    """
    program, accounts, data = 0, b"", b""
    for number, value in fields(instruction):
        if number == 1:
            program = as_int(value)
        elif number == 2:
            accounts = as_bytes(value)
        elif number == 3:
            data = as_bytes(value)
    return program, accounts, data


def _key(keys: Sequence[bytes], index: int) -> str:
    if index >= len(keys):
        raise DecodeError(f"index {index} points at no account of {len(keys)}")
    return address(keys[index])


def address(raw: bytes) -> str:
    """An account's address in base58; raises DecodeError for what is none."""
    if len(raw) != 32:
        raise DecodeError(f"an account of a Geyser stream has {len(raw)} bytes")
    return str(Pubkey.from_bytes(raw))
