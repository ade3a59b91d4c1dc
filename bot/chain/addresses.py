"""Programs and derived addresses of the launchpad.

Program ids and PDA seeds: the official SDK 2.0.0 (`pda.ts`) and its interface descriptions.
"""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

PUMP_PROGRAM = Pubkey.from_string("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
FEES_PROGRAM = Pubkey.from_string("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
SYSTEM_PROGRAM = Pubkey.from_string("11111111111111111111111111111111")
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET_PROGRAM = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
WRAPPED_SOL_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")
ZERO_KEY = Pubkey.default()

TOKEN_PROGRAMS = (TOKEN_2022_PROGRAM, TOKEN_PROGRAM)


def _derived(seeds: list[bytes], program: Pubkey) -> Pubkey:
    return Pubkey.find_program_address(seeds, program)[0]


GLOBAL = _derived([b"global"], PUMP_PROGRAM)
EVENT_AUTHORITY = _derived([b"__event_authority"], PUMP_PROGRAM)
GLOBAL_VOLUME_ACCUMULATOR = _derived([b"global_volume_accumulator"], PUMP_PROGRAM)
FEE_CONFIG = _derived([b"fee_config", bytes(PUMP_PROGRAM)], FEES_PROGRAM)


def key_from(text: str) -> Pubkey:
    """The key of a base58 address; raises LookupError when the text is not one, since nothing on the chain has that name."""
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise LookupError(f"{text!r} is not an address") from None


@lru_cache(maxsize=8192)
def bonding_curve(mint: Pubkey) -> Pubkey:
    """The account that holds a mint's reserves."""
    return _derived([b"bonding-curve", bytes(mint)], PUMP_PROGRAM)


def creator_vault(creator: Pubkey) -> Pubkey:
    """Where a coin's creator fee goes; `creator` is the one named by the curve account."""
    return _derived([b"creator-vault", bytes(creator)], PUMP_PROGRAM)


def user_volume_accumulator(user: Pubkey) -> Pubkey:
    """A trader's own account of the launchpad, opened by his first buy and never closed."""
    return _derived([b"user_volume_accumulator", bytes(user)], PUMP_PROGRAM)


def sharing_config(mint: Pubkey) -> Pubkey:
    """How a coin's creator fee is shared; the account need not exist."""
    return _derived([b"sharing-config", bytes(mint)], FEES_PROGRAM)


def token_account(owner: Pubkey, mint: Pubkey, token_program: Pubkey) -> Pubkey:
    """The associated token account of `owner` for `mint`; the token program is part of its seeds."""
    return _derived([bytes(owner), bytes(token_program), bytes(mint)], ATA_PROGRAM)
