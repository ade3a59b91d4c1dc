"""What the chain remembers: executed transactions and blocks, as frozen values that serialise with msgspec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey


@dataclass(frozen=True, slots=True)
class InnerInstruction:
    """An instruction that a program invoked; indexes point into the transaction's account keys."""

    program_index: int
    accounts: bytes
    data: bytes
    stack_height: int


@dataclass(frozen=True, slots=True)
class TokenBalance:
    """The balance of one token account before or after a transaction."""

    account_index: int
    mint: str
    owner: str
    program: str
    amount_raw: int
    decimals: int


@dataclass(frozen=True, slots=True)
class ExecutedTransaction:
    """A transaction that was included in a block, successful or failed.

    `account_keys` are the static keys, then the loaded writable, then the loaded read-only ones. `error` has the shape
    of Agave's JSON errors (None, text, or an object). `inner` maps the index of a top-level instruction to what it
    invoked. Balances are in the order of `account_keys`.
    """

    signature: str
    raw: bytes
    slot: int
    index: int
    block_time_s: int
    account_keys: tuple[str, ...]
    writable: tuple[bool, ...]
    static_count: int
    loaded_writable_count: int
    error: Any
    logs: tuple[str, ...]
    inner: tuple[tuple[int, tuple[InnerInstruction, ...]], ...]
    compute_units: int
    fee_lamports: int
    return_program: str
    return_data: bytes
    pre_lamports: tuple[int, ...]
    post_lamports: tuple[int, ...]
    pre_tokens: tuple[TokenBalance, ...]
    post_tokens: tuple[TokenBalance, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """An executed transaction with the accounts it changed, before and after; None marks one that does not exist."""

    record: ExecutedTransaction
    before: Mapping[Pubkey, Account | None]
    after: Mapping[Pubkey, Account | None]
    price_micro_lamports: int


@dataclass(frozen=True, slots=True)
class Block:
    """One produced block. `blockhash` may be used by transactions for the following 150 blocks.

    `before` holds the state that every changed account had in the previous block.
    """

    slot: int
    height: int
    block_time_s: int
    blockhash: str
    transactions: tuple[Landed, ...]
    before: Mapping[Pubkey, Account | None]


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What is kept of a block beside its transactions."""

    slot: int
    height: int
    block_time_s: int
    blockhash: str


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """What a status query needs to know of an executed transaction."""

    signature: str
    slot: int
    block_time_s: int
    error: Any
