"""Byte layouts of the launchpad: discriminators, account offsets and event fields, decoded into frozen records.

Source: the official interface descriptions of SDK 2.0.0. Accounts and events only ever grow at the tail, so each is read
by prefix: what an old, shorter one lacks has a default, what a newer, longer one adds is ignored. Whatever the bytes,
a decoder here returns or raises DecodeError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from bot.chain.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT, ZERO_KEY
from bot.errors import DecodeError
from bot.trading.curve import INITIAL_REAL_TOKEN_RAW, INITIAL_VIRTUAL_QUOTE_LAMPORTS, INITIAL_VIRTUAL_TOKEN_RAW, Fees

BUY_EXACT_QUOTE_IN_V2 = bytes.fromhex("c2ab1c46684d5b2f")
SELL_V2 = bytes.fromhex("5df6823ce7e940b2")

BONDING_CURVE = bytes.fromhex("17b7f83760d8ac60")
GLOBAL = bytes.fromhex("a7e8e8b1c86c727f")
FEE_CONFIG = bytes.fromhex("8f3492bbdb7b4c9b")

CREATE_EVENT = bytes.fromhex("1b72a94ddeeb6376")
TRADE_EVENT = bytes.fromhex("bddb7fd34ee661ee")
EVENT_CPI = bytes.fromhex("e445a52e51cb9a1d")

MIN_CURVE_LENGTH = 81
CURVE_LENGTH = 125
MIN_GLOBAL_LENGTH = 1005
MAX_FEE_TIERS = 200
MAX_TEXT_BYTES = 4_096


class Reader:
    """A cursor over bytes. Required fields raise DecodeError past the end; `has` asks whether an optional one is there."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes, what: str, start: int = 0) -> None:
        self._data = data
        self._what = what
        self._at = start

    def has(self, length: int) -> bool:
        return len(self._data) - self._at >= length

    def take(self, length: int) -> bytes:
        if not self.has(length):
            raise DecodeError(f"{self._what} ends at byte {len(self._data)}, {length} more were expected at {self._at}")
        start, self._at = self._at, self._at + length
        return self._data[start : self._at]

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def i64(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def u128(self) -> int:
        return int.from_bytes(self.take(16), "little")

    def i128(self) -> int:
        return int.from_bytes(self.take(16), "little", signed=True)

    def skip(self, length: int) -> None:
        self.take(length)

    def flag(self) -> bool:
        return self.take(1)[0] != 0

    def key(self) -> Pubkey:
        return Pubkey.from_bytes(self.take(32))

    def text(self) -> str:
        """A Borsh string. Names are typed by strangers: bytes that are not UTF-8 become replacement characters."""
        length = self.u32()
        if length > MAX_TEXT_BYTES:
            raise DecodeError(f"{self._what} has a text of {length} bytes")
        return self.take(length).decode("utf-8", "replace")


def expect(data: bytes, discriminator: bytes, what: str) -> None:
    """Raise DecodeError unless the bytes begin as those of this account or event do."""
    if data[:8] != discriminator:
        raise DecodeError(f"{what} begins with {data[:8].hex() or 'nothing'}, not with {discriminator.hex()}")


def is_sol(quote_mint: Pubkey) -> bool:
    """Coins quoted in SOL carry the zero key or wrapped SOL as quote mint."""
    return quote_mint in {ZERO_KEY, WRAPPED_SOL_MINT}


@dataclass(frozen=True, slots=True)
class CurveAccount:
    """A `BondingCurve` account. Amounts are raw token units and raw units of the quote mint, lamports when that is SOL."""

    virtual_token_raw: int
    virtual_quote_raw: int
    real_token_raw: int
    real_quote_raw: int
    complete: bool
    creator: Pubkey
    is_mayhem: bool
    quote_mint: Pubkey


def decode_curve(data: bytes) -> CurveAccount:
    """Accounts of 81 bytes and more; sizes seen on mainnet are 81, 115, 125, 151 and 256, so the length says nothing."""
    expect(data, BONDING_CURVE, "a bonding curve account")
    if len(data) < MIN_CURVE_LENGTH:
        raise DecodeError(f"a bonding curve account has {len(data)} bytes, {MIN_CURVE_LENGTH} are the least")
    padded = data[:CURVE_LENGTH].ljust(CURVE_LENGTH, b"\x00")
    virtual_token, virtual_quote, real_token, real_quote = struct.unpack_from("<4Q", padded, 8)
    return CurveAccount(
        virtual_token_raw=virtual_token,
        virtual_quote_raw=virtual_quote,
        real_token_raw=real_token,
        real_quote_raw=real_quote,
        complete=padded[48] != 0,
        creator=Pubkey.from_bytes(padded[49:81]),
        is_mayhem=padded[81] != 0,
        quote_mint=Pubkey.from_bytes(padded[83:115]),
    )


@dataclass(frozen=True, slots=True)
class GlobalAccount:
    """The launchpad's `Global` account: who may be named as fee recipient, and the fees where no FeeConfig exists."""

    fees: Fees
    fee_recipients: tuple[Pubkey, ...]
    reserved_fee_recipients: tuple[Pubkey, ...]
    buyback_fee_recipients: tuple[Pubkey, ...]


def decode_global(data: bytes) -> GlobalAccount:
    """The first recipient stands apart from the other seven in both sets; mayhem coins pay to the reserved set."""
    expect(data, GLOBAL, "the launchpad's Global account")
    if len(data) < MIN_GLOBAL_LENGTH:
        raise DecodeError(f"the launchpad's Global account has {len(data)} bytes, {MIN_GLOBAL_LENGTH} are the least")
    return GlobalAccount(
        fees=Fees(int.from_bytes(data[105:113], "little"), int.from_bytes(data[154:162], "little")),
        fee_recipients=recipients(data, 41, 1) + recipients(data, 162, 7),
        reserved_fee_recipients=recipients(data, 483, 1) + recipients(data, 516, 7),
        buyback_fee_recipients=recipients(data, 741, 8),
    )


def recipients(data: bytes, offset: int, count: int) -> tuple[Pubkey, ...]:
    """`count` keys in a row, those that are not set left out."""
    keys = (Pubkey.from_bytes(data[at : at + 32]) for at in range(offset, offset + 32 * count, 32))
    return tuple(key for key in keys if key != ZERO_KEY)


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Fees of every coin whose market cap in lamports is at least the threshold."""

    market_cap_lamports: int
    fees: Fees


def decode_fee_tiers(data: bytes) -> tuple[FeeTier, ...]:
    """The tiers of coins quoted in SOL, in the account's order, which is by threshold; the LP fee is none of a curve's."""
    expect(data, FEE_CONFIG, "the launchpad's FeeConfig account")
    reader = Reader(data, "the launchpad's FeeConfig account", 65)
    count = reader.u32()
    if not 0 < count <= MAX_FEE_TIERS:
        raise DecodeError(f"the launchpad's FeeConfig account holds {count} fee tiers")
    tiers = []
    for _ in range(count):
        threshold = reader.u128()
        reader.u64()
        tiers.append(FeeTier(threshold, Fees(reader.u64(), reader.u64())))
    return tuple(tiers)


@dataclass(frozen=True, slots=True)
class CreateEvent:
    """A new coin. `user` signed the creation, `creator` earns its fees; reserves are those right after creation."""

    name: str
    symbol: str
    uri: str
    mint: Pubkey
    user: Pubkey
    creator: Pubkey
    virtual_token_raw: int
    virtual_quote_raw: int
    real_token_raw: int
    token_program: Pubkey
    is_mayhem: bool
    quote_mint: Pubkey


def decode_create_event(data: bytes) -> CreateEvent:
    """Events of 2024 end after `user`; the fields behind it came one by one."""
    expect(data, CREATE_EVENT, "a CreateEvent")
    reader = Reader(data, "a CreateEvent", 8)
    name, symbol, uri = reader.text(), reader.text(), reader.text()
    mint = reader.key()
    reader.key()  # bonding_curve, which follows from the mint
    user = reader.key()
    creator = reader.key() if reader.has(32) else user
    if reader.has(8):
        reader.i64()  # timestamp
    virtual_token, virtual_quote = INITIAL_VIRTUAL_TOKEN_RAW, INITIAL_VIRTUAL_QUOTE_LAMPORTS
    real_token = INITIAL_REAL_TOKEN_RAW
    if reader.has(32):
        virtual_token, virtual_quote, real_token = reader.u64(), reader.u64(), reader.u64()
        reader.u64()  # token_total_supply
    token_program = reader.key() if reader.has(32) else TOKEN_PROGRAM
    is_mayhem = reader.flag() if reader.has(1) else False
    if reader.has(1):
        reader.flag()  # is_cashback_enabled
    quote_mint = reader.key() if reader.has(32) else ZERO_KEY
    if reader.has(8):
        virtual_quote = reader.u64()
    return CreateEvent(
        name=name,
        symbol=symbol,
        uri=uri,
        mint=mint,
        user=user,
        creator=creator,
        virtual_token_raw=virtual_token,
        virtual_quote_raw=virtual_quote,
        real_token_raw=real_token,
        token_program=token_program,
        is_mayhem=is_mayhem,
        quote_mint=quote_mint,
    )


@dataclass(frozen=True, slots=True)
class TradeEvent:
    """One trade on a curve; reserves are those right after it.

    `sol_lamports` is what went into or out of the curve without fees, and is 0 for coins that are not quoted in SOL, as
    are the SOL reserves. `protocol_fee_lamports` includes the buyback share, which is carved out of it.
    """

    mint: Pubkey
    sol_lamports: int
    token_raw: int
    is_buy: bool
    user: Pubkey
    timestamp_s: int
    virtual_sol_lamports: int
    virtual_token_raw: int
    real_sol_lamports: int
    real_token_raw: int
    protocol_fee_lamports: int
    creator: Pubkey
    creator_fee_lamports: int


def decode_trade_event(data: bytes) -> TradeEvent:
    """Sizes seen: 129 bytes (2024), 266, 371, 374 and more (2026). The tail behind byte 225 tells nothing that we need."""
    expect(data, TRADE_EVENT, "a TradeEvent")
    reader = Reader(data, "a TradeEvent", 8)
    mint, sol, token_raw, is_buy = reader.key(), reader.u64(), reader.u64(), reader.flag()
    user, timestamp_s = reader.key(), reader.i64()
    virtual_sol, virtual_token = reader.u64(), reader.u64()
    real_sol, real_token = reader.u64(), reader.u64()
    protocol_fee, creator, creator_fee = 0, ZERO_KEY, 0
    if reader.has(96):
        reader.key()  # fee_recipient
        reader.u64()  # fee_basis_points
        protocol_fee, creator = reader.u64(), reader.key()
        reader.u64()  # creator_fee_basis_points
        creator_fee = reader.u64()
    return TradeEvent(
        mint=mint,
        sol_lamports=sol,
        token_raw=token_raw,
        is_buy=is_buy,
        user=user,
        timestamp_s=timestamp_s,
        virtual_sol_lamports=virtual_sol,
        virtual_token_raw=virtual_token,
        real_sol_lamports=real_sol,
        real_token_raw=real_token,
        protocol_fee_lamports=protocol_fee,
        creator=creator,
        creator_fee_lamports=creator_fee,
    )
