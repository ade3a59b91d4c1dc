"""Trades that land and fail, on demand: the price jumps out of their bounds after the preflight has passed.

The error is the program's own. For the length of one transaction the reserves that it trades against are moved, then they
are what they were, as if whoever traded in between had traded back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata
from solders.transaction_status import InstructionErrorCustom, TransactionErrorInstructionError

from bot.localnet.addresses import LAUNCHPAD_PROGRAM, POOL_PROGRAM, WRAPPED_SOL_MINT
from bot.localnet.launchpad import CURVE_DISCRIMINATOR
from bot.localnet.tokens import token_account

DEARER_TIMES = 1 << 20
MOST_LAMPORTS = 1 << 62  # what a program can still add to
CURVE_VIRTUAL_QUOTE_AT = 16
TOKEN_AMOUNT_AT = 64
# What trades say when they would get less, or pay more, than they allow: curve, pool and aggregator.
OUT_OF_BOUNDS = frozenset({6001, 6002, 6003, 6004, 6040, 6042})

Outcome = TransactionMetadata | FailedTransactionMetadata


def send_out_of_bounds(transaction: VersionedTransaction, written: Iterable[Pubkey], svm: LiteSVM) -> Outcome:
    """Run a transaction at a price that it does not allow; as it is where it trades nothing, or at any price.

    `written` are the accounts that it may write.
    """
    priced = [(key, at) for key in written if (at := _quote_reserve_at(key, svm)) is not None]
    before = {key: account for key, _ in priced if (account := svm.get_account(key)) is not None}
    for move in (_cheaper, _dearer) if priced else ():
        for key, at in priced:
            svm.set_account(key, _moved(before[key], at, move))
        try:
            tried = svm.simulate_transaction(transaction)
            if isinstance(tried, FailedTransactionMetadata) and _is_out_of_bounds(tried):
                return svm.send_transaction(transaction)
        finally:
            for key, account in before.items():
                svm.set_account(key, account)
    return svm.send_transaction(transaction)


def _quote_reserve_at(key: Pubkey, svm: LiteSVM) -> int | None:
    """Where in an account the lamports stand that a price follows: of a curve or a pool; None for any other account."""
    account = svm.get_account(key)
    if account is None:
        return None
    if account.owner == LAUNCHPAD_PROGRAM and account.data[:8] == CURVE_DISCRIMINATOR:
        return CURVE_VIRTUAL_QUOTE_AT
    held = token_account(account)
    if held is None or held.mint != WRAPPED_SOL_MINT:
        return None
    owner = svm.get_account(held.owner)
    return TOKEN_AMOUNT_AT if owner is not None and owner.owner == POOL_PROGRAM else None


def _cheaper(_lamports: int) -> int:
    return 1


def _dearer(lamports: int) -> int:
    return min(lamports * DEARER_TIMES, MOST_LAMPORTS)


def _moved(account: Account, at: int, move: Callable[[int], int]) -> Account:
    data = bytearray(account.data)
    (lamports,) = struct.unpack_from("<Q", data, at)
    struct.pack_into("<Q", data, at, move(lamports))
    return Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch)


def _is_out_of_bounds(failed: FailedTransactionMetadata) -> bool:
    error = failed.err()
    if not isinstance(error, TransactionErrorInstructionError) or not isinstance(error.err, InstructionErrorCustom):
        return False
    return error.err.code in OUT_OF_BOUNDS
