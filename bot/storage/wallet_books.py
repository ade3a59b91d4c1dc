"""The books of followed wallets in PostgreSQL: each is the fold of its swaps, and is written with them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict

import asyncpg

from bot.ports import WalletSignal
from bot.storage.columns import by_column
from bot.storage.database import Repository, Row
from bot.storage.wallet_book_rules import ledger_swap
from bot.trading.intent import Side
from bot.trading.wallet_ledger import RESULT_NAMES, LedgerSwap, MintBook, WalletRecord, WalletResults, book_of

SELECT_BOOK = "select * from wallet_books where address = $1 and mint = $2 for update"
# A book that is not there is made first, so that whoever folds its swaps has it locked.
INSERT_BOOK = "insert into wallet_books (address, mint) values ($1, $2) on conflict (address, mint) do nothing"
UPDATE_BOOK = """
update wallet_books set
    held_raw = $3,
    cost_lamports = $4,
    round_raw = $5,
    spent_lamports = $6,
    brought_lamports = $7,
    opened_at = $8,
    first_at = $9,
    last_at = $10,
    last_slot = $11,
    swaps = $12,
    unseen = $13,
    bought_lamports = $14,
    sold_lamports = $15,
    realized_lamports = $16,
    rounds = $17,
    won = $18,
    won_lamports = $19,
    lost_lamports = $20,
    held_s = $21,
    return_bps = $22,
    return_bps_squared = $23
where address = $1 and mint = $2
"""
SELECT_SWAPS = """
select mint, side, token_raw, quote_lamports, slot, block_time, signature from wallet_signals
where address = $1 and mint = $2
"""
# The swaps that are the longest in a book, earlier ones first: within a slot what is sold was bought before.
SELECT_OLD_SWAPS = """
select seq, address, mint, side, token_raw, quote_lamports, slot, block_time, signature from wallet_signals
where
    block_time < $1
    and exists (
        select 1 from wallet_books
        where wallet_books.address = wallet_signals.address and wallet_books.mint = wallet_signals.mint
    )
    and not exists (select 1 from copies_due where copies_due.seq = wallet_signals.seq)
order by block_time, slot, side, signature
limit $2
"""
SELECT_FOLDED = """
select address, mint, folded from wallet_books
where (address, mint) in (select * from unnest($1::text[], $2::text[]))
order by address, mint
for update
"""
UPDATE_FOLDED = """
update wallet_books set folded = told.folded
from unnest($1::text[], $2::text[], $3::json[]) as told (address, mint, folded)
where wallet_books.address = told.address and wallet_books.mint = told.mint
"""
DELETE_SWAPS = "delete from wallet_signals where seq = any($1::bigint[])"
SELECT_UNBOOKED = """
select distinct address, mint from wallet_signals
where not exists (
    select 1 from wallet_books
    where wallet_books.address = wallet_signals.address and wallet_books.mint = wallet_signals.mint
)
limit $1
"""
SELECT_RECORDS = """
select
    address,
    count(*) as tokens,
    count(*) filter (where held_raw > 0) as open,
    min(first_at) as first_at,
    max(last_at) as last_at,
    sum(swaps) as swaps,
    sum(unseen) as unseen,
    sum(bought_lamports) as bought_lamports,
    sum(sold_lamports) as sold_lamports,
    sum(realized_lamports) as realized_lamports,
    sum(rounds) as rounds,
    sum(won) as won,
    sum(won_lamports) as won_lamports,
    sum(lost_lamports) as lost_lamports,
    sum(held_s) as held_s,
    sum(return_bps) as return_bps,
    sum(return_bps_squared) as return_bps_squared
