"""Running one transaction on LiteSVM and recording what it did: keys, balances before and after, logs, changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTable
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, InnerInstruction, TransactionMetadata

from bot.localnet.accounts import Accounts
from bot.localnet.addresses import SYSTEM_PROGRAM
from bot.localnet.landing import PendingTransaction
from bot.localnet.price_jumps import send_out_of_bounds
from bot.localnet.records import ExecutedTransaction, Landed, TokenBalance
from bot.localnet.records import InnerInstruction as InnerRecord
from bot.localnet.tokens import mint_decimals, token_account

ADVANCE_NONCE = b"\x04\x00\x00\x00"
NONCE_LENGTH = 80
NONCE_VALUE = slice(40, 72)


@dataclass(frozen=True, slots=True)
class ResolvedKeys:
    """Every account of a transaction, lookup tables applied: static, then loaded writable, then loaded read-only."""

    keys: tuple[Pubkey, ...]
    writable: tuple[bool, ...]
    static_count: int
    loaded_writable_count: int


@dataclass(frozen=True, slots=True)
class Balances:
    """Balances of a transaction's accounts at one moment, in the order of its keys."""

    accounts: tuple[Account | None, ...]
    lamports: tuple[int, ...]
    tokens: tuple[TokenBalance, ...]


def resolve_keys(transaction: VersionedTransaction, accounts: Accounts) -> ResolvedKeys | None:
    """The accounts of a transaction, or None when a lookup table or an index in it does not exist."""
    message = transaction.message
    static = list(message.account_keys)
    header = message.header
    signers = header.num_required_signatures
    writable_signers = signers - header.num_readonly_signed_accounts
    writable_end = len(static) - header.num_readonly_unsigned_accounts
    writable = [i < writable_signers or signers <= i < writable_end for i in range(len(static))]
    loaded_writable: list[Pubkey] = []
    loaded_readonly: list[Pubkey] = []
    if isinstance(message, MessageV0):
        for lookup in message.address_table_lookups:
            table = accounts.get(lookup.account_key)
            if table is None:
                return None
            addresses = AddressLookupTable.deserialize(table.data).addresses
            if max(*lookup.writable_indexes, *lookup.readonly_indexes, 0) >= len(addresses):
                return None
            loaded_writable += [addresses[i] for i in lookup.writable_indexes]
            loaded_readonly += [addresses[i] for i in lookup.readonly_indexes]
    return ResolvedKeys(
        keys=(*static, *loaded_writable, *loaded_readonly),
        writable=(*writable, *[True] * len(loaded_writable), *[False] * len(loaded_readonly)),
        static_count=len(static),
        loaded_writable_count=len(loaded_writable),
    )


def nonce_account_of(transaction: VersionedTransaction) -> Pubkey | None:
    """The nonce account that the first instruction advances, or None when this is no durable transaction."""
    message = transaction.message
    keys = message.account_keys
    for instruction in message.instructions[:1]:
        advances = bytes(instruction.data)[:4] == ADVANCE_NONCE
        if keys[instruction.program_id_index] == SYSTEM_PROGRAM and advances and instruction.accounts:
            return keys[instruction.accounts[0]]
    return None


def durable_nonce_matches(transaction: VersionedTransaction, accounts: Accounts) -> bool:
    """Whether a transaction is signed on the current value of the durable nonce that it advances."""
    nonce_key = nonce_account_of(transaction)
    if nonce_key is None:
        return False
    account = accounts.get(nonce_key)
    if account is None or account.owner != SYSTEM_PROGRAM or len(account.data) != NONCE_LENGTH:
        return False
    return account.data[NONCE_VALUE] == bytes(transaction.message.recent_blockhash)


def read_balances(keys: ResolvedKeys, accounts: Accounts) -> Balances:
    """Lamports and token balances of every account of a transaction."""
    states = tuple(accounts.get(key) for key in keys.keys)
    tokens = []
    for index, state in enumerate(states):
        held = token_account(state)
        if held is None or state is None:
            continue
        mint = accounts.get(held.mint)
        if mint is not None:
            tokens.append(
                TokenBalance(
                    account_index=index,
                    mint=str(held.mint),
                    owner=str(held.owner),
                    program=str(state.owner),
                    amount_raw=held.amount_raw,
                    decimals=mint_decimals(mint),
                )
            )
    lamports = tuple(0 if state is None else state.lamports for state in states)
    return Balances(states, lamports, tuple(tokens))


