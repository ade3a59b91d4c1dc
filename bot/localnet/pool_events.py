"""Trades in pools as their program tells them by calling itself, for the stand-ins of those who count trades.

Layouts follow the official interface description of the pool program (`BuyEvent`, `SellEvent`); only what is told on is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.launch_events import EVENT_CALL
from bot.localnet.records import ExecutedTransaction

BUY_EVENT = bytes.fromhex("67f4521f2cf57777")
SELL_EVENT = bytes.fromhex("3e2f370aa503dc2a")
# Where what they have in common stands behind the discriminator: amounts and reserves before it, the pool after the fees.
_AMOUNT_AT, _RESERVES_AT, _QUOTE_AT, _MOVED_AT, _POOL_AT = 8, 40, 56, 96, 112


@dataclass(frozen=True, slots=True)
class PoolTrade:
    """A trade in a pool: `quote_lamports` without any fee; reserves are the ones right after it, tokens in raw units."""

    pool: str
    is_buy: bool
    quote_lamports: int
    reserve_quote_lamports: int
    reserve_token_raw: int


def pool_trades(record: ExecutedTransaction) -> Iterator[PoolTrade]:
    """The trades in pools of a transaction in order; none of one that failed."""
    if record.error is not None:
        return
    program = str(at.POOL_PROGRAM)
    for _, invoked in record.inner:
        for inner in invoked:
            if not inner.data.startswith(EVENT_CALL) or record.account_keys[inner.program_index] != program:
                continue
            kind, body = inner.data[8:16], inner.data[16:]
            if kind in {BUY_EVENT, SELL_EVENT}:
                yield _trade(body, is_buy=kind == BUY_EVENT)


def _trade(body: bytes, *, is_buy: bool) -> PoolTrade:
    """The event tells the reserves of before; what stays in the pool of the fees moves with the amount."""
    (token_raw,) = struct.unpack_from("<Q", body, _AMOUNT_AT)
    reserve_token, reserve_quote = struct.unpack_from("<2Q", body, _RESERVES_AT)
    (quote,) = struct.unpack_from("<Q", body, _QUOTE_AT)
    (moved,) = struct.unpack_from("<Q", body, _MOVED_AT)
    way = 1 if is_buy else -1
    pool = str(Pubkey.from_bytes(body[_POOL_AT : _POOL_AT + 32]))
    return PoolTrade(pool, is_buy, quote, reserve_quote + way * moved, reserve_token - way * token_raw)
