"""What a store wrote into its ledger and its audit, read past the port, which nobody needs to read them through."""

from __future__ import annotations

from typing import Any

from bot.ports import Store
from bot.storage.memory import MemoryStore
from bot.storage.memory_tables import AuditEntry
from bot.storage.rules import decode_payload
from bot.storage.spool import SpooledStore
from bot.storage.store import PostgresStore
from bot.trading.ledger import Account, Leg

SELECT_ENTRIES = """
select entries.id, entries.intent_id, entries.signature, legs.account, legs.lamports
from ledger_entries as entries left join ledger_legs as legs on legs.entry_id = entries.id
order by entries.id, legs.id
"""

SELECT_AUDIT = "select at, actor, action, facts from audit order by id"

Entry = tuple[str | None, str | None, tuple[Leg, ...]]


async def entries(store: Store) -> list[Entry]:
    """Intent, signature and legs of every ledger entry, in the order of writing."""
    store = _behind(store)
    if isinstance(store, MemoryStore):
        return [(entry.intent_id, entry.signature, entry.legs) for entry in store.ledger]
    assert isinstance(store, PostgresStore)
    found: dict[int, Entry] = {}
    for row in await store._database.read(_rows, SELECT_ENTRIES):
        intent_id, signature, legs = found.get(row["id"], (row["intent_id"], row["signature"], ()))
        if row["account"] is not None:
            legs = (*legs, Leg(Account(row["account"]), row["lamports"]))
        found[row["id"]] = (intent_id, signature, legs)
    return list(found.values())


async def audited(store: Store) -> list[AuditEntry]:
    """Every entry of the audit, in the order of writing. One of a program that wrote no facts has none."""
    store = _behind(store)
    if isinstance(store, MemoryStore):
        return list(store.audited)
    assert isinstance(store, PostgresStore)
    rows = await store._database.read(_rows, SELECT_AUDIT)
    return [AuditEntry(row["at"], row["actor"], row["action"], decode_payload(row["facts"] or "{}")) for row in rows]


def _behind(store: Store) -> Store:
    """The store that keeps the rows."""
    return store._store if isinstance(store, SpooledStore) else store


async def _rows(connection: Any, query: str) -> list[Any]:
    rows: list[Any] = await connection.fetch(query)
    return rows
