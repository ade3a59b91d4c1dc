"""Programs and derived addresses of the launchpad and of its pools.

Program ids and PDA seeds: the official SDKs (launchpad 2.0.0 `pda.ts`, pools 1.20.0) and their interface descriptions.
"""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

PUMP_PROGRAM = Pubkey.from_string("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
POOL_PROGRAM = Pubkey.from_string("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
FEES_PROGRAM = Pubkey.from_string("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
SYSTEM_PROGRAM = Pubkey.from_string("11111111111111111111111111111111")
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET_PROGRAM = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
WRAPPED_SOL_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")
RECENT_BLOCKHASHES = Pubkey.from_string("SysvarRecentB1ockHashes11111111111111111111")
ZERO_KEY = Pubkey.default()
# The parameters of rent, 17 bytes, which every cluster has had since its first slot (Agave, sysvar documentation).
LANDMARK = "SysvarRent111111111111111111111111111111111"

TOKEN_PROGRAMS = (TOKEN_2022_PROGRAM, TOKEN_PROGRAM)


def _derived(seeds: list[bytes], program: Pubkey) -> Pubkey:
    return Pubkey.find_program_address(seeds, program)[0]


GLOBAL = _derived([b"global"], PUMP_PROGRAM)
MINT_AUTHORITY = _derived([b"mint-authority"], PUMP_PROGRAM)
EVENT_AUTHORITY = _derived([b"__event_authority"], PUMP_PROGRAM)
GLOBAL_VOLUME_ACCUMULATOR = _derived([b"global_volume_accumulator"], PUMP_PROGRAM)
FEE_CONFIG = _derived([b"fee_config", bytes(PUMP_PROGRAM)], FEES_PROGRAM)
POOL_CONFIG = _derived([b"global_config"], POOL_PROGRAM)
POOL_EVENT_AUTHORITY = _derived([b"__event_authority"], POOL_PROGRAM)
POOL_GLOBAL_VOLUME_ACCUMULATOR = _derived([b"global_volume_accumulator"], POOL_PROGRAM)
POOL_FEE_CONFIG = _derived([b"fee_config", bytes(POOL_PROGRAM)], FEES_PROGRAM)


def key_from(text: str) -> Pubkey:
    """The key of a base58 address; raises LookupError when the text is not one, since nothing on the chain has that name."""
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise LookupError(f"{text!r} is not an address") from None


@lru_cache(maxsize=32_768)
def bonding_curve(mint: Pubkey) -> Pubkey:
    """The account that holds a mint's reserves."""
    return _derived([b"bonding-curve", bytes(mint)], PUMP_PROGRAM)


@lru_cache(maxsize=32_768)
def curve_address(mint: str) -> str:
    """The same as text, of a mint as text: thousands of them are asked for every second. Raises like `key_from`."""
    return str(bonding_curve(key_from(mint)))


@lru_cache(maxsize=8192)
def creator_vault(creator: Pubkey) -> Pubkey:
    """Where a coin's creator fee goes; `creator` is the one named by the curve account."""
    return _derived([b"creator-vault", bytes(creator)], PUMP_PROGRAM)


@lru_cache(maxsize=8192)
def user_volume_accumulator(user: Pubkey) -> Pubkey:
    """A trader's own account of the launchpad, opened by his first buy and never closed."""
    return _derived([b"user_volume_accumulator", bytes(user)], PUMP_PROGRAM)


@lru_cache(maxsize=8192)
def sharing_config(mint: Pubkey) -> Pubkey:
    """How a coin's creator fee is shared; the account need not exist."""
    return _derived([b"sharing-config", bytes(mint)], FEES_PROGRAM)


@lru_cache(maxsize=32_768)
def pool_authority(mint: Pubkey) -> Pubkey:
    """Who opens the canonical pool of a mint: the launchpad itself, when the curve migrates."""
    return _derived([b"pool-authority", bytes(mint)], PUMP_PROGRAM)


@lru_cache(maxsize=32_768)
def canonical_pool(mint: Pubkey) -> Pubkey:
    """The pool that a mint's curve migrates to. Anybody may open others; they are none of ours."""
    seeds = [b"pool", bytes(2), bytes(pool_authority(mint)), bytes(mint), bytes(WRAPPED_SOL_MINT)]
    return _derived(seeds, POOL_PROGRAM)


def share_mint(pool: Pubkey) -> Pubkey:
    """The mint of the shares in a pool."""
    return _derived([b"pool_lp_mint", bytes(pool)], POOL_PROGRAM)


@lru_cache(maxsize=8192)
def pool_v2(mint: Pubkey) -> Pubkey:
    """The second account of a canonical pool, which trades name behind the described ones."""
    return _derived([b"pool-v2", bytes(mint)], POOL_PROGRAM)


@lru_cache(maxsize=8192)
def pool_creator_authority(creator: Pubkey) -> Pubkey:
    """The owner of the token account that a coin's creator fee goes to in its pool."""
    return _derived([b"creator_vault", bytes(creator)], POOL_PROGRAM)


@lru_cache(maxsize=8192)
def pool_volume_accumulator(user: Pubkey) -> Pubkey:
    """A trader's own account of the pool program."""
    return _derived([b"user_volume_accumulator", bytes(user)], POOL_PROGRAM)


def wrapped_sol(owner: Pubkey) -> Pubkey:
    """The owner's associated token account of wrapped SOL."""
    return token_account(owner, WRAPPED_SOL_MINT, TOKEN_PROGRAM)


@lru_cache(maxsize=65_536)
def token_account(owner: Pubkey, mint: Pubkey, token_program: Pubkey) -> Pubkey:
    """The associated token account of `owner` for `mint`; the token program is part of its seeds."""
    return _derived([bytes(owner), bytes(token_program), bytes(mint)], ATA_PROGRAM)
