"""Addresses that the local chain and its programs agree on, and the derivations of accounts from them.

Program ids, seeds and fee recipients are the mainnet ones (launchpad interface description, SDK 2.0.0), so that a
client built for mainnet finds everything where it expects it.
"""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

SYSTEM_PROGRAM = Pubkey.default()
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
ASSOCIATED_TOKEN_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET_PROGRAM = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
MEMO_PROGRAMS = (
    Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
    Pubkey.from_string("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
)
RENT_SYSVAR = Pubkey.from_string("SysvarRent111111111111111111111111111111111")
SYSVAR_PROGRAM = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
RECENT_BLOCKHASHES = Pubkey.from_string("SysvarRecentB1ockHashes11111111111111111111")
WRAPPED_SOL_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")

LAUNCHPAD_PROGRAM = Pubkey.from_string("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
LAUNCHPAD_FEES_PROGRAM = Pubkey.from_string("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
POOL_PROGRAM = Pubkey.from_string("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
ROUTER_PROGRAM = Pubkey.from_string("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4")
LOOKUP_TABLE_PROGRAM = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
METADATA_PROGRAM = Pubkey.from_string("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")
MAYHEM_PROGRAM = Pubkey.from_string("MAyhSmzXzV1pTf7LsNkrNwkWKTo4ougAJ1PPg47MD4e")


def derive(program: Pubkey, *seeds: bytes) -> Pubkey:
    """The program-derived address of `seeds` under `program`."""
    return Pubkey.find_program_address(list(seeds), program)[0]


GLOBAL_ACCOUNT = derive(LAUNCHPAD_PROGRAM, b"global")
MINT_AUTHORITY = derive(LAUNCHPAD_PROGRAM, b"mint-authority")
EVENT_AUTHORITY = derive(LAUNCHPAD_PROGRAM, b"__event_authority")
GLOBAL_VOLUME_ACCUMULATOR = derive(LAUNCHPAD_PROGRAM, b"global_volume_accumulator")
FEE_CONFIG_ACCOUNT = derive(LAUNCHPAD_FEES_PROGRAM, b"fee_config", bytes(LAUNCHPAD_PROGRAM))
POOL_CONFIG_ACCOUNT = derive(POOL_PROGRAM, b"global_config")
ROUTER_EVENT_AUTHORITY = derive(ROUTER_PROGRAM, b"__event_authority")
POOL_EVENT_AUTHORITY = derive(POOL_PROGRAM, b"__event_authority")
POOL_GLOBAL_VOLUME_ACCUMULATOR = derive(POOL_PROGRAM, b"global_volume_accumulator")
POOL_FEE_CONFIG_ACCOUNT = derive(LAUNCHPAD_FEES_PROGRAM, b"fee_config", bytes(POOL_PROGRAM))
MAYHEM_GLOBAL_PARAMS = derive(MAYHEM_PROGRAM, b"global-params")
MAYHEM_SOL_VAULT = derive(MAYHEM_PROGRAM, b"sol-vault")

FEE_RECIPIENTS = tuple(
    Pubkey.from_string(text)
    for text in (
        "62qc2CNXwrYqQScmEdiZFFAnJR262PxWEuNQtxfafNgV",
        "7VtfL8fvgNfhz17qKRMjzQEXgbdpnHHHQRh54R9jP2RJ",
        "7hTckgnGnLQR6sdH7YkqFTAA7VwTfYFaZ6EhEsU3saCX",
        "9rPYyANsfQZw3DnDmKE3YCQF5E8oD89UXoHn9JFEhJUz",
        "AVmoTthdrX6tKt4nDjco2D775W2YK3sDhxPcMmzUAmTY",
        "CebN5WGQ4jvEPvsVU4EoHEpgzq1VV7AbicfhtW4xC9iM",
        "FWsW1xNtWscwNmKv6wVsU1iTzRN6wmmk3MjxRP5tT7hz",
        "G5UZAVbAf46s7cKWoyKu8kYTip9DGTpbLZ2qa9Aq69dP",
    )
)
BUYBACK_RECIPIENTS = tuple(
    Pubkey.from_string(text)
    for text in (
        "5YxQFdt3Tr9zJLvkFccqXVUwhdTWJQc1fFg2YPbxvxeD",
        "9M4giFFMxmFGXtc3feFzRai56WbBqehoSeRE5GK7gf7",
        "GXPFM2caqTtQYC2cJ5yJRi9VDkpsYZXzYdwYpGnLmtDL",
        "3BpXnfJaUTiwXnJNe7Ej1rcbzqTTQUvLShZaWazebsVR",
        "5cjcW9wExnJJiqgLjq7DEG75Pm6JBgE1hNv4B2vHXUW6",
        "EHAAiTxcdDwQ3U4bU6YcMsQGaekdzLS3B5SmYo46kJtL",
        "5eHhjP8JaYkz83CWwvGU2uMUXefd3AazWGx4gpcuEEYD",
        "A7hAgCzFw14fejgCp387JUJRMNyz4j89JKnhtKU8piqW",
    )
)

# The block engine's tip accounts, the mainnet ones (its documentation, February 2026).
TIP_ACCOUNTS = tuple(
    Pubkey.from_string(text)
    for text in (
        "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5",
        "HFqU5x63VTqvQss8hp11i4wVV8bD44PvwucfZ2bU7gRe",
        "Cw8CFyM9FkoMi7K7Crf6HNQqf4uEMzpKw6QNghXLvLkY",
        "ADaUMid9yfUytqMBgopwjb2DTLSokTSzL1zt6iGPaS49",
        "DfXygSm4jCyNCybVYYK6DwvWqjKee8pbDmJGcLWNDXjh",
        "ADuUkR4vqLUMWXxW9gh6D6L8pMSawimctcNZ5pGwDcEt",
        "DttWaMuVvTiduZRnguLF7jNxTgiMBZ1hyAumKUiL2KRL",
        "3AVi9Tg9Uo68tJfuvoKvqKNWKkC5wPdSSdeBnizKZ6jT",
    )
)


@lru_cache(maxsize=4096)
def bonding_curve(mint: Pubkey) -> Pubkey:
    """The launchpad's curve account of a mint."""
    return derive(LAUNCHPAD_PROGRAM, b"bonding-curve", bytes(mint))


@lru_cache(maxsize=4096)
def sharing_config(mint: Pubkey) -> Pubkey:
    """Where a coin's shared creator fees would be configured; empty on this chain, but a named account of every trade."""
    return derive(LAUNCHPAD_FEES_PROGRAM, b"sharing-config", bytes(mint))


@lru_cache(maxsize=4096)
def creator_vault(creator: Pubkey) -> Pubkey:
    """The account that collects a creator's fees."""
    return derive(LAUNCHPAD_PROGRAM, b"creator-vault", bytes(creator))


@lru_cache(maxsize=4096)
def user_volume_accumulator(user: Pubkey) -> Pubkey:
    """The launchpad's per-user volume account; created by a user's first buy."""
    return derive(LAUNCHPAD_PROGRAM, b"user_volume_accumulator", bytes(user))


@lru_cache(maxsize=16384)
def associated_token(owner: Pubkey, mint: Pubkey, token_program: Pubkey = TOKEN_2022_PROGRAM) -> Pubkey:
    """The associated token account of `owner` for `mint`; its address depends on the mint's token program."""
    return derive(ASSOCIATED_TOKEN_PROGRAM, bytes(owner), bytes(token_program), bytes(mint))


@lru_cache(maxsize=4096)
def pool_authority(mint: Pubkey) -> Pubkey:
    """Whoever opens a mint's pool: the launchpad itself, so that nobody can open it before."""
    return derive(LAUNCHPAD_PROGRAM, b"pool-authority", bytes(mint))


@lru_cache(maxsize=4096)
def pool(mint: Pubkey) -> Pubkey:
    """The pool that a mint's curve migrates to."""
    return derive(POOL_PROGRAM, b"pool", bytes(2), bytes(pool_authority(mint)), bytes(mint), bytes(WRAPPED_SOL_MINT))


def wrapped_sol(owner: Pubkey) -> Pubkey:
    """The owner's token account for wrapped SOL."""
    return associated_token(owner, WRAPPED_SOL_MINT, TOKEN_PROGRAM)


def pool_creator_authority(creator: Pubkey) -> Pubkey:
    """The owner of the token account that collects a creator's fees in pools."""
    return derive(POOL_PROGRAM, b"creator_vault", bytes(creator))
