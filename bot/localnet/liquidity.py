"""The pools that completed curves migrate to: genesis accounts, the constant product, and instructions for traders.

Layouts, discriminators, account order, rounding and fee tiers follow the official interface description, the pool SDK
1.20.0 and the mainnet fee configuration of September 2026; the program itself is `programs/pump_amm.c`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.accounts import Accounts
from bot.localnet.launchpad import (
    BPS,
    BUYBACK_SHARE_BPS,
    FEE_CONFIG_DISCRIMINATOR,
    FEE_CONFIG_LENGTH,
    LAMPORTS_PER_SOL,
    TOKEN_SUPPLY_RAW,
    ceil_bps,
    rent_exempt_lamports,
)
from bot.localnet.tokens import TOKEN_ACCOUNT_LENGTH, token_account

CONFIG_DISCRIMINATOR = bytes.fromhex("95089ccaa0fcb0d9")
CONFIG_LENGTH = 949
POOL_DISCRIMINATOR = bytes.fromhex("f19a6d0411b16dbc")
MINT_LENGTH = 82

MIGRATE_V2 = bytes.fromhex("bbcb121fceedfe29")
BUY_EXACT_QUOTE_IN = bytes.fromhex("c62e1552b4d9e870")
SELL = bytes.fromhex("33e685a4017f83ad")
SYNC_NATIVE = b"\x11"
CLOSE_ACCOUNT = b"\x09"

# Market cap in SOL, then the fees for liquidity, protocol and creator in basis points.
FEE_TIERS = (
    (0, 2, 93, 30),
    (420, 20, 5, 95),
    (1_470, 20, 5, 90),
    (2_460, 20, 5, 85),
    (3_440, 20, 5, 80),
    (4_420, 20, 5, 75),
    (9_820, 20, 5, 70),
    (14_740, 20, 5, 65),
    (19_650, 20, 5, 60),
    (24_560, 20, 5, 55),
    (29_470, 20, 5, 50),
    (34_380, 20, 5, 45),
    (39_300, 20, 5, 40),
    (44_210, 20, 5, 35),
    (49_120, 20, 5, 30),
    (54_030, 20, 5, 28),
    (58_940, 20, 5, 25),
    (63_860, 20, 5, 23),
    (68_770, 20, 5, 20),
    (73_681, 20, 5, 18),
    (78_590, 20, 5, 15),
    (83_500, 20, 5, 13),
    (88_400, 20, 5, 10),
    (93_330, 20, 5, 8),
    (98_240, 20, 5, 5),
)
FLAT_FEES = (25, 5, 0)


def _config_account() -> bytes:
    data = bytearray(CONFIG_LENGTH)
    data[:8] = CONFIG_DISCRIMINATOR
    struct.pack_into("<2Q", data, 40, 20, 5)
    for index, recipient in enumerate(at.FEE_RECIPIENTS):
        data[57 + 32 * index : 89 + 32 * index] = bytes(recipient)
    struct.pack_into("<Q", data, 313, 5)
    for index, recipient in enumerate(at.BUYBACK_RECIPIENTS):
        data[643 + 32 * index : 675 + 32 * index] = bytes(recipient)
    struct.pack_into("<Q", data, 899, BUYBACK_SHARE_BPS)
    return bytes(data)


def _fee_config_account() -> bytes:
    tiers = b"".join(
        (cap * LAMPORTS_PER_SOL).to_bytes(16, "little") + struct.pack("<3Q", *fees) for cap, *fees in FEE_TIERS
    )
    data = FEE_CONFIG_DISCRIMINATOR + b"\xff" + bytes(32) + struct.pack("<3Q", *FLAT_FEES)
    return (data + struct.pack("<I", len(FEE_TIERS)) + tiers).ljust(FEE_CONFIG_LENGTH, b"\x00")


def _wrapped_sol_mint() -> bytes:
    data = bytearray(MINT_LENGTH)
    data[44], data[45] = 9, 1  # decimals, initialised
    return bytes(data)


def _wrapped_sol_account(owner: Pubkey) -> Account:
    """An empty native token account: what keeps it alive is its reserve, and counts as no token."""
    reserve_lamports = rent_exempt_lamports(TOKEN_ACCOUNT_LENGTH)
    data = bytearray(TOKEN_ACCOUNT_LENGTH)
    data[:32], data[32:64] = bytes(at.WRAPPED_SOL_MINT), bytes(owner)
    data[108] = 1
    struct.pack_into("<IQ", data, 109, 1, reserve_lamports)
    return Account(reserve_lamports, bytes(data), at.TOKEN_PROGRAM)


def genesis_accounts() -> Iterator[tuple[Pubkey, Account]]:
    """What the pool program needs before its first instruction: its configuration, wrapped SOL, and who is paid in it."""
    for key, data, program in (
        (at.POOL_CONFIG_ACCOUNT, _config_account(), at.POOL_PROGRAM),
        (at.POOL_FEE_CONFIG_ACCOUNT, _fee_config_account(), at.LAUNCHPAD_FEES_PROGRAM),
        (at.WRAPPED_SOL_MINT, _wrapped_sol_mint(), at.TOKEN_PROGRAM),
    ):
        yield key, Account(rent_exempt_lamports(len(data)), data, program)
    for recipient in (*at.FEE_RECIPIENTS, *at.BUYBACK_RECIPIENTS):
        yield at.wrapped_sol(recipient), _wrapped_sol_account(recipient)


@dataclass(frozen=True, slots=True)
class Place:
    """A pool, the token that it trades, and the token program that this belongs to."""

    pool: Pubkey
    mint: Pubkey
    token_program: Pubkey = at.TOKEN_2022_PROGRAM


@dataclass(frozen=True, slots=True)
class PoolReserves:
    """What a pool's vaults hold: raw tokens and lamports."""

    token_raw: int
    quote_lamports: int

    @property
    def fees_bps(self) -> tuple[int, int, int]:
        """The fees for liquidity, protocol and creator at this market cap."""
        cap_lamports = self.quote_lamports * TOKEN_SUPPLY_RAW // self.token_raw
        reached = [tier for tier in FEE_TIERS if tier[0] * LAMPORTS_PER_SOL <= cap_lamports]
        return reached[-1][1:]

    def tokens_for(self, spend_lamports: int) -> int:
        """The tokens that `spend_lamports`, fees included, buys; 0 when it buys none."""
        into_pool = spend_lamports * BPS // (BPS + sum(self.fees_bps))
        into_pool -= max(0, into_pool + self._fees_of(into_pool) - spend_lamports)
        if into_pool < 2:
            return 0
        return self.token_raw * (into_pool - 1) // (self.quote_lamports + into_pool - 1)

    def received_for(self, token_raw: int) -> int:
        """The lamports that a seller of `token_raw` receives after fees."""
        quote = self.quote_lamports * token_raw // (self.token_raw + token_raw)
        return quote - self._fees_of(quote)

    def _fees_of(self, quote_lamports: int) -> int:
        return sum(ceil_bps(quote_lamports, bps) for bps in self.fees_bps)


