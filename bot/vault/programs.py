"""Programs that the vault signs for, and the accounts that follow from a wallet and a mint.

They are written down and derived here a second time: whoever judges a message shares no line with whoever builds it. Sources:
the interface descriptions of launchpad SDK 2.0.0, pool SDK 1.20.0 and of the aggregator's program.
"""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

SYSTEM = Pubkey.from_string("11111111111111111111111111111111")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
WRAPPED_SOL = Pubkey.from_string("So11111111111111111111111111111111111111112")
LAUNCHPAD = Pubkey.from_string("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
POOLS = Pubkey.from_string("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
FEES = Pubkey.from_string("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
AGGREGATOR = Pubkey.from_string("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4")

TOKEN_PROGRAMS = (TOKEN_2022, TOKEN)


def _derived(program: Pubkey, *seeds: bytes) -> Pubkey:
    return Pubkey.find_program_address(list(seeds), program)[0]


LAUNCHPAD_GLOBAL = _derived(LAUNCHPAD, b"global")
LAUNCHPAD_EVENTS = _derived(LAUNCHPAD, b"__event_authority")
LAUNCHPAD_VOLUME = _derived(LAUNCHPAD, b"global_volume_accumulator")
LAUNCHPAD_FEES = _derived(FEES, b"fee_config", bytes(LAUNCHPAD))
POOLS_CONFIG = _derived(POOLS, b"global_config")
POOLS_EVENTS = _derived(POOLS, b"__event_authority")
POOLS_VOLUME = _derived(POOLS, b"global_volume_accumulator")
POOLS_FEES = _derived(FEES, b"fee_config", bytes(POOLS))
AGGREGATOR_EVENTS = _derived(AGGREGATOR, b"__event_authority")


@lru_cache(maxsize=32_768)
def token_account(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    """The associated token account of an owner for a mint of this token program."""
    return _derived(ASSOCIATED, bytes(owner), bytes(program), bytes(mint))


def wrapped_sol(owner: Pubkey) -> Pubkey:
    """The owner's associated account of wrapped SOL."""
    return token_account(owner, WRAPPED_SOL, TOKEN)


@lru_cache(maxsize=8_192)
def curve(mint: Pubkey) -> Pubkey:
    """The launchpad's account that holds a mint's reserves."""
    return _derived(LAUNCHPAD, b"bonding-curve", bytes(mint))


@lru_cache(maxsize=8_192)
def sharing_config(mint: Pubkey) -> Pubkey:
    """How a coin's creator fee is shared."""
    return _derived(FEES, b"sharing-config", bytes(mint))


@lru_cache(maxsize=8_192)
def canonical_pool(mint: Pubkey) -> Pubkey:
    """The one pool of a mint that the launchpad itself opened; a pool of anybody else's is never signed for."""
    opener = _derived(LAUNCHPAD, b"pool-authority", bytes(mint))
    return _derived(POOLS, b"pool", bytes(2), bytes(opener), bytes(mint), bytes(WRAPPED_SOL))


@lru_cache(maxsize=8_192)
def pool_v2(mint: Pubkey) -> Pubkey:
    """The canonical pool's second account."""
    return _derived(POOLS, b"pool-v2", bytes(mint))


@lru_cache(maxsize=8_192)
def volume_of(user: Pubkey, program: Pubkey) -> Pubkey:
    """A trader's own account of the launchpad or of the pool program."""
    return _derived(program, b"user_volume_accumulator", bytes(user))
