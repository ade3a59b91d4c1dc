"""Movements from outside that turn out to be orders of ours, in PostgreSQL: what stands of them in the books is taken back.

An exit may be known to the journal of a bot that died and to nothing else. Whoever looked at the chain meanwhile booked it
as a movement from outside; when the journal comes, further rows undo that, in the transaction that settles the order.
"""

from __future__ import annotations

import asyncpg

from bot.storage.database import Row
from bot.storage.ledger import write_entry
from bot.storage.ledger_rules import ours_after_all
from bot.storage.position_rules import Adjusted, position_unadjusted
from bot.storage.positions import position_of
from bot.storage.rules import no_position
from bot.trading.intent import Intent
from bot.trading.ledger import Account, Entry, EntryKind, Leg
from bot.trading.position import Position

SELECT_OUTSIDE = """
select ledger_entries.*, ledger_legs.account, ledger_legs.lamports
from ledger_entries
inner join ledger_legs on ledger_legs.entry_id = ledger_entries.id
where
    ledger_entries.wallet_id = $1
    and ledger_entries.signature = $2
    and ledger_entries.intent_id is null
    and ledger_entries.kind <> 'reversal'
    and not exists (
        select 1 from ledger_entries as later
        where
            later.wallet_id = $1 and later.signature = $2 and later.intent_id is null and later.kind = 'reversal'
    )
order by ledger_legs.id
"""
SELECT_ADJUSTMENT = """
select adjustments.*
from adjustments
inner join positions on adjustments.position_id = positions.id
where
    positions.wallet_id = $1
    and adjustments.signature = $2
    and adjustments.reverses is null
    and not exists (select 1 from adjustments as later where later.reverses = adjustments.id)
"""
INSERT_UNADJUSTMENT = """
insert into adjustments (
    position_id, before_token_raw, after_token_raw, before_cost_lamports, after_cost_lamports, evidence, adjusted_at,
    signature, proceeds_lamports, basis_lamports, reverses
)
select
    position_id, after_token_raw, before_token_raw, after_cost_lamports, before_cost_lamports, $2, $3,
    signature, -proceeds_lamports, -basis_lamports, id
from adjustments
where id = $1
"""


async def unadjusted(connection: asyncpg.Connection, intent: Intent, signature: str, now_ms: int) -> Position | None:
    """Take back what stands in the books of this transaction as a movement from outside, inside a unit of work.

    The position as it was before, which the caller writes with what the order did to it; None where nothing of it was
    adjusted. To be called before the order's own entry is made.
    """
    wallet_id = intent.request.wallet_id
    rows = await connection.fetch(SELECT_OUTSIDE, wallet_id, signature)
    if rows:
        await write_entry(connection, ours_after_all(_entry_of(rows), intent.id))
    adjustment = await connection.fetchrow(SELECT_ADJUSTMENT, wallet_id, signature)
    if adjustment is None:
        return None
    evidence = f"{signature} is an order of this bot after all, {intent.id}"
    await connection.execute(INSERT_UNADJUSTMENT, adjustment["id"], evidence, now_ms)
    position = await position_of(connection, adjustment["position_id"])
    if position is None:
        raise no_position(adjustment["position_id"])
    return position_unadjusted(
        position,
        Adjusted(
            token_raw=int(adjustment["before_token_raw"] - adjustment["after_token_raw"]),
            cost_lamports=adjustment["before_cost_lamports"] - adjustment["after_cost_lamports"],
            basis_lamports=adjustment["basis_lamports"],
            proceeds_lamports=adjustment["proceeds_lamports"],
        ),
    )


def _entry_of(rows: list[Row]) -> Entry:
    return Entry(
        kind=EntryKind(rows[0]["kind"]),
        wallet_id=rows[0]["wallet_id"],
        legs=tuple(Leg(Account(row["account"]), row["lamports"]) for row in rows),
        position_id=rows[0]["position_id"],
        signature=rows[0]["signature"],
        slot=rows[0]["slot"],
        landing=rows[0]["landing"],
    )