def read_pool(mint: Pubkey, accounts: Accounts) -> PoolReserves | None:
    """The reserves of a coin's pool; None as long as its curve has not migrated."""
    return read_pool_at(at.pool(mint), mint, accounts)


def read_pool_at(
    pool: Pubkey, mint: Pubkey, accounts: Accounts, token_program: Pubkey = at.TOKEN_2022_PROGRAM
) -> PoolReserves | None:
    """The same of any pool of a mint, whoever opened it."""
    account = accounts.get(pool)
    if account is None or account.owner != at.POOL_PROGRAM or account.data[:8] != POOL_DISCRIMINATOR:
        return None
    tokens = token_account(accounts.get(at.associated_token(pool, mint, token_program)))
    quote = token_account(accounts.get(at.wrapped_sol(pool)))
    if tokens is None or quote is None or not tokens.amount_raw:
        return None
    return PoolReserves(tokens.amount_raw, quote.amount_raw)


def pools_of(mint: Pubkey, accounts: Accounts) -> Iterator[tuple[Place, PoolReserves, Pubkey]]:
    """Every pool of a mint with what it holds and who earns its creator's fee, in the order of their addresses."""
    minted = accounts.get(mint)
    for key in sorted(accounts.owned_by_program(at.POOL_PROGRAM), key=bytes) if minted is not None else ():
        account = accounts.get(key)
        if account is None or account.data[:8] != POOL_DISCRIMINATOR or account.data[43:75] != bytes(mint):
            continue
        assert minted is not None
        reserves = read_pool_at(key, mint, accounts, minted.owner)
        if reserves is not None:
            yield Place(key, mint, minted.owner), reserves, Pubkey.from_bytes(account.data[211:243])


