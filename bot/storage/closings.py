"""Closings of emptied token accounts in PostgreSQL: planned and booked in transactions that hold the wallet."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from bot.storage.admission import INSERT_INTENT, LOCK_WALLETS, SELECT_BY_KEY, columns_of
from bot.storage.closing_rules import is_booked_closing, planned_closing
from bot.storage.database import Repository
from bot.storage.intent_rows import attempts_of, intent_from, lock_intent, move_intent, resolve_attempt
from bot.storage.ledger import write_entry
from bot.storage.ledger_rules import closing_entry
from bot.storage.rules import no_wallet, wrong_state
from bot.storage.settlement import LOCK_WALLETS_OF_INTENTS
from bot.trading.fill import LandedTransaction
from bot.trading.intent import AttemptState, Intent, IntentState, TradeRequest, sources_of

SELECT_CLOSING = """
select 1 from intents
where wallet_id = $1 and side = 'close' and state in ('planned', 'signed', 'sent', 'unknown')
"""
# Those of the mints $2 whose accounts in the wallet $1 nothing else moves, in any mode.
SELECT_FREE = """
select asked.mint
from unnest($2::text[]) with ordinality as asked (mint, place)
where
    not exists (
        select 1 from positions
        where positions.wallet_id = $1 and positions.mint = asked.mint and positions.state = 'open'
    )
    and not exists (
        select 1 from intents
        where
            intents.wallet_id = $1 and intents.mint = asked.mint
            and intents.state in ('planned', 'signed', 'sent', 'unknown')
    )
    and not exists (
        select 1 from attempts
        inner join intents on attempts.intent_id = intents.id
        where attempts.state in ('signed', 'sent') and intents.wallet_id = $1 and intents.mint = asked.mint
    )
    and not exists (
        select 1 from attempts
        inner join intents on attempts.intent_id = intents.id
        where
            attempts.landed_slot is not null and not attempts.final
            and intents.wallet_id = $1 and intents.mint = asked.mint
    )
order by asked.place
"""
# By mint what the wallet's entries say that is locked in its token account.
SELECT_LOCKED = """
select intents.mint, sum(ledger_legs.lamports) as lamports
from ledger_entries
inner join intents on ledger_entries.intent_id = intents.id
inner join ledger_legs on ledger_legs.entry_id = ledger_entries.id
where ledger_entries.wallet_id = $1 and ledger_legs.account = 'rent' and intents.mint = any($2::text[])
group by intents.mint
"""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The arguments of `ClosingStore.plan_closing` as one record."""

    request: TradeRequest
    intent_id: str
    now_ms: int
    reserved_lamports: int


class Closings(Repository):
    """Implements `ClosingStore`."""

    async def plan_closing(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, reserved_lamports: int
    ) -> Intent | None:
        return await self._database.write(_plan, _Plan(request, intent_id, now_ms, reserved_lamports))

    async def settle_closing(self, intent_id: str, landed: LandedTransaction, *, now_ms: int) -> bool:
        return await self._database.write(_settle, intent_id, landed, now_ms)


async def _plan(connection: asyncpg.Connection, asked: _Plan) -> Intent | None:
    request = asked.request
    if not await connection.fetch(LOCK_WALLETS, [request.wallet_id], [request.user_id]):
        raise no_wallet(request.user_id, request.wallet_id)
    if (known := await connection.fetchrow(SELECT_BY_KEY, request.key)) is not None:
        return intent_from(known)
    if await connection.fetchval(SELECT_CLOSING, request.wallet_id) is not None:
        return None
    rows = await connection.fetch(SELECT_FREE, request.wallet_id, list(request.closes))
    free = tuple(row["mint"] for row in rows)
    if not free:
        return None
    intent = planned_closing(request, free, asked.intent_id, asked.reserved_lamports, asked.now_ms)
    await connection.execute(INSERT_INTENT, *columns_of(intent))
    return intent


async def _settle(connection: asyncpg.Connection, intent_id: str, landed: LandedTransaction, now_ms: int) -> bool:
    await connection.execute(LOCK_WALLETS_OF_INTENTS, [intent_id])
    intent = await lock_intent(connection, intent_id)
    if is_booked_closing(intent, await attempts_of(connection, intent_id), landed):
        return False
    if intent.state not in sources_of(IntentState.FILLED):
        raise wrong_state(intent_id, intent.state, IntentState.FILLED)
    landing = await resolve_attempt(connection, intent_id, landed.signature, AttemptState.LANDED, slot=landed.slot)
    rows = await connection.fetch(SELECT_LOCKED, intent.request.wallet_id, list(landed.closed))
    locked = {row["mint"]: int(row["lamports"]) for row in rows}
    await write_entry(connection, closing_entry(intent, landed, locked, landing))
    await move_intent(connection, intent, IntentState.FILLED, closed_at_ms=now_ms)
    return True
