"""The double-entry ledger in PostgreSQL: its entries, what they sum to, and the latest comparison with the chain."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import LedgerCheck, WalletLedger
from bot.storage.database import Repository
from bot.storage.rules import check_legs, storable
from bot.trading.ledger import Entry

INSERT_ENTRY = """
insert into ledger_entries (kind, wallet_id, intent_id, position_id, signature, slot, evidence, landing)
values ($1, $2, $3, $4, $5, $6, $7, $8)
returning id
"""
INSERT_LEG = "insert into ledger_legs (entry_id, account, lamports) values ($1, $2, $3)"
# Entries of an older program say `market` where ours say `tokens`.
SELECT_COST = """
select coalesce(sum(ledger_legs.lamports), 0)
from ledger_legs
inner join ledger_entries on ledger_legs.entry_id = ledger_entries.id
where ledger_entries.position_id = $1 and ledger_legs.account in ('tokens', 'market')
"""
SELECT_BOOKED = """
select coalesce(sum(ledger_legs.lamports), 0)
from ledger_legs
inner join ledger_entries on ledger_legs.entry_id = ledger_entries.id
where ledger_entries.wallet_id = $1 and ledger_legs.account = 'wallet'
"""
SELECT_OPENED = "select slot from ledger_entries where wallet_id = $1 and kind = 'opening'"
SELECT_CHECK = "select * from ledger_checks where wallet_id = $1"
SELECT_OURS = """
select attempts.signature
from attempts
inner join intents on attempts.intent_id = intents.id
where intents.wallet_id = $1 and attempts.signature = any($2::text[])
union
select signature from ledger_entries where wallet_id = $1 and signature = any($2::text[])
union
select adjustments.signature
from adjustments
inner join positions on adjustments.position_id = positions.id
where positions.wallet_id = $1 and adjustments.signature = any($2::text[])
"""
SELECT_OUTSIDE = """
select booked.signature from ledger_entries as booked
where
    booked.wallet_id = $1 and booked.intent_id is null and booked.signature is not null and booked.kind <> 'reversal'
    and not exists (
        select 1 from ledger_entries as later
        where
            later.wallet_id = $1 and later.signature = booked.signature
            and later.intent_id is null and later.kind = 'reversal'
    )
union
select adjustments.signature
from adjustments
inner join positions on adjustments.position_id = positions.id
where
    positions.wallet_id = $1 and adjustments.signature is not null and adjustments.reverses is null
    and not exists (select 1 from adjustments as later where later.reverses = adjustments.id)
"""
# Whoever changes what a wallet holds takes its row first; see positions.py.
LOCK_WALLET = "select id from user_wallets where id = $1 for no key update"
UPSERT_CHECK = """
insert into ledger_checks (wallet_id, slot, chain_lamports, booked_lamports, checked_at)
values ($1, $2, $3, $4, $5)
on conflict (wallet_id) do update
set
    slot = excluded.slot,
    chain_lamports = excluded.chain_lamports,
    booked_lamports = excluded.booked_lamports,
    checked_at = excluded.checked_at
where ledger_checks.slot <= excluded.slot
"""


class Ledger(Repository):
    """Implements `LedgerStore`."""

    async def wallet_ledger(self, wallet_id: str) -> WalletLedger:
        return await self._database.read(_wallet_ledger, wallet_id)

    async def ours(self, wallet_id: str, signatures: Sequence[str]) -> set[str]:
        return await self._database.read(ours, wallet_id, list(signatures))

    async def outside(self, wallet_id: str) -> list[str]:
        return await self._database.read(_outside, wallet_id)

    async def book(self, entries: Sequence[Entry], *, booked_lamports: int) -> bool:
        for entry in entries:
            check_legs(entry.legs)
        return await self._database.write(_book, list(entries), booked_lamports)

    async def keep_check(self, check: LedgerCheck) -> None:
        await self._database.write(_keep_check, check)


async def write_entry(connection: asyncpg.Connection, entry: Entry) -> None:
    """One entry, inside a unit of work; the database refuses it at the commit unless its legs sum to zero."""
    entry_id = await connection.fetchval(
        INSERT_ENTRY,
        entry.kind,
        entry.wallet_id,
        entry.intent_id,
        entry.position_id,
        entry.signature,
        entry.slot,
        None if entry.evidence is None else storable(entry.evidence),
        entry.landing,
    )
    await connection.executemany(INSERT_LEG, [(entry_id, leg.account, leg.lamports) for leg in entry.legs])


async def tokens_at_cost(connection: asyncpg.Connection, position_id: str) -> int:
    """What the market was paid for the tokens that a position still holds, in lamports, inside a unit of work."""
    return int(await connection.fetchval(SELECT_COST, position_id))


async def _wallet_ledger(connection: asyncpg.Connection, wallet_id: str) -> WalletLedger:
    """All reads see one moment: an entry between two of them would look like a difference."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        booked_lamports = int(await connection.fetchval(SELECT_BOOKED, wallet_id))
        opened_slot = await connection.fetchval(SELECT_OPENED, wallet_id)
        row = await connection.fetchrow(SELECT_CHECK, wallet_id)
    check = None
    if row is not None:
        check = LedgerCheck(
            wallet_id, row["slot"], row["chain_lamports"], row["booked_lamports"], at_ms=row["checked_at"]
        )
    return WalletLedger(booked_lamports, opened_slot, check)


async def ours(connection: asyncpg.Connection, wallet_id: str, signatures: list[str]) -> set[str]:
    """Which of these transactions the books of a wallet know, inside a unit of work.

    They are attempts of its orders, have an entry, or have put a quantity right: tokens alone that came in make no entry.
    """
    return {row["signature"] for row in await connection.fetch(SELECT_OURS, wallet_id, signatures)}


async def _outside(connection: asyncpg.Connection, wallet_id: str) -> list[str]:
    return sorted(row["signature"] for row in await connection.fetch(SELECT_OUTSIDE, wallet_id))


async def _book(connection: asyncpg.Connection, entries: list[Entry], booked_lamports: int) -> bool:
    for wallet_id in {entry.wallet_id for entry in entries}:
        if await connection.fetchval(LOCK_WALLET, wallet_id) is None:
            raise LookupError(f"there is no wallet {wallet_id}")
        if int(await connection.fetchval(SELECT_BOOKED, wallet_id)) != booked_lamports:
            return False
        signatures = [entry.signature for entry in entries if entry.signature is not None]
        if await connection.fetch(SELECT_OURS, wallet_id, signatures):
            return False
    for entry in entries:
        await write_entry(connection, entry)
    return True


async def _keep_check(connection: asyncpg.Connection, check: LedgerCheck) -> None:
    await connection.execute(
        UPSERT_CHECK, check.wallet_id, check.slot, check.chain_lamports, check.booked_lamports, check.at_ms
    )
