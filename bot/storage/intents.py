"""Intents and their attempts in PostgreSQL: every step of the money road is one transaction here.

Locks are taken in one order, wallets' rows before intents' and each kind by id, so that two units of work never wait for
each other. What an exit writes on its way shares its transaction with whatever waits beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import Gate, MakeMessage, OutboxMessage, Settled, SnipeRun
from bot.storage.admission import SELECT_BY_KEY, Admission, admit_all
from bot.storage.brought import take_in
from bot.storage.database import Database, Repository, Row
from bot.storage.intent_rows import (
    SELECT_SIGNED,
    UPDATE_ATTEMPT_SENT,
    attempt_from,
    attempts_by_intent,
    attempts_of,
    insert_attempts,
    insert_first_attempts,
    intent_from,
    lock_intent,
    lock_intents,
    move_intent,
    move_intents,
    resolve_attempt,
)
from bot.storage.ledger import write_entry
from bot.storage.ledger_rules import fee_entry
from bot.storage.outbox import put_message
from bot.storage.outside import unadjusted
from bot.storage.positions import update_position
from bot.storage.read_together import ReadTogether
from bot.storage.rules import (
    SENDABLE,
    attempt_at_close,
    check_legs,
    ends_later,
    is_recorded,
    may_land,
    storable,
    unknown_signature,
    wrong_state,
)
from bot.storage.settlement import LOCK_WALLETS_OF_INTENTS, Settlement, settle_all
from bot.storage.together import Together
from bot.trading.fill import Brought, Fill
from bot.trading.intent import MAY_LAND, TERMINAL, Attempt, AttemptState, Intent, IntentState, TradeRequest, sources_of
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings
from bot.trading.risk_gate import Refused

SELECT_SOME = "select * from intents where id = any($1::text[])"
SELECT_IN_FLIGHT = """
select * from intents where state in ('planned', 'signed', 'sent', 'unknown') order by created_at, seq
"""
SELECT_UNPROVEN = """
select * from intents
where state = 'filled' and id in (select intent_id from attempts where state in ('signed', 'sent'))
order by created_at, seq
"""


class Intents(Repository):
    """Implements `IntentStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Limits are the user's, whichever of his wallets asks: what one admission reserves, the next one must see.
        self._admissions = Together(database, admit_all, lambda asked: (asked.request.user_id, asked.request.key))
        self._recordings = Together(database, _record_attempts, lambda attempt: (attempt.intent_id,))
        self._sendings = Together(database, _mark_sent)
        self._intents_read = ReadTogether(self._intents_of)
        self._settlements = Together(database, settle_all, lambda settlement: (settlement.intent_id,))

    async def admit(
        self,
        request: TradeRequest,
        *,
        intent_id: str,
        now_ms: int,
        wallet_lamports: int,
        unrealized_lamports: int,
        ceilings: Ceilings,
        pause_causes: Sequence[str],
        day_start_ms: int,
        gate: Gate,
        run: SnipeRun | None = None,
    ) -> Intent | Refused:
        admission = Admission(
            request=request,
            intent_id=intent_id,
            now_ms=now_ms,
            wallet_lamports=wallet_lamports,
            unrealized_lamports=unrealized_lamports,
            ceilings=ceilings,
            pause_causes=tuple(pause_causes),
            day_start_ms=day_start_ms,
            gate=gate,
            run=run,
        )
        return await self._admissions.write(admission)

    async def intent(self, intent_id: str) -> Intent | None:
        return await self._intents_read.read(intent_id)

    async def _intents_of(self, intent_ids: list[str]) -> dict[str, Intent]:
        rows = await self._database.read(_some, intent_ids)
        return {row["id"]: intent_from(row) for row in rows}

    async def intent_of(self, key: str) -> Intent | None:
        return await self._database.read(_intent_of, key)

    async def in_flight(self) -> list[tuple[Intent, list[Attempt]]]:
        return await self._database.read(_in_flight)

    async def unproven(self) -> list[tuple[Intent, list[Attempt]]]:
        return await self._database.read(_unproven)

    async def record_attempt(self, attempt: Attempt) -> None:
        await self._recordings.write(attempt)

    async def mark_sent(self, signature: str, now_ms: int) -> None:
        await self._sendings.write((signature, now_ms))

    async def mark_unknown(self, intent_id: str) -> None:
        await self._database.write(_mark_unknown, intent_id)

    async def close_unfilled(
        self,
        intent_id: str,
        state: IntentState,
        failure: str,
        *,
        now_ms: int,
        signature: str | None = None,
        slot: int | None = None,
        legs: Sequence[Leg] = (),
        message: OutboxMessage | None = None,
        brought: Brought | None = None,
    ) -> bool:
        attempt_state = attempt_at_close(state, signature)
        check_legs(legs)

        async def unit(connection: asyncpg.Connection) -> bool:
            if brought is not None:
                await connection.execute(LOCK_WALLETS_OF_INTENTS, [intent_id])
            intent = await lock_intent(connection, intent_id)
            attempts = await attempts_of(connection, intent_id)
            goes_on = ends_later(intent, attempts, signature)
            if goes_on and not may_land(attempts, signature):
                return False
            if intent.state not in TERMINAL and intent.state not in sources_of(state):
                raise wrong_state(intent_id, intent.state, state)
            text = storable(failure)
            if signature is not None and attempt_state is not None:
                await resolve_attempt(connection, intent_id, signature, attempt_state, text, slot=slot)
            if legs:
                if signature is not None and (restored := await unadjusted(connection, intent, signature, now_ms)):
                    await update_position(connection, restored)
                landed = next((row for row in attempts if row.signature == signature), None)
                await write_entry(connection, fee_entry(intent, landed, slot, legs))
            if brought is not None:
                await take_in(connection, intent, brought, now_ms)
            if goes_on:
                return False
            if message is not None:
                await put_message(connection, message)
            await move_intent(connection, intent, state, failure=text, closed_at_ms=now_ms)
            return True

        return await self._database.write(unit)

    async def settle(
        self, intent_id: str, fill: Fill, *, legs: Sequence[Leg], position_id: str, message: MakeMessage
    ) -> Settled:
        check_legs(legs)
        return await self._settlements.write(Settlement(intent_id, fill, tuple(legs), position_id, message))


async def _some(connection: asyncpg.Connection, intent_ids: list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_SOME, intent_ids)
    return rows


async def _intent_of(connection: asyncpg.Connection, key: str) -> Intent | None:
    row = await connection.fetchrow(SELECT_BY_KEY, key)
    return None if row is None else intent_from(row)


async def _in_flight(connection: asyncpg.Connection) -> list[tuple[Intent, list[Attempt]]]:
    return await _with_attempts(connection, SELECT_IN_FLIGHT)


async def _unproven(connection: asyncpg.Connection) -> list[tuple[Intent, list[Attempt]]]:
    found = await _with_attempts(connection, SELECT_UNPROVEN)
    return [(intent, [row for row in attempts if row.state in MAY_LAND]) for intent, attempts in found]


async def _with_attempts(connection: asyncpg.Connection, query: str) -> list[tuple[Intent, list[Attempt]]]:
    """Both reads see one moment: an intent without its attempts would look as if it had never been signed."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        intents = [intent_from(row) for row in await connection.fetch(query)]
        attempts = await attempts_by_intent(connection, [intent.id for intent in intents])
    return [(intent, attempts[intent.id]) for intent in intents]


async def _record_attempts(connection: asyncpg.Connection, attempts: Sequence[Attempt]) -> list[None]:
    """The first of each intent with one statement for all, and then those of intents that were signed before."""
    recorded = await insert_first_attempts(connection, attempts)
    beside = [attempt for attempt in attempts if attempt.intent_id not in recorded]
    if beside:
        await _record_beside(connection, beside)
    return [None] * len(attempts)


async def _record_beside(connection: asyncpg.Connection, attempts: Sequence[Attempt]) -> None:
    """Attempts of intents that are not, or not only, planned: each is held against what its intent has."""
    ids = [attempt.intent_id for attempt in attempts]
    intents, recorded = await lock_intents(connection, ids), await attempts_by_intent(connection, ids)
    new = [
        attempt
        for attempt in attempts
        if not is_recorded(intents[attempt.intent_id], recorded[attempt.intent_id], attempt)
    ]
    await insert_attempts(connection, new)
    for state, target in ((AttemptState.SIGNED, IntentState.SIGNED), (AttemptState.SENT, IntentState.SENT)):
        moving = [intents[attempt.intent_id] for attempt in new if attempt.state is state]
        if moving:
            await move_intents(connection, moving, target, sources=sources_of(IntentState.SIGNED))


async def _mark_sent(connection: asyncpg.Connection, leaving: Sequence[tuple[str, int]]) -> list[None]:
    """Signatures with the moment of each."""
    sent_at_ms = dict(leaving)
    owners = {row["signature"]: row["intent_id"] for row in await connection.fetch(SELECT_SIGNED, list(sent_at_ms))}
    for signature in sent_at_ms:
        if signature not in owners:
            raise unknown_signature(signature)
    intents = await lock_intents(connection, list(owners.values()))
    rows = [attempt_from(row) for row in await connection.fetch(SELECT_SIGNED, list(sent_at_ms))]
    signed = [attempt for attempt in rows if attempt.state is AttemptState.SIGNED]
    moving = [intents[attempt.intent_id] for attempt in signed]
    await move_intents(connection, moving, IntentState.SENT, sources=SENDABLE)
    await connection.executemany(
        UPDATE_ATTEMPT_SENT, [(attempt.signature, sent_at_ms[attempt.signature]) for attempt in signed]
    )
    return [None] * len(leaving)


async def _mark_unknown(connection: asyncpg.Connection, intent_id: str) -> None:
    intent = await lock_intent(connection, intent_id)
    if intent.state is not IntentState.UNKNOWN:
        await move_intent(connection, intent, IntentState.UNKNOWN)
