"""Tokens of an attacker that have a market: Token-2022 mints with powers over their holders, in a pool that he opened.

No launch of the launchpad has such a mint; an aggregator offers them all the same.
"""

from __future__ import annotations

import struct

from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer

from bot.localnet import addresses as at
from bot.localnet import liquidity
from bot.localnet.launchpad import create_associated_token, rent_exempt_lamports
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd

ATTACKER = 66
DECIMALS = 6
POOLED_RAW = 100_000_000_000_000
POOLED_LAMPORTS = 60 * LAMPORTS_PER_SOL
BASE_LENGTH = 165  # of a mint with extensions, before the byte that says what it is
CREATE_POOL = bytes.fromhex("e992d18ecf6840bc")

# Instructions of both token programs and of Token-2022's extensions.
MINT_TO, INITIALIZE_MINT_2 = b"\x07", b"\x14"
INITIALIZE_FEE_CONFIG, FEE_CONFIG_LENGTH = b"\x1a\x00", 108
INITIALIZE_PAUSABLE, PAUSE, PAUSABLE_LENGTH = b"\x2c\x00", b"\x2c\x01", 33


def taxed(crowd: Crowd, fee_bps: int) -> str:
    """A mint that takes a fee of each transfer, which stays in the account that receives it, and its pool."""
    owner = bytes(crowd._trader(ATTACKER).pubkey())
    config = b"\x01" + owner + b"\x01" + owner + struct.pack("<HQ", fee_bps, 2**63)
    return _opened(crowd, INITIALIZE_FEE_CONFIG + config, FEE_CONFIG_LENGTH)


def pausable(crowd: Crowd) -> str:
    """A mint whose owner can stop all transfers, and its pool."""
    return _opened(crowd, INITIALIZE_PAUSABLE + bytes(crowd._trader(ATTACKER).pubkey()), PAUSABLE_LENGTH)


def pause(crowd: Crowd, mint: str) -> None:
    """Stop all transfers of a pausable token."""
    owner = crowd._trader(ATTACKER)
    accounts = [_writes(Pubkey.from_string(mint)), _signs(owner.pubkey())]
    crowd._send([Instruction(at.TOKEN_2022_PROGRAM, PAUSE, accounts)], [owner])


def _opened(crowd: Crowd, initialize_extension: bytes, extension_length: int) -> str:
    """A mint with one extension, and a pool of it against wrapped SOL that its maker opened."""
    owner, mint = crowd._trader(ATTACKER), Keypair.from_seed(initialize_extension[:2] * 16)
    _make_mint(crowd, owner, mint, initialize_extension, BASE_LENGTH + 1 + 4 + extension_length)
    key, me, program = mint.pubkey(), owner.pubkey(), at.TOKEN_2022_PROGRAM
    mine = at.associated_token(me, key, program)
    paid_in = TransferParams(from_pubkey=me, to_pubkey=at.wrapped_sol(me), lamports=POOLED_LAMPORTS)
    supply = Instruction(
        program, MINT_TO + struct.pack("<Q", 2 * POOLED_RAW), [_writes(key), _writes(mine), _signs(me)]
    )
    crowd._send(
        [
            create_associated_token(me, me, key, program),
            supply,
            create_associated_token(me, me, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM),
            transfer(paid_in),
            liquidity.sync_wrapped_sol(me),
        ],
        [owner],
    )
    crowd._send([_create_pool(me, key)], [owner])
    return str(key)


def _make_mint(crowd: Crowd, owner: Keypair, mint: Keypair, initialize_extension: bytes, length: int) -> None:
    me, key, program = owner.pubkey(), mint.pubkey(), at.TOKEN_2022_PROGRAM
    room = CreateAccountParams(
        from_pubkey=me, to_pubkey=key, lamports=rent_exempt_lamports(length), space=length, owner=program
    )
    initialize = INITIALIZE_MINT_2 + bytes([DECIMALS]) + bytes(me) + b"\x00"
    crowd._send(
        [
            create_account(room),
            Instruction(program, initialize_extension, [_writes(key)]),
            Instruction(program, initialize, [_writes(key)]),
        ],
        [owner, mint],
    )


def _create_pool(owner: Pubkey, mint: Pubkey) -> Instruction:
    program = at.TOKEN_2022_PROGRAM
    seeds = [b"pool", bytes(2), bytes(owner), bytes(mint), bytes(at.WRAPPED_SOL_MINT)]
    pool = at.derive(at.POOL_PROGRAM, *seeds)
    shares = at.derive(at.POOL_PROGRAM, b"pool_lp_mint", bytes(pool))
    accounts = [
        _writes(pool),
        _reads(at.POOL_CONFIG_ACCOUNT),
        _signs(owner),
        _reads(mint),
        _reads(at.WRAPPED_SOL_MINT),
        _writes(shares),
        _writes(at.associated_token(owner, mint, program)),
        _writes(at.wrapped_sol(owner)),
        _writes(at.associated_token(owner, shares)),
        _writes(at.associated_token(pool, mint, program)),
        _writes(at.wrapped_sol(pool)),
        _reads(at.SYSTEM_PROGRAM),
        _reads(at.TOKEN_2022_PROGRAM),
        _reads(program),
        _reads(at.TOKEN_PROGRAM),
        _reads(at.ASSOCIATED_TOKEN_PROGRAM),
        _reads(at.POOL_EVENT_AUTHORITY),
        _reads(at.POOL_PROGRAM),
    ]
    data = CREATE_POOL + struct.pack("<HQQ", 0, POOLED_RAW, POOLED_LAMPORTS) + bytes(owner) + bytes(3)
    return Instruction(at.POOL_PROGRAM, data, accounts)


def _writes(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def _reads(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def _signs(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=True)