def error_json(failure: FailedTransactionMetadata) -> Any:
    """A failure in the shape of Agave's JSON errors, as in `{"InstructionError": [0, {"Custom": 1}]}`."""
    return json.loads(failure.to_json())["err"]


def inner_records(meta: TransactionMetadata) -> tuple[tuple[int, tuple[InnerRecord, ...]], ...]:
    """The instructions that each top-level instruction invoked; top-level ones that invoked nothing are left out."""
    return tuple(
        (index, tuple(_inner_record(inner) for inner in invoked))
        for index, invoked in enumerate(meta.inner_instructions())
        if invoked
    )


def _inner_record(inner: InnerInstruction) -> InnerRecord:
    compiled = inner.instruction()
    return InnerRecord(
        program_index=compiled.program_id_index,
        accounts=bytes(compiled.accounts),
        data=bytes(compiled.data),
        stack_height=inner.stack_height() or 2,
    )


def execute(
    pending: PendingTransaction,
    svm: LiteSVM,
    accounts: Accounts,
    *,
    slot: int,
    index: int,
    block_time_s: int,
    price_jumps: bool = False,
) -> Landed | None:
    """Run a transaction in the block being produced; None when the network would never include it.

    With `price_jumps` a trade meets a price that it does not allow. A failure that happens before the fee can be
    charged (unknown payer, missing lookup table) leaves no trace. A failure during execution is included: the fee is
    charged and a durable nonce is used up.
    """
    transaction = pending.transaction
    keys = resolve_keys(transaction, accounts)
    if keys is None:
        return None
    before = read_balances(keys, accounts)
    if price_jumps:
        written = [key for key, writable in zip(keys.keys, keys.writable, strict=True) if writable]
        result = send_out_of_bounds(transaction, written, svm)
    else:
        result = svm.send_transaction(transaction)
    failed = isinstance(result, FailedTransactionMetadata)
    meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
    if failed and meta.signature() == Signature.default():
        return None
    if failed:
        _use_up_nonce(transaction, svm)
    after = read_balances(keys, accounts)
    changed_from: dict[Pubkey, Account | None] = {}
    changed_to: dict[Pubkey, Account | None] = {}
    for key, writable, old, new in zip(keys.keys, keys.writable, before.accounts, after.accounts, strict=True):
        if writable and old != new:
            changed_from[key] = old
            changed_to[key] = new
            accounts.note(key, new)
    returned = meta.return_data()
    record = ExecutedTransaction(
        signature=str(pending.signature),
        raw=pending.raw,
        slot=slot,
        index=index,
        block_time_s=block_time_s,
        account_keys=tuple(str(key) for key in keys.keys),
        writable=keys.writable,
        static_count=keys.static_count,
        loaded_writable_count=keys.loaded_writable_count,
        error=error_json(result) if isinstance(result, FailedTransactionMetadata) else None,
        logs=tuple(meta.logs()),
        inner=inner_records(meta),
        compute_units=meta.compute_units_consumed(),
        fee_lamports=meta.fee(),
        return_program=str(returned.program_id),
        return_data=bytes(returned.data),
        pre_lamports=before.lamports,
        post_lamports=after.lamports,
        pre_tokens=before.tokens,
        post_tokens=after.tokens,
    )
    return Landed(record, changed_from, changed_to, pending.fee.price_micro_lamports)


def _use_up_nonce(transaction: VersionedTransaction, svm: LiteSVM) -> None:
    """Advance the durable nonce of a transaction that failed after its fee was charged.

    The network keeps the advance when it rolls the rest back, so that the same bytes cannot land twice; LiteSVM
    0.15.2 rolls it back too. The next value is sha256("DURABLE_NONCE" + blockhash), as in Agave's DurableNonce.
    """
    nonce_key = nonce_account_of(transaction)
    account = None if nonce_key is None else svm.get_account(nonce_key)
    if nonce_key is None or account is None or len(account.data) != NONCE_LENGTH:
        return
    value = hashlib.sha256(b"DURABLE_NONCE" + bytes(svm.latest_blockhash())).digest()
    data = account.data[: NONCE_VALUE.start] + value + account.data[NONCE_VALUE.stop :]
    svm.set_account(nonce_key, Account(account.lamports, data, account.owner, account.executable, account.rent_epoch))
