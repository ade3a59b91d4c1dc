"""Honeypots on demand: coins that everybody can buy and nobody can sell, while their mint looks as every other.

The curve's own token account gets the Token-2022 extension that asks for a memo with every transfer into it. Buys move
tokens out of that account and go through; a sale moves them in and fails in the token program itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet import addresses as at
from bot.localnet.accounts import Accounts
from bot.localnet.launchpad import CREATE_V2, rent_exempt_lamports
from bot.localnet.records import Block

# `u16` type 8, `u16` length 1, and that a memo is required.
MEMO_TRANSFER = bytes.fromhex("0800010001")


def launched(block: Block) -> Iterator[Pubkey]:
    """The mints that a block's transactions created on the launchpad."""
    for landed in block.transactions:
        if landed.record.error is not None:
            continue
        message = VersionedTransaction.from_bytes(landed.record.raw).message
        for instruction in message.instructions:
            if bytes(instruction.data).startswith(CREATE_V2):
                yield Pubkey.from_string(landed.record.account_keys[instruction.accounts[0]])


def set_trap(accounts: Accounts, mint: Pubkey) -> None:
    """Let a coin be bought and never be sold from now on; nothing happens for one whose curve has no token account."""
    key = at.associated_token(at.bonding_curve(mint), mint)
    account = accounts.get(key)
    if account is None or account.owner != at.TOKEN_2022_PROGRAM or MEMO_TRANSFER in account.data[166:]:
        return
    data = account.data + MEMO_TRANSFER
    lamports = max(account.lamports, rent_exempt_lamports(len(data)))
    accounts.put(key, Account(lamports, data, account.owner, account.executable, account.rent_epoch))
