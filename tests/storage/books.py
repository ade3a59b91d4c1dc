"""What a store wrote into its ledger, read past the port, which nobody needs to read it through."""

from __future__ import annotations

from typing import Any

from bot.ports import Store
from bot.storage.memory import MemoryStore
from bot.storage.store import PostgresStore
from bot.trading.ledger import Account, Leg

SELECT_ENTRIES = """
select entries.id, entries.intent_id, entries.signature, legs.account, legs.lamports
from ledger_entries as entries left join ledger_legs as legs on legs.entry_id = entries.id
order by entries.id, legs.id
"""

Entry = tuple[str, str | None, tuple[Leg, ...]]


async def entries(store: Store) -> list[Entry]:
    """Intent, signature and legs of every ledger entry, in the order of writing."""
    if isinstance(store, MemoryStore):
        return [(entry.intent_id, entry.signature, entry.legs) for entry in store.ledger]
    assert isinstance(store, PostgresStore)
    found: dict[int, Entry] = {}
    for row in await store._database.read(_rows):
        intent_id, signature, legs = found.get(row["id"], (row["intent_id"], row["signature"], ()))
        if row["account"] is not None:
            legs = (*legs, Leg(Account(row["account"]), row["lamports"]))
        found[row["id"]] = (intent_id, signature, legs)
    return list(found.values())


async def _rows(connection: Any) -> list[Any]:
    rows: list[Any] = await connection.fetch(SELECT_ENTRIES)
    return rows