def _writes(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def _reads(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def _signs(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=True)


def migrate_v2(mint: Pubkey, user: Pubkey) -> Instruction:
    """Turn a complete curve into its pool; anybody may, and it costs him nothing but the transaction."""
    curve, pool, authority = at.bonding_curve(mint), at.pool(mint), at.pool_authority(mint)
    lp_mint = at.derive(at.POOL_PROGRAM, b"pool_lp_mint", bytes(pool))
    accounts = [
        _reads(at.GLOBAL_ACCOUNT),
        _writes(at.FEE_RECIPIENTS[0]),
        _reads(mint),
        _reads(at.WRAPPED_SOL_MINT),
        _writes(curve),
        _writes(at.associated_token(curve, mint)),
        _writes(at.wrapped_sol(curve)),
        _signs(user),
        _reads(at.SYSTEM_PROGRAM),
        _reads(at.POOL_PROGRAM),
        _writes(pool),
        _writes(authority),
        _writes(at.associated_token(authority, mint)),
        _writes(at.wrapped_sol(authority)),
        _reads(at.POOL_CONFIG_ACCOUNT),
        _writes(lp_mint),
        _writes(at.associated_token(authority, lp_mint)),
        _writes(at.associated_token(pool, mint)),
        _writes(at.wrapped_sol(pool)),
        _reads(at.TOKEN_2022_PROGRAM),
        _reads(at.TOKEN_PROGRAM),
        _reads(at.TOKEN_2022_PROGRAM),
        _reads(at.ASSOCIATED_TOKEN_PROGRAM),
        _reads(at.POOL_EVENT_AUTHORITY),
        _reads(at.SYSTEM_PROGRAM),
        _reads(at.EVENT_AUTHORITY),
        _reads(at.LAUNCHPAD_PROGRAM),
    ]
    return Instruction(at.LAUNCHPAD_PROGRAM, MIGRATE_V2, accounts)


def _trade(data: bytes, place: Place, user: Pubkey, creator: Pubkey, *, buys: bool) -> Instruction:
    pool, mint, token_program = place.pool, place.mint, place.token_program
    creator_authority = at.pool_creator_authority(creator)
    fee_recipient, buyback_recipient = at.FEE_RECIPIENTS[0], at.BUYBACK_RECIPIENTS[0]
    volume = [
        _reads(at.POOL_GLOBAL_VOLUME_ACCUMULATOR),
        _writes(at.derive(at.POOL_PROGRAM, b"user_volume_accumulator", bytes(user))),
    ]
    accounts = [
        _writes(pool),
        _signs(user),
        _reads(at.POOL_CONFIG_ACCOUNT),
        _reads(mint),
        _reads(at.WRAPPED_SOL_MINT),
        _writes(at.associated_token(user, mint, token_program)),
        _writes(at.wrapped_sol(user)),
        _writes(at.associated_token(pool, mint, token_program)),
        _writes(at.wrapped_sol(pool)),
        _reads(fee_recipient),
        _writes(at.wrapped_sol(fee_recipient)),
        _reads(token_program),
        _reads(at.TOKEN_PROGRAM),
        _reads(at.SYSTEM_PROGRAM),
        _reads(at.ASSOCIATED_TOKEN_PROGRAM),
        _reads(at.POOL_EVENT_AUTHORITY),
        _reads(at.POOL_PROGRAM),
        _writes(at.wrapped_sol(creator_authority)),
        _reads(creator_authority),
        *(volume if buys else []),
        _reads(at.POOL_FEE_CONFIG_ACCOUNT),
        _reads(at.LAUNCHPAD_FEES_PROGRAM),
        _reads(at.derive(at.POOL_PROGRAM, b"pool-v2", bytes(mint))),
        _reads(buyback_recipient),
        _writes(at.wrapped_sol(buyback_recipient)),
    ]
    return Instruction(at.POOL_PROGRAM, data, accounts)


def buy_exact_quote_in(
    mint: Pubkey, user: Pubkey, creator: Pubkey, *, spend_lamports: int, min_token_raw: int
) -> Instruction:
    """Spend wrapped SOL, fees included, for at least `min_token_raw` (else error 6040)."""
    place = Place(at.pool(mint), mint)
    return buy_at(place, user, creator, spend_lamports=spend_lamports, min_token_raw=min_token_raw)


def buy_at(place: Place, user: Pubkey, creator: Pubkey, *, spend_lamports: int, min_token_raw: int) -> Instruction:
    """The same in any pool."""
    data = BUY_EXACT_QUOTE_IN + struct.pack("<QQB", spend_lamports, min_token_raw, 0)
    return _trade(data, place, user, creator, buys=True)


def sell(mint: Pubkey, user: Pubkey, creator: Pubkey, *, token_raw: int, min_receive_lamports: int) -> Instruction:
    """Sell `token_raw` for at least `min_receive_lamports` of wrapped SOL after fees (else error 6004)."""
    place = Place(at.pool(mint), mint)
    return sell_at(place, user, creator, token_raw=token_raw, min_receive_lamports=min_receive_lamports)


def sell_at(place: Place, user: Pubkey, creator: Pubkey, *, token_raw: int, min_receive_lamports: int) -> Instruction:
    """The same in any pool."""
    data = SELL + struct.pack("<QQ", token_raw, min_receive_lamports)
    return _trade(data, place, user, creator, buys=False)


def sync_wrapped_sol(owner: Pubkey) -> Instruction:
    """Count the lamports that were sent to the owner's wrapped-SOL account as tokens."""
    return Instruction(at.TOKEN_PROGRAM, SYNC_NATIVE, [_writes(at.wrapped_sol(owner))])


def unwrap_sol(owner: Pubkey) -> Instruction:
    """Close the owner's wrapped-SOL account; everything in it goes to the owner."""
    return Instruction(at.TOKEN_PROGRAM, CLOSE_ACCOUNT, [_writes(at.wrapped_sol(owner)), _writes(owner), _signs(owner)])