from wallet_books
where address = any($1::text[]) and last_slot >= 0 and last_at > $2
group by address
"""


class WalletBooks(Repository):
    """Implements `WalletRecordStore`."""

    async def wallet_records(self, addresses: Collection[str], since_s: int) -> dict[str, WalletRecord]:
        rows = await self._database.read(_records, list(addresses), since_s * 1000)
        return {row["address"]: _record_from(row) for row in rows}

    async def fold_unbooked(self, limit: int) -> int:
        return await self._database.write(_fold_unbooked, limit)


async def book_swap(connection: asyncpg.Connection, signal: WalletSignal) -> None:
    """Inside the unit of work that recorded a swap for the first time: write it into its book."""
    row = await connection.fetchrow(SELECT_BOOK, signal.address, signal.mint)
    book = None if row is None else _book_from(row)
    if book is None or signal.slot <= book.last_slot:
        await _fold(connection, signal.address, signal.mint)
    else:
        await _write(connection, signal.address, book.after(ledger_swap(signal)))


async def _fold(connection: asyncpg.Connection, address: str, mint: str) -> None:
    """Make a book anew out of all swaps of its token: those that are kept, after what was made of the others."""
    await connection.execute(INSERT_BOOK, address, mint)
    [row] = await connection.fetch(SELECT_BOOK, address, mint)
    swaps = [_swap_from(one) for one in await connection.fetch(SELECT_SWAPS, address, mint)]
    await _write(connection, address, book_of(mint, swaps, _folded_from(row)))


async def forget_swaps(connection: asyncpg.Connection, before_ms: int, limit: int) -> int:
    """Inside a unit of work: fold the oldest swaps for good and drop them; how many."""
    rows = await connection.fetch(SELECT_OLD_SWAPS, before_ms, limit)
    swaps = dict[tuple[str, str], list[LedgerSwap]]()
    for row in rows:
        swaps.setdefault((row["address"], row["mint"]), []).append(_swap_from(row))
    if swaps:
        folded = []
        for row in await connection.fetch(SELECT_FOLDED, *by_column(list(swaps))):
            address, mint = row["address"], row["mint"]
            book = book_of(mint, swaps[address, mint], _folded_from(row))
            folded.append((address, mint, json.dumps(asdict(book))))
        await connection.execute(UPDATE_FOLDED, *by_column(folded))
        await connection.execute(DELETE_SWAPS, [row["seq"] for row in rows])
    return len(rows)


async def _write(connection: asyncpg.Connection, address: str, book: MintBook) -> None:
    await connection.execute(UPDATE_BOOK, *book_row(address, book))


def book_row(address: str, book: MintBook) -> tuple[str | int, ...]:
    """A book's columns in the order of UPDATE_BOOK."""
    return (
        address,
        book.mint,
        book.held_raw,
        book.cost_lamports,
        book.round_raw,
        book.spent_lamports,
        book.brought_lamports,
        book.opened_at_s * 1000,
        book.first_at_s * 1000,
        book.last_at_s * 1000,
        book.last_slot,
        *(getattr(book.results, name) for name in RESULT_NAMES),
    )


async def _fold_unbooked(connection: asyncpg.Connection, limit: int) -> int:
    rows = await connection.fetch(SELECT_UNBOOKED, limit)
    for row in rows:
        await _fold(connection, row["address"], row["mint"])
    return len(rows)


async def _records(connection: asyncpg.Connection, addresses: list[str], since_ms: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_RECORDS, addresses, since_ms)
    return rows


def _swap_from(row: Row) -> LedgerSwap:
    return LedgerSwap(
        row["signature"],
        row["mint"],
        Side(row["side"]),
        row["token_raw"],
        row["quote_lamports"],
        row["slot"],
        row["block_time"] // 1000,
    )


def _folded_from(row: Row) -> MintBook | None:
    """The book of the swaps that are kept no more."""
    if row["folded"] is None:
        return None
    told = json.loads(row["folded"])
    return MintBook(**{**told, "results": WalletResults(**told["results"])})


def _results_from(row: Row) -> WalletResults:
    return WalletResults(*(int(row[name]) for name in RESULT_NAMES))


def _book_from(row: Row) -> MintBook:
    return MintBook(
        mint=row["mint"],
        held_raw=row["held_raw"],
        cost_lamports=row["cost_lamports"],
        round_raw=row["round_raw"],
        spent_lamports=row["spent_lamports"],
        brought_lamports=row["brought_lamports"],
        opened_at_s=row["opened_at"] // 1000,
        first_at_s=row["first_at"] // 1000,
        last_at_s=row["last_at"] // 1000,
        last_slot=row["last_slot"],
        results=_results_from(row),
    )


def _record_from(row: Row) -> WalletRecord:
    return WalletRecord(
        row["address"],
        _results_from(row),
        tokens=row["tokens"],
        open=row["open"],
        first_at_s=row["first_at"] // 1000,
        last_at_s=row["last_at"] // 1000,
    )
