"""A token that trades neither on a curve nor in a coin's own pool: a plain mint, and a pool that somebody opened for it.

It is there from the beginning of every chain, so that whoever asks for a way through an aggregator has something to ask for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.launchpad import LAMPORTS_PER_SOL, TOKEN_SUPPLY_RAW, rent_exempt_lamports
from bot.localnet.liquidity import MINT_LENGTH, POOL_DISCRIMINATOR, Place
from bot.localnet.tokens import TOKEN_ACCOUNT_LENGTH

POOL_LENGTH = 301
DECIMALS = 6
POOLED_RAW = 200_000_000_000_000
POOLED_LAMPORTS = 100 * LAMPORTS_PER_SOL

OPENER = at.derive(at.POOL_PROGRAM, b"somebody")
MINT = at.derive(at.TOKEN_PROGRAM, b"a token elsewhere")
_POOL, _BUMP = Pubkey.find_program_address(
    [b"pool", bytes(2), bytes(OPENER), bytes(MINT), bytes(at.WRAPPED_SOL_MINT)], at.POOL_PROGRAM
)
PLACE = Place(_POOL, MINT, at.TOKEN_PROGRAM)


def _mint() -> bytes:
    data = bytearray(MINT_LENGTH)
    struct.pack_into("<Q", data, 36, TOKEN_SUPPLY_RAW)
    data[44], data[45] = DECIMALS, 1
    return bytes(data)


def _pool() -> bytes:
    keys = (
        OPENER,
        MINT,
        at.WRAPPED_SOL_MINT,
        at.derive(at.POOL_PROGRAM, b"pool_lp_mint", bytes(_POOL)),
        at.associated_token(_POOL, MINT, at.TOKEN_PROGRAM),
        at.wrapped_sol(_POOL),
    )
    data = bytearray(POOL_LENGTH)
    data[:8], data[8] = POOL_DISCRIMINATOR, _BUMP
    data[11:203] = b"".join(map(bytes, keys))
    data[211:243] = bytes(OPENER)  # who earns the creator's fee
    return bytes(data)


def _tokens(mint: Pubkey, owner: Pubkey, amount_raw: int, *, native: bool = False) -> Account:
    rent_lamports = rent_exempt_lamports(TOKEN_ACCOUNT_LENGTH)
    data = bytearray(TOKEN_ACCOUNT_LENGTH)
    data[:32], data[32:64] = bytes(mint), bytes(owner)
    struct.pack_into("<Q", data, 64, amount_raw)
    data[108] = 1
    if native:
        struct.pack_into("<IQ", data, 109, 1, rent_lamports)
    return Account(rent_lamports + (amount_raw if native else 0), bytes(data), at.TOKEN_PROGRAM)


def genesis_accounts() -> Iterator[tuple[Pubkey, Account]]:
    """The mint, its pool with what is in it, and where its opener's fees go."""
    mint, pool = _mint(), _pool()
    yield MINT, Account(rent_exempt_lamports(len(mint)), mint, at.TOKEN_PROGRAM)
    yield _POOL, Account(rent_exempt_lamports(len(pool)), pool, at.POOL_PROGRAM)
    yield at.associated_token(_POOL, MINT, at.TOKEN_PROGRAM), _tokens(MINT, _POOL, POOLED_RAW)
    yield at.wrapped_sol(_POOL), _tokens(at.WRAPPED_SOL_MINT, _POOL, POOLED_LAMPORTS, native=True)
    authority = at.pool_creator_authority(OPENER)
    yield at.wrapped_sol(authority), _tokens(at.WRAPPED_SOL_MINT, authority, 0, native=True)
