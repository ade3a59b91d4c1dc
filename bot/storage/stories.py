"""The rows of one order together, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import Booked, Landed, OrderStory, SentAttempt, Told
from bot.storage.database import Repository
from bot.storage.intent_rows import SELECT_ATTEMPTS, SELECT_INTENT, attempt_from, intent_from
from bot.storage.rules import run_of
from bot.storage.snipe_runs import run_from
from bot.trading.intent import Intent
from bot.trading.ledger import Account, Entry, EntryKind, Leg

SELECT_ORDERS = """
select id from intents
where
    id = $1
    or position_id = $1
    or id in (select intent_id from attempts where signature = $1)
    or id in (select intent_id from settled_trades where position_id = $1)
    or id in (
        select closings.id from intents as closings
        inner join positions
            on closings.wallet_id = positions.wallet_id
            and closings.mode = positions.mode
            and positions.mint = any(closings.closes)
        where
            positions.id = $1
            and closings.side = 'close'
            and closings.state in ('filled', 'failed')
            and closings.created_at >= positions.opened_at
    )
order by created_at, seq
"""
SELECT_RUN = "select * from snipe_runs where id = $1"
SELECT_TRADE = "select * from trades where intent_id = $1"
SELECT_BOOKED = """
select ledger_entries.*, ledger_legs.account, ledger_legs.lamports
from ledger_entries
left join ledger_legs on ledger_legs.entry_id = ledger_entries.id
where ledger_entries.intent_id = $1
order by ledger_entries.id, ledger_legs.id
"""
SELECT_TOLD = "select kind, created_at, delivered_at from outbox where trace_id = $1 order by created_at, seq"


class Stories(Repository):
    """Implements `StoryStore`."""

    async def orders_of(self, word: str) -> Sequence[str]:
        return await self._database.read(_orders_of, word)

    async def order_story(self, intent_id: str) -> OrderStory | None:
        return await self._database.read(_order_story, intent_id)


async def _orders_of(connection: asyncpg.Connection, word: str) -> list[str]:
    return [row["id"] for row in await connection.fetch(SELECT_ORDERS, word)]


async def _order_story(connection: asyncpg.Connection, intent_id: str) -> OrderStory | None:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(SELECT_INTENT, intent_id)
        if row is None:
            return None
        intent = intent_from(row)
        run_id = run_of(intent.request)
        run = None if run_id is None else await connection.fetchrow(SELECT_RUN, run_id)
        attempts = await connection.fetch(SELECT_ATTEMPTS, [intent_id])
        trade = await connection.fetchrow(SELECT_TRADE, intent_id)
        booked = await _booked(connection, intent)
        told = await connection.fetch(SELECT_TOLD, intent_id)
    return OrderStory(
        intent=intent,
        closed_at_ms=row["closed_at"],
        run=None if run is None else run_from(run),
        attempts=tuple(SentAttempt(attempt_from(one), one["sent_at"]) for one in attempts),
        landed=None if trade is None else _landed(trade),
        booked=booked,
        told=tuple(Told(one["kind"], one["created_at"], one["delivered_at"]) for one in told),
    )


async def _booked(connection: asyncpg.Connection, intent: Intent) -> tuple[Booked, ...]:
    legs: dict[int, list[Leg]] = {}
    rows = {}
    for row in await connection.fetch(SELECT_BOOKED, intent.id):
        rows[row["id"]] = row
        if row["account"] is not None:
            legs.setdefault(row["id"], []).append(Leg(Account(row["account"]), row["lamports"]))
    return tuple(
        Booked(
            Entry(
                kind=EntryKind(row["kind"]),
                wallet_id=row["wallet_id"],
                legs=tuple(legs.get(entry_id, ())),
                intent_id=intent.id,
                position_id=row["position_id"],
                signature=row["signature"],
                slot=row["slot"],
                evidence=row["evidence"],
                landing=row["landing"],
            ),
            row["written_at"],
        )
        for entry_id, row in rows.items()
    )


def _landed(trade: asyncpg.Record) -> Landed:
    return Landed(
        signature=trade["signature"],
        slot=trade["slot"],
        block_time_ms=trade["block_time"],
        position_id=trade["position_id"],
        token_raw=trade["token_raw"],
        realized_lamports=trade["realized_lamports"],
    )
