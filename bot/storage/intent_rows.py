"""Rows of intents and attempts, and the one statement that moves an intent from state to state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import asyncpg

from bot.storage.columns import by_column
from bot.storage.database import Row
from bot.storage.rules import RUN_STATUS_OF, no_attempt, no_intent, wrong_state
from bot.storage.snipe_runs import follow_intent
from bot.trading.intent import (
    Attempt,
    AttemptState,
    Context,
    Intent,
    IntentState,
    Mode,
    Protection,
    Side,
    TradeRequest,
    sources_of,
)

SELECT_INTENT = "select * from intents where id = $1"
# `no key` lets rows that refer to the intents be written meanwhile. In one order, whoever locks several.
LOCK_INTENTS = "select * from intents where id = any($1::text[]) order by id for no key update"
# Guarded: an intent that is not in one of the states $3 is not touched. An end ($5) releases the reservation.
MOVE_INTENT = """
update intents
set
    state = $2,
    failure = coalesce($4, failure),
    closed_at = $5,
    reserved_lamports = case when $5::timestamptz is null then reserved_lamports else 0 end
where id = $1 and state = any($3::text[])
returning *
"""
# The same for several that go on; none of them ends by it.
MOVE_INTENTS = "update intents set state = $2 where id = any($1::text[]) and state = any($3::text[]) returning id"
SELECT_SIGNED = "select * from attempts where signature = any($1::text[])"
SELECT_ATTEMPTS = "select * from attempts where intent_id = any($1::text[]) order by number"
INSERT_ATTEMPT = """
insert into attempts (
    signature, intent_id, number, raw, last_valid_block_height, token_raw, limit_raw, state, error, created_at,
    sells_all, fee_lamports, sent_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
# Attempts of intents that are planned, which therefore have none yet; $1 to $12 are columns, $13 what each intent becomes.
# Intents are locked in the order of their ids, as everywhere; those in other states are left to whoever looks closer.
INSERT_FIRST_ATTEMPTS = """
with locked as (
    select id from intents where id = any($2::text[]) order by id for no key update
),
first as (
    select * from unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::numeric[], $7::numeric[], $8::text[],
        $9::timestamptz[], $10::boolean[], $11::bigint[], $12::timestamptz[], $13::text[]
    ) as first (
        signature, intent_id, number, raw, last_valid_block_height, token_raw, limit_raw, state, created_at, sells_all,
        fee_lamports, sent_at, intent_state
    )
),
moved as (
    update intents set state = first.intent_state
    from first inner join locked on first.intent_id = locked.id
    where intents.id = locked.id and intents.state = 'planned'
    returning intents.id
)
insert into attempts (
    signature, intent_id, number, raw, last_valid_block_height, token_raw, limit_raw, state, created_at, sells_all,
    fee_lamports, sent_at
)
select
    signature, intent_id, number, raw, last_valid_block_height, token_raw, limit_raw, state, created_at, sells_all,
    fee_lamports, sent_at
from first where intent_id in (select id from moved)
returning intent_id
"""
UPDATE_ATTEMPT = """
update attempts
set state = $3, error = coalesce($4, error), landed_slot = $5
where signature = $1 and intent_id = $2
returning rollbacks
"""
UPDATE_ATTEMPT_SENT = "update attempts set state = 'sent', sent_at = $2 where signature = $1"

# What an intent becomes by its first attempt.
_INTENT_OF = {AttemptState.SIGNED: IntentState.SIGNED, AttemptState.SENT: IntentState.SENT}


async def lock_intent(connection: asyncpg.Connection, intent_id: str) -> Intent:
    """An intent that nobody else moves until this unit of work ends; raises LookupError when there is none."""
    return (await lock_intents(connection, [intent_id]))[intent_id]


async def lock_intents(connection: asyncpg.Connection, intent_ids: Sequence[str]) -> dict[str, Intent]:
    """The same for several, by id; raises LookupError when one of them is not there."""
    found = {row["id"]: intent_from(row) for row in await connection.fetch(LOCK_INTENTS, intent_ids)}
    for intent_id in intent_ids:
        if intent_id not in found:
            raise no_intent(intent_id)
    return found


async def move_intent(
    connection: asyncpg.Connection,
    intent: Intent,
    target: IntentState,
    *,
    sources: frozenset[IntentState] | None = None,
    failure: str | None = None,
    closed_at_ms: int | None = None,
) -> Intent:
    """Move an intent to `target` and let its snipe run follow; an end names its moment.

    `sources` are the states that allow it, by default those of `sources_of`. Raises Conflict from any other state.
    """
    allowed = sorted(sources_of(target) if sources is None else sources)
    row = await connection.fetchrow(MOVE_INTENT, intent.id, target, allowed, failure, closed_at_ms)
    if row is None:
        raise wrong_state(intent.id, intent.state, target)
    moved = intent_from(row)
    await follow_intent(connection, moved)
    return moved


async def move_intents(
    connection: asyncpg.Connection,
    intents: Iterable[Intent],
    target: IntentState,
    *,
    sources: frozenset[IntentState] | None = None,
) -> None:
    """`move_intent` for several that do not end by it: each is guarded by its own state, and one Conflict undoes all.

    A snipe run that says already what it would say then is left alone.
    """
    allowed, asked = sorted(sources_of(target) if sources is None else sources), list(intents)
    rows = await connection.fetch(MOVE_INTENTS, [intent.id for intent in asked], target, allowed)
    moved = {row["id"] for row in rows}
    for intent in asked:
        if intent.id not in moved:
            raise wrong_state(intent.id, intent.state, target)
        if RUN_STATUS_OF[intent.state] != RUN_STATUS_OF[target]:
            await follow_intent(connection, replace(intent, state=target))


async def attempts_of(connection: asyncpg.Connection, intent_id: str) -> list[Attempt]:
    """An intent's attempts in order."""
    return (await attempts_by_intent(connection, [intent_id]))[intent_id]


async def attempts_by_intent(connection: asyncpg.Connection, intent_ids: Iterable[str]) -> dict[str, list[Attempt]]:
    """The attempts of each of several intents in order."""
    found: dict[str, list[Attempt]] = {intent_id: [] for intent_id in intent_ids}
    for row in await connection.fetch(SELECT_ATTEMPTS, list(found)):
        found[row["intent_id"]].append(attempt_from(row))
    return found


async def insert_first_attempts(connection: asyncpg.Connection, attempts: Sequence[Attempt]) -> set[str]:
    """Write attempts of planned intents, each of another one, and move these; the ids of the intents that were moved.

    An attempt that could not be an intent's first, by its number or state, is left out.
    """
    fit = [attempt for attempt in attempts if attempt.number == 1 and attempt.state in _INTENT_OF]
    if not fit:
        return set()
    rows = [
        (
            attempt.signature,
            attempt.intent_id,
            attempt.number,
            attempt.raw,
            attempt.last_valid_block_height,
            attempt.token_raw,
            attempt.limit_raw,
            attempt.state,
            attempt.created_at_ms,
            attempt.sells_all,
            attempt.fee_lamports,
            attempt.created_at_ms if attempt.state is AttemptState.SENT else None,
            _INTENT_OF[attempt.state],
        )
        for attempt in fit
    ]
    found = await connection.fetch(INSERT_FIRST_ATTEMPTS, *by_column(rows))
    return {row["intent_id"] for row in found}


async def insert_attempts(connection: asyncpg.Connection, attempts: Iterable[Attempt]) -> None:
    """Write attempts; a Conflict when the signature or number of one is there. Who is `sent` leaves as it is made."""
    await connection.executemany(
        INSERT_ATTEMPT,
        [
            (
                attempt.signature,
                attempt.intent_id,
                attempt.number,
                attempt.raw,
                attempt.last_valid_block_height,
                attempt.token_raw,
                attempt.limit_raw,
                attempt.state,
                attempt.error,
                attempt.created_at_ms,
                attempt.sells_all,
                attempt.fee_lamports,
                attempt.created_at_ms if attempt.state is AttemptState.SENT else None,
            )
            for attempt in attempts
        ],
    )


async def resolve_attempt(
    connection: asyncpg.Connection,
    intent_id: str,
    signature: str,
    state: AttemptState,
    error: str | None = None,
    *,
    slot: int | None = None,
) -> int:
    """Write how an attempt of an intent ended, and in which slot it landed; how often it was taken back before.

    Raises LookupError when it is no attempt of it.
    """
    rollbacks = await connection.fetchval(UPDATE_ATTEMPT, signature, intent_id, state, error, slot)
    if rollbacks is None:
        raise no_attempt(intent_id, signature)
    return int(rollbacks)


def intent_from(row: Row) -> Intent:
    """A row of `intents`."""
    request = TradeRequest(
        key=row["key"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        mode=Mode(row["mode"]),
        side=Side(row["side"]),
        mint=row["mint"],
        context=Context(row["context"]),
        slippage_bps=row["slippage_bps"],
        protection=Protection(row["protection"]),
        causation_id=row["causation_id"],
        reason=row["reason"],
        spend_lamports=row["spend_lamports"],
        token_raw=row["token_raw"],
        share_bps=row["share_bps"],
        min_token_raw=row["min_token_raw"],
        min_lamports=row["min_lamports"],
        keep_account=row["keep_account"],
        position_id=row["position_id"],
        closes=tuple(row["closes"]),
        evidence=row["evidence"],
        to_address=row["to_address"],
    )
    return Intent(
        id=row["id"],
        request=request,
        state=IntentState(row["state"]),
        reserved_lamports=row["reserved_lamports"],
        created_at_ms=row["created_at"],
        failure=row["failure"],
    )


def attempt_from(row: Row) -> Attempt:
    """A row of `attempts`."""
    return Attempt(
        signature=row["signature"],
        intent_id=row["intent_id"],
        number=row["number"],
        raw=row["raw"],
        last_valid_block_height=row["last_valid_block_height"],
        token_raw=row["token_raw"],
        limit_raw=row["limit_raw"],
        state=AttemptState(row["state"]),
        created_at_ms=row["created_at"],
        error=row["error"],
        sells_all=row["sells_all"],
        fee_lamports=row["fee_lamports"],
        landed_slot=row["landed_slot"],
        final=row["final"],
        rollbacks=row["rollbacks"],
    )
