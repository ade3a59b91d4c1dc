"""Swaps of Raydium's AMM v4 in the record of a landed transaction: who swapped, which token, and what moved.

Program id, tags and account order: raydium-amm's `instruction.rs` of July 2026 and the program's interface description. The
amounts are those of the token transfers that the program made, and not the limits that its instruction names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.chain import wire
from bot.chain.addresses import TOKEN_PROGRAMS, WRAPPED_SOL_MINT
from bot.chain.landed import data_of
from bot.errors import DecodeError

PROGRAM = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"

SWAP_BASE_IN, SWAP_BASE_OUT, SWAP_BASE_IN_V2, SWAP_BASE_OUT_V2 = 9, 11, 16, 17
_SHORT = frozenset({SWAP_BASE_IN_V2, SWAP_BASE_OUT_V2})  # without the accounts of an order book
_TAGS = frozenset({SWAP_BASE_IN, SWAP_BASE_OUT}) | _SHORT
SWAP_BYTES = 17  # the tag and two u64
SHORT_ACCOUNTS = 8
LONG_ACCOUNTS = 17  # 18 with the account of target orders, which older callers name

_TRANSFER, _TRANSFER_CHECKED = 3, 12
_TOKEN_PROGRAMS = frozenset(map(str, TOKEN_PROGRAMS))


@dataclass(frozen=True, slots=True)
class AmmSwap:
    """One swap between a token and wrapped SOL. `quote_lamports` is what the pool took or gave, its own fee included."""

    user: str
    mint: str
    is_buy: bool
    token_raw: int
    quote_lamports: int


@dataclass(frozen=True, slots=True)
class _Transfer:
    source: int
    target: int
    amount_raw: int


def swaps_of(record: wire.TransactionRecord, keys: Sequence[str], user: str) -> Iterator[AmmSwap]:
    """What a wallet swapped there itself, in order; `keys` are all accounts of the transaction.

    Nothing for a failed transaction, and nothing for pools without SOL on one side. Raises DecodeError for a swap of this
    wallet whose transfers the record does not show.
    """
    meta = record.meta
    if meta is None or meta.err is not None:
        return
    inner = {group.index: group.instructions for group in meta.inner_instructions or ()}
    mints = _mints(meta)
    for index, instruction in enumerate(record.transaction.message.instructions):
        called = [instruction, *inner.get(index, ())]
        for place, one in enumerate(called):
            accounts = _user_accounts(one, keys)
            if accounts is None or keys[accounts[2]] != user:
                continue
            paid, received = _transfers(called[place + 1 :], keys, accounts[0], accounts[1])
            swap = _swap(user, mints.get(paid.target), mints.get(received.source), paid, received)
            if swap is not None:
                yield swap


def _user_accounts(instruction: wire.Instruction, keys: Sequence[str]) -> tuple[int, int, int] | None:
    """The user's source, his destination and himself, by index; None for an instruction that is no swap of this program."""
    if _key(keys, instruction.program_id_index) != PROGRAM:
        return None
    data, accounts = data_of(instruction), instruction.accounts
    if len(data) < SWAP_BYTES or data[0] not in _TAGS:
        return None
    if data[0] in _SHORT:
        named = accounts[SHORT_ACCOUNTS - 3 : SHORT_ACCOUNTS]
    else:
        named = accounts[-3:] if len(accounts) >= LONG_ACCOUNTS else []
    if len(named) < 3 or not all(0 <= index < len(keys) for index in named):
        raise DecodeError(f"a swap of {PROGRAM} with {len(accounts)} accounts is none")
    return named[0], named[1], named[2]


def _transfers(
    behind: Sequence[wire.Instruction], keys: Sequence[str], source: int, target: int
) -> tuple[_Transfer, _Transfer]:
    """What the user paid and what he received: the first two transfers that the program made."""
    made: list[_Transfer] = []
    for instruction in behind:
        transfer = _transfer(instruction, keys)
        if transfer is not None:
            made.append(transfer)
        if len(made) == 2:
            break
    if len(made) < 2 or made[0].source != source or made[1].target != target:
        raise DecodeError(f"a swap of {PROGRAM} without the transfers that belong to it")
    return made[0], made[1]


def _transfer(instruction: wire.Instruction, keys: Sequence[str]) -> _Transfer | None:
    if _key(keys, instruction.program_id_index) not in _TOKEN_PROGRAMS:
        return None
    data, accounts = data_of(instruction), instruction.accounts
    if len(data) < 9 or data[0] not in {_TRANSFER, _TRANSFER_CHECKED}:
        return None
    places = (0, 1) if data[0] == _TRANSFER else (0, 2)
    if len(accounts) <= places[1]:
        raise DecodeError("a token transfer without its accounts")
    return _Transfer(accounts[places[0]], accounts[places[1]], int.from_bytes(data[1:9], "little"))


def _swap(user: str, mint_in: str | None, mint_out: str | None, paid: _Transfer, received: _Transfer) -> AmmSwap | None:
    """None where neither side is SOL. The mints are those of the pool's vaults, which outlive the transaction."""
    sol = str(WRAPPED_SOL_MINT)
    if mint_in is None or mint_out is None:
        raise DecodeError(f"a swap of {PROGRAM} between accounts whose mints the record does not name")
    if sol not in {mint_in, mint_out} or mint_in == mint_out:
        return None
    if mint_in == sol:
        return AmmSwap(user, mint_out, is_buy=True, token_raw=received.amount_raw, quote_lamports=paid.amount_raw)
    return AmmSwap(user, mint_in, is_buy=False, token_raw=paid.amount_raw, quote_lamports=received.amount_raw)


def _mints(meta: wire.Meta) -> dict[int, str]:
    """The mint of each token account, by its index."""
    balances = [*(meta.pre_token_balances or ()), *(meta.post_token_balances or ())]
    return {balance.account_index: balance.mint for balance in balances}


def _key(keys: Sequence[str], index: int) -> str:
    if not 0 <= index < len(keys):
        raise DecodeError(f"index {index} points outside {len(keys)} accounts")
    return keys[index]
