"""Followed wallets, how far each was read, and the swaps found in them, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import TrackedWallet, WalletCursor, WalletSignal
from bot.storage.database import Database, Repository, Row
from bot.storage.read_together import ReadTogether
from bot.storage.rules import check_signal, storable
from bot.storage.wallet_books import book_swap
from bot.trading.intent import Side

INSERT_TRACKED = """
insert into tracked_wallets (user_id, address, label, since) values ($1, $2, $3, $4)
on conflict (user_id, address) do nothing
returning address
"""
DELETE_TRACKED = "delete from tracked_wallets where user_id = $1 and address = $2 returning address"
DELETE_UNWATCHED_CURSOR = """
delete from wallet_cursors
where address = $1 and not exists (select 1 from tracked_wallets where tracked_wallets.address = $1)
"""
SELECT_TRACKED = """
select user_id, address, label, since from tracked_wallets where $1::text is null or user_id = $1 order by seq
"""
SELECT_CURSORS = "select address, signature, slot from wallet_cursors where address = any($1::text[])"
# A cursor never goes back.
UPSERT_CURSOR = """
insert into wallet_cursors (address, signature, slot) values ($1, $2, $3)
on conflict (address) do update set signature = excluded.signature, slot = excluded.slot
where wallet_cursors.slot <= excluded.slot
"""
INSERT_SIGNAL = """
with recorded as (
    insert into wallet_signals (
        address, mint, side, token_raw, quote_lamports, slot, block_time, signature, instruction, held_before_raw,
        seen_at, both_sides
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict (address, signature, mint, side) do nothing
    returning seq, address
),

due as (
    insert into copies_due (seq)
    select recorded.seq from recorded
    where exists(select 1 from copy_rules where copy_rules.leader = recorded.address and copy_rules.state <> 'stopped')
)

select seq from recorded
"""
SELECT_SIGNALS = "select * from wallet_signals where address = $1 order by slot desc, seq desc limit $2"


class Tracking(Repository):
    """Implements `TrackingStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._cursors_read = ReadTogether(self._cursors_of)

    async def track(self, wallet: TrackedWallet) -> bool:
        return await self._database.write(_track, wallet)

    async def untrack(self, user_id: str, address: str) -> bool:
        return await self._database.write(_untrack, user_id, address)

    async def tracked(self, user_id: str | None = None) -> list[TrackedWallet]:
        rows = await self._database.read(_tracked, user_id)
        return [TrackedWallet(row["user_id"], row["address"], row["label"], row["since"]) for row in rows]

    async def cursor(self, address: str) -> WalletCursor | None:
        return await self._cursors_read.read(address)

    async def _cursors_of(self, addresses: list[str]) -> dict[str, WalletCursor]:
        return await self._database.read(_cursors, addresses)

    async def move_cursor(self, cursor: WalletCursor) -> None:
        await self._database.write(_move_cursor, cursor)

    async def record_signal(self, signal: WalletSignal) -> bool:
        check_signal(signal)
        return await self._database.write(_record, signal)

    async def signals(self, address: str, limit: int) -> list[WalletSignal]:
        return [signal_of(row) for row in await self._database.read(_signals, address, limit)]


async def _track(connection: asyncpg.Connection, wallet: TrackedWallet) -> bool:
    inserted = await connection.fetchval(
        INSERT_TRACKED, wallet.user_id, wallet.address, storable(wallet.label), wallet.since_ms
    )
    return inserted is not None


async def _untrack(connection: asyncpg.Connection, user_id: str, address: str) -> bool:
    gone = await connection.fetchval(DELETE_TRACKED, user_id, address)
    await connection.execute(DELETE_UNWATCHED_CURSOR, address)
    return gone is not None


async def _tracked(connection: asyncpg.Connection, user_id: str | None) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_TRACKED, user_id)
    return rows


async def _cursors(connection: asyncpg.Connection, addresses: list[str]) -> dict[str, WalletCursor]:
    rows = await connection.fetch(SELECT_CURSORS, addresses)
    return {row["address"]: WalletCursor(row["address"], row["signature"], row["slot"]) for row in rows}


async def _move_cursor(connection: asyncpg.Connection, cursor: WalletCursor) -> None:
    await connection.execute(UPSERT_CURSOR, cursor.address, cursor.signature, cursor.slot)


async def _record(connection: asyncpg.Connection, signal: WalletSignal) -> bool:
    inserted = await connection.fetchval(
        INSERT_SIGNAL,
        signal.address,
        signal.mint,
        signal.side,
        signal.token_raw,
        signal.quote_lamports,
        signal.slot,
        signal.block_time_s * 1000,
        signal.signature,
        signal.instruction,
        signal.held_before_raw,
        signal.seen_at_ms,
        signal.both_sides,
    )
    if inserted is not None:
        await book_swap(connection, signal)
    return inserted is not None


async def _signals(connection: asyncpg.Connection, address: str, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_SIGNALS, address, limit)
    return rows


def signal_of(row: Row) -> WalletSignal:
    """A row of wallet_signals."""
    return WalletSignal(
        address=row["address"],
        mint=row["mint"],
        side=Side(row["side"]),
        token_raw=row["token_raw"],
        quote_lamports=row["quote_lamports"],
        slot=row["slot"],
        block_time_s=row["block_time"] // 1000,
        signature=row["signature"],
        instruction=row["instruction"],
        held_before_raw=row["held_before_raw"],
        seen_at_ms=row["seen_at"] or 0,
        both_sides=row["both_sides"],
    )
