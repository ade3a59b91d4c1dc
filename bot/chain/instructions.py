"""Instructions of programs that every trade needs beside its own: budget, token accounts, wrapped SOL."""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from bot.chain import addresses as at

_SET_COMPUTE_UNIT_LIMIT = 2
_SET_COMPUTE_UNIT_PRICE = 3
_CREATE_IDEMPOTENT = b"\x01"
_CLOSE_ACCOUNT = b"\x09"
_TRANSFER_CHECKED = b"\x0c"
_SYNC_NATIVE = b"\x11"
_TRANSFER = 2


def reads(key: Pubkey) -> AccountMeta:
    """An account that an instruction only looks at."""
    return AccountMeta(key, is_signer=False, is_writable=False)


def writes(key: Pubkey) -> AccountMeta:
    """An account that an instruction may change."""
    return AccountMeta(key, is_signer=False, is_writable=True)


def signs(key: Pubkey) -> AccountMeta:
    """The wallet, which pays and agrees."""
    return AccountMeta(key, is_signer=True, is_writable=True)


def budget(unit_limit: int, unit_price: int) -> list[Instruction]:
    """At most `unit_limit` compute units, at `unit_price` micro-lamports each."""
    program = at.COMPUTE_BUDGET_PROGRAM
    return [
        Instruction(program, struct.pack("<BI", _SET_COMPUTE_UNIT_LIMIT, unit_limit), []),
        Instruction(program, struct.pack("<BQ", _SET_COMPUTE_UNIT_PRICE, unit_price), []),
    ]


def tip(user: Pubkey, account: Pubkey, lamports: int) -> Instruction:
    """A block engine's tip, to stand last: what fails before it pays none, and a sale pays it from what it brings."""
    return Instruction(at.SYSTEM_PROGRAM, struct.pack("<IQ", _TRANSFER, lamports), [signs(user), writes(account)])


def transfer(user: Pubkey, target: Pubkey, lamports: int) -> Instruction:
    """SOL to whomever."""
    return Instruction(at.SYSTEM_PROGRAM, struct.pack("<IQ", _TRANSFER, lamports), [signs(user), writes(target)])


def create_token_account(user: Pubkey, mint: Pubkey, token_program: Pubkey) -> Instruction:
    """Opens the wallet's token account unless it is there; the wallet pays its rent."""
    return open_token_account(user, user, mint, token_program)


def open_token_account(user: Pubkey, owner: Pubkey, mint: Pubkey, token_program: Pubkey) -> Instruction:
    """The same for somebody else's token account, whose rent the wallet pays."""
    account = at.token_account(owner, mint, token_program)
    accounts = [signs(user), writes(account), reads(owner), reads(mint), reads(at.SYSTEM_PROGRAM)]
    return Instruction(at.ATA_PROGRAM, _CREATE_IDEMPOTENT, [*accounts, reads(token_program)])


def close_token_account(user: Pubkey, mint: Pubkey, token_program: Pubkey) -> Instruction:
    """Gives the rent of an emptied token account back to the wallet; of wrapped SOL, what is in it too."""
    account = at.token_account(user, mint, token_program)
    return Instruction(token_program, _CLOSE_ACCOUNT, [writes(account), writes(user), signs(user)])


def send_tokens(
    user: Pubkey, target: Pubkey, mint: Pubkey, token_program: Pubkey, *, token_raw: int, decimals: int
) -> Instruction:
    """Raw units of a token out of the wallet's account of it into that of whomever, which has to be there."""
    source, there = (at.token_account(owner, mint, token_program) for owner in (user, target))
    data = _TRANSFER_CHECKED + struct.pack("<QB", token_raw, decimals)
    return Instruction(token_program, data, [writes(source), reads(mint), writes(there), signs(user)])


def wrap_sol(user: Pubkey, lamports: int) -> list[Instruction]:
    """Opens the wallet's wrapped-SOL account and puts so much into it; 0 only opens it."""
    opened = create_token_account(user, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
    if lamports == 0:
        return [opened]
    account = at.wrapped_sol(user)
    moved = Instruction(at.SYSTEM_PROGRAM, struct.pack("<IQ", _TRANSFER, lamports), [signs(user), writes(account)])
    return [opened, moved, Instruction(at.TOKEN_PROGRAM, _SYNC_NATIVE, [writes(account)])]


def unwrap_sol(user: Pubkey) -> Instruction:
    """Closes the wallet's wrapped-SOL account: all of it becomes the wallet's SOL again."""
    return close_token_account(user, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
