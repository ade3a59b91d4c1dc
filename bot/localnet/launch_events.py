"""What the launchpad did in a transaction, read from the events that it repeats as calls to itself; for other stand-ins.

Layouts follow the official interface description; only the fields that are told on are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.records import ExecutedTransaction

EVENT_CALL = bytes.fromhex("e445a52e51cb9a1d")
CREATE_EVENT = bytes.fromhex("1b72a94ddeeb6376")
TRADE_EVENT = bytes.fromhex("bddb7fd34ee661ee")
MIGRATION_EVENT = bytes.fromhex("bde95db95c94ea94")


@dataclass(frozen=True, slots=True)
class Created:
    """A new coin; reserves are virtual ones right after creation, in raw units and lamports."""

    mint: str
    user: str
    name: str
    symbol: str
    uri: str
    token_raw: int
    quote_lamports: int


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade on a curve; reserves are the virtual ones right after it."""

    mint: str
    user: str
    is_buy: bool
    sol_lamports: int
    token_raw: int
    reserve_quote_lamports: int
    reserve_token_raw: int


@dataclass(frozen=True, slots=True)
class Migrated:
    """A coin moved to its pool."""

    mint: str


LaunchEvent = Created | Traded | Migrated


def launch_events(record: ExecutedTransaction) -> Iterator[LaunchEvent]:
    """The launchpad's events of a transaction in order; none of one that failed."""
    if record.error is not None:
        return
    program = str(at.LAUNCHPAD_PROGRAM)
    for _, invoked in record.inner:
        for inner in invoked:
            if inner.data.startswith(EVENT_CALL) and record.account_keys[inner.program_index] == program:
                event = _decoded(inner.data[8:])
                if event is not None:
                    yield event


def _decoded(data: bytes) -> LaunchEvent | None:
    kind, body = data[:8], data[8:]
    if kind == CREATE_EVENT:
        return _created(body)
    if kind == TRADE_EVENT:
        sol, token, is_buy = struct.unpack_from("<2QB", body, 32)
        reserve_quote, reserve_token = struct.unpack_from("<2Q", body, 89)
        return Traded(_key(body, 0), _key(body, 49), bool(is_buy), sol, token, reserve_quote, reserve_token)
    if kind == MIGRATION_EVENT:
        return Migrated(_key(body, 32))
    return None


def _created(body: bytes) -> Created:
    texts = []
    place = 0
    for _ in range(3):
        (length,) = struct.unpack_from("<I", body, place)
        texts.append(body[place + 4 : place + 4 + length].decode("utf-8", "replace"))
        place += 4 + length
    name, symbol, uri = texts
    reserve_token, reserve_quote = struct.unpack_from("<2Q", body, place + 136)
    return Created(_key(body, place), _key(body, place + 64), name, symbol, uri, reserve_token, reserve_quote)


def _key(body: bytes, place: int) -> str:
    return str(Pubkey.from_bytes(body[place : place + 32]))
