"""Tokens of a written-off purchase, in PostgreSQL: a position, an adjustment row with the evidence, and the ledger's entry."""

from __future__ import annotations

import asyncpg

from bot.storage.ledger import write_entry
from bot.storage.ledger_rules import brought_entry
from bot.storage.position_rules import check_evidence, opens_by, position_with
from bot.storage.positions import INSERT_ADJUSTMENT, insert_position, standing_position, update_position
from bot.storage.rules import storable
from bot.storage.users import settings_of
from bot.trading.fill import Brought
from bot.trading.intent import Intent


async def take_in(connection: asyncpg.Connection, intent: Intent, brought: Brought, now_ms: int) -> None:
    """Give these tokens a position, inside the unit of work that ends their order and holds its wallet's row.

    The adjustment brought no lamports of its own: its cost stands against what the order's entry lost in the results.
    """
    check_evidence(brought.evidence)
    standing = await standing_position(connection, intent.request)
    settings = await settings_of(connection, intent.request.user_id)
    before, after = position_with(standing, intent, brought, settings=settings, now_ms=now_ms)
    await (insert_position if opens_by(standing) else update_position)(connection, after)
    await connection.execute(
        INSERT_ADJUSTMENT,
        after.id,
        before.token_raw,
        after.token_raw,
        before.cost_lamports,
        after.cost_lamports,
        storable(brought.evidence),
        now_ms,
        brought.signature,
        0,
        before.basis_lamports - after.basis_lamports,
        None,
    )
    entry = brought_entry(after, brought)
    if entry is not None:
        await write_entry(connection, entry)
