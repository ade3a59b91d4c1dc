"""A transaction of a Geyser stream as the record that a node's `getTransaction` would have told. Pure.

Whoever reads records reads both alike. Field numbers: `geyser.proto` 15.1 and `solana-storage.proto` of
rpcpool/yellowstone-grpc.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.chain import wire
from bot.chain.geyser import (
    CONFIRMED,
    Ping,
    SlotTold,
    address,
    instruction_parts,
    slot_and_status,
    static_keys,
    transaction_parts,
)
from bot.chain.protobuf import as_bytes, as_int, as_text, fields


@dataclass(frozen=True, slots=True)
class RecordTold:
    """A transaction that succeeded, at `confirmed`, with the signature that names it (base58)."""

    signature: str
    record: wire.TransactionRecord


def decode_confirmed(data: bytes) -> SlotTold | RecordTold | Ping | None:
    """What an update of a subscription at `confirmed` tells; None for anything else and for what failed.

    Raises DecodeError.
    """
    for number, value in fields(data):
        if number == 3:
            slot, status = slot_and_status(as_bytes(value))
            return SlotTold(slot) if status == CONFIRMED else None
        if number == 4:
            return _record_told(as_bytes(value))
        if number == 6:
            return Ping()
    return None


def _record_told(data: bytes) -> RecordTold | None:
    told = transaction_parts(data)
    meta = _meta(told.meta)
    if meta is None:
        return None
    message = _message(told.transaction)
    return RecordTold(
        told.signature, wire.TransactionRecord(told.slot, wire.Transaction(message, [told.signature]), meta)
    )


def _message(transaction: bytes) -> wire.Message:
    instructions: list[wire.Instruction] = []
    for number, value in fields(transaction):
        if number == 2:
            message = fields(as_bytes(value))
            instructions += [_instruction(as_bytes(part)) for inside, part in message if inside == 4]
    return wire.Message([address(key) for key in static_keys(transaction)], instructions)


def _meta(data: bytes) -> wire.Meta | None:
    """None for a transaction that failed. What it did to lamports is left out, because nobody asks for it here."""
    inner: list[wire.InnerInstructions] = []
    logs: list[str] = []
    before: list[wire.TokenBalance] = []
    after: list[wire.TokenBalance] = []
    writable: list[str] = []
    readonly: list[str] = []
    for number, value in fields(data):
        if number == 1:
            return None
        if number == 5:
            inner.append(_group(as_bytes(value)))
        elif number == 6:
            logs.append(as_text(value))
        elif number in {7, 8}:
            (before if number == 7 else after).append(_token_balance(as_bytes(value)))
        elif number in {12, 13}:
            (writable if number == 12 else readonly).append(address(as_bytes(value)))
    return wire.Meta(
        fee=0,
        pre_balances=[],
        post_balances=[],
        pre_token_balances=before,
        post_token_balances=after,
        inner_instructions=inner,
        log_messages=logs,
        loaded_addresses=wire.LoadedAddresses(writable, readonly),
    )


def _group(data: bytes) -> wire.InnerInstructions:
    index, instructions = 0, []
    for number, value in fields(data):
        if number == 1:
            index = as_int(value)
        elif number == 2:
            instructions.append(_instruction(as_bytes(value)))
    return wire.InnerInstructions(index, instructions)


def _instruction(data: bytes) -> wire.Instruction:
    program, accounts, body = instruction_parts(data)
    return wire.HeardInstruction(program, list(accounts), "", body)


def _token_balance(data: bytes) -> wire.TokenBalance:
    index, mint, amount, owner = 0, "", "0", None
    for number, value in fields(data):
        if number == 1:
            index = as_int(value)
        elif number == 2:
            mint = as_text(value)
        elif number == 3:
            amount = next((as_text(part) for inside, part in fields(as_bytes(value)) if inside == 3), "0")
        elif number == 4:
            owner = as_text(value)
    return wire.TokenBalance(index, mint, wire.TokenAmount(amount), owner)
