"""Byte layouts of the pools that completed curves migrate to, decoded like those of the launchpad: by prefix.

Source: the interface descriptions of the pool SDK 1.20.0 and of the fee program. Whatever the bytes, a decoder here
returns or raises DecodeError.
"""

from __future__ import annotations

from dataclasses import dataclass

from solders.pubkey import Pubkey

from bot.chain.layouts import FEE_CONFIG, MAX_FEE_TIERS, Reader, expect, recipients
from bot.errors import DecodeError
from bot.trading.pool import PoolFees, PoolFeeTier

BUY_EXACT_QUOTE_IN = bytes.fromhex("c62e1552b4d9e870")
SELL = bytes.fromhex("33e685a4017f83ad")

POOL = bytes.fromhex("f19a6d0411b16dbc")
POOL_CONFIG = bytes.fromhex("95089ccaa0fcb0d9")

BUY_EVENT = bytes.fromhex("67f4521f2cf57777")
SELL_EVENT = bytes.fromhex("3e2f370aa503dc2a")

MIN_CONFIG_LENGTH = 907


@dataclass(frozen=True, slots=True)
class PoolAccount:
    """A `Pool` account. `creator` opened it; `coin_creator` earns the creator fee. Reserves are in the two vaults.

    `shares_raw` counts the shares in it that were ever made and not withdrawn, those of `share_mint` that were burnt included.
    The price counts `virtual_quote_lamports` on top of the vault. `creator_fee_bps` is 0 where the tier decides.
    """

    creator: Pubkey
    base_mint: Pubkey
    quote_mint: Pubkey
    base_vault: Pubkey
    quote_vault: Pubkey
    share_mint: Pubkey
    shares_raw: int
    coin_creator: Pubkey
    is_mayhem: bool
    is_cashback: bool
    virtual_quote_lamports: int
    creator_fee_bps: int


def decode_pool(data: bytes) -> PoolAccount:
    """Accounts of 211 bytes and more: those of 2025 end before the coin's creator, newer ones grew at the tail."""
    expect(data, POOL, "a pool account")
    reader = Reader(data, "a pool account", 11)
    creator, base_mint, quote_mint = reader.key(), reader.key(), reader.key()
    share_mint, base_vault, quote_vault = reader.key(), reader.key(), reader.key()
    shares_raw = reader.u64()
    return PoolAccount(
        creator=creator,
        base_mint=base_mint,
        quote_mint=quote_mint,
        base_vault=base_vault,
        quote_vault=quote_vault,
        share_mint=share_mint,
        shares_raw=shares_raw,
        coin_creator=reader.key() if reader.has(32) else Pubkey.default(),
        is_mayhem=reader.flag() if reader.has(1) else False,
        is_cashback=reader.flag() if reader.has(1) else False,
        virtual_quote_lamports=reader.i128() if reader.has(16) else 0,
        creator_fee_bps=reader.u64() if reader.has(8) else 0,
    )


@dataclass(frozen=True, slots=True)
class PoolConfigAccount:
    """The pool program's `GlobalConfig`: who may be named as fee recipient; mayhem coins pay to the reserved set."""

    fee_recipients: tuple[Pubkey, ...]
    reserved_fee_recipients: tuple[Pubkey, ...]
    buyback_fee_recipients: tuple[Pubkey, ...]


def decode_pool_config(data: bytes) -> PoolConfigAccount:
    """Accounts with the buyback recipients, without which no trade can be built."""
    expect(data, POOL_CONFIG, "the pools' GlobalConfig account")
    if len(data) < MIN_CONFIG_LENGTH:
        raise DecodeError(f"the pools' GlobalConfig account has {len(data)} bytes, {MIN_CONFIG_LENGTH} are the least")
    return PoolConfigAccount(
        fee_recipients=recipients(data, 57, 8),
        reserved_fee_recipients=recipients(data, 385, 1) + recipients(data, 418, 7),
        buyback_fee_recipients=recipients(data, 643, 8),
    )


def decode_pool_fee_tiers(data: bytes) -> tuple[PoolFeeTier, ...]:
    """The tiers of coins quoted in SOL in the pool program's own FeeConfig, in its order, which is by threshold."""
    expect(data, FEE_CONFIG, "the pools' FeeConfig account")
    reader = Reader(data, "the pools' FeeConfig account", 65)
    count = reader.u32()
    if not 0 < count <= MAX_FEE_TIERS:
        raise DecodeError(f"the pools' FeeConfig account holds {count} fee tiers")
    return tuple(PoolFeeTier(reader.u128(), PoolFees(reader.u64(), reader.u64(), reader.u64())) for _ in range(count))


@dataclass(frozen=True, slots=True)
class PoolTradeEvent:
    """One trade in a pool. `quote_lamports` is at the price, before fees; `user_lamports` is what the user paid or got.

    What is neither at the price, nor the pool's fee, nor the protocol's, went to the coin's creator and holders:
    creator fee, cashback and rewards together.
    """

    is_buy: bool
    token_raw: int
    quote_lamports: int
    lp_fee_lamports: int
    protocol_fee_lamports: int
    creator_fee_lamports: int
    user_lamports: int
    pool: Pubkey
    user: Pubkey
    timestamp_s: int


def decode_pool_trade(data: bytes) -> PoolTradeEvent:
    """A `BuyEvent` or `SellEvent`; sizes seen for sales: 352 (2025), 360, 392, 433. Only the first 184 bytes are used."""
    is_buy = data[:8] == BUY_EVENT
    if not is_buy:
        expect(data, SELL_EVENT, "a pool's trade event")
    reader = Reader(data, "a pool's trade event", 8)
    timestamp_s, token_raw = reader.i64(), reader.u64()
    reader.skip(40)  # the limit, the user's balances and the reserves before the trade
    quote = reader.u64()
    reader.skip(8)
    lp_fee = reader.u64()
    reader.skip(8)
    protocol_fee = reader.u64()
    reader.skip(8)
    user_lamports = reader.u64()
    pool, user = reader.key(), reader.key()
    gap = user_lamports - quote if is_buy else quote - user_lamports
    creator_fee = gap - lp_fee - protocol_fee
    if creator_fee < 0:
        raise DecodeError(f"a pool's trade event names {-creator_fee} lamports more of fees than its user paid")
    return PoolTradeEvent(
        is_buy=is_buy,
        token_raw=token_raw,
        quote_lamports=quote,
        lp_fee_lamports=lp_fee,
        protocol_fee_lamports=protocol_fee,
        creator_fee_lamports=creator_fee,
        user_lamports=user_lamports,
        pool=pool,
        user=user,
        timestamp_s=timestamp_s,
    )
