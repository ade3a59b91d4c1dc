"""What has landed and is not final yet, in PostgreSQL, and the one transaction that takes a landing back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from bot.ports import LandedAttempt, MakeReversal, Reversed
from bot.storage.database import Repository, Row
from bot.storage.intent_rows import attempt_from, intent_from, lock_intents
from bot.storage.ledger import write_entry
from bot.storage.outbox import put_message
from bot.storage.position_rules import check_evidence
from bot.storage.positions import position_of, update_position
from bot.storage.reversal_rules import (
    Moved,
    Settledness,
    has_landed_there,
    position_before,
    reopened,
    reversal_entry,
    taken_back,
    undoes,
)
from bot.storage.rules import no_position, storable, unknown_signature, wrong_state
from bot.storage.snipe_runs import follow_intent
from bot.trading.fill import Fill
from bot.trading.intent import TERMINAL, Attempt, Intent, IntentState, Side, sources_of
from bot.trading.ledger import Account, Entry, EntryKind, Leg
from bot.trading.position import Position

SELECT_UNFINAL = """
select attempts.*
from attempts
inner join intents on attempts.intent_id = intents.id
where
    attempts.landed_slot is not null
    and not attempts.final
    and attempts.state in ('landed', 'landed_error')
    and ($1::text is null or intents.wallet_id = $1)
order by attempts.landed_slot, attempts.signature
limit $2
"""
SELECT_NEVER_LANDED = """
select * from attempts where signature = any($1::text[]) and state = 'expired' order by signature
"""
SELECT_INTENTS = "select * from intents where id = any($1::text[])"
SELECT_ATTEMPT = "select * from attempts where signature = $1"
FINALIZE = """
update attempts
set final = true
from unnest($1::text[], $2::bigint[]) as seen (signature, slot)
where
    attempts.signature = seen.signature
    and attempts.landed_slot = seen.slot
    and attempts.state in ('landed', 'landed_error')
"""
# Whoever changes what a wallet holds takes its row first; see positions.py.
LOCK_WALLET_OF_ATTEMPT = """
select user_wallets.id
from user_wallets
inner join intents on intents.wallet_id = user_wallets.id
inner join attempts on attempts.intent_id = intents.id
where attempts.signature = $1
for no key update of user_wallets
"""
# A fill and those of its wallet, mint and mode that were settled on top of it, the newest first.
SELECT_ON_TOP = """
select later.*
from trades as later
inner join trades as first
    on later.wallet_id = first.wallet_id and later.mint = first.mint and later.mode = first.mode
    and later.seq >= first.seq
where first.signature = $1
order by later.seq desc
"""
INSERT_REVERSAL = """
insert into reversals (trade_seq, intent_id, signature, evidence, reversed_at) values ($1, $2, $3, $4, $5)
"""
SELECT_ENTRY = """
select ledger_entries.*, ledger_legs.account, ledger_legs.lamports
from ledger_entries
inner join ledger_legs on ledger_legs.entry_id = ledger_entries.id
where
    ledger_entries.intent_id = $1
    and ledger_entries.signature = $2
    and ledger_entries.landing = $3
    and ledger_entries.kind <> 'reversal'
order by ledger_legs.id
"""
TAKE_BACK_ATTEMPT = """
update attempts
set state = $2, error = null, landed_slot = null, final = false, rollbacks = $3
where signature = $1
"""
# Guarded: only an intent that has ended, in one of the states $3, is on its way again.
REOPEN_INTENT = """
update intents
set state = 'sent', failure = null, closed_at = null, reserved_lamports = $2
where id = $1 and state = any($3::text[])
returning *
"""


@dataclass(frozen=True, slots=True)
class _Reversal:
    """The arguments of `FinalityStore.reverse` as one record."""

    signature: str
    landed_slot: int | None
    evidence: str
    now_ms: int
    message: MakeReversal


class Finality(Repository):
    """Implements `FinalityStore`."""

    async def unfinal(self, limit: int, wallet_id: str | None = None) -> list[LandedAttempt]:
        return await self._database.read(_unfinal, limit, wallet_id)

    async def never_landed(self, signatures: Sequence[str]) -> list[LandedAttempt]:
        return await self._database.read(_never_landed, list(signatures)) if signatures else []

    async def finalize(self, landed: Sequence[tuple[str, int]]) -> None:
        if landed:
            await self._database.write(_finalize, list(landed))

    async def reverse(
        self, signature: str, *, landed_slot: int | None, evidence: str, now_ms: int, message: MakeReversal
    ) -> list[Reversed]:
        check_evidence(evidence)
        return await self._database.write(
            _reverse, _Reversal(signature, landed_slot, storable(evidence), now_ms, message)
        )


async def _unfinal(connection: asyncpg.Connection, limit: int, wallet_id: str | None) -> list[LandedAttempt]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _with_intents(connection, await connection.fetch(SELECT_UNFINAL, wallet_id, limit))


async def _never_landed(connection: asyncpg.Connection, signatures: list[str]) -> list[LandedAttempt]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _with_intents(connection, await connection.fetch(SELECT_NEVER_LANDED, signatures))


async def _with_intents(connection: asyncpg.Connection, attempts: Sequence[Row]) -> list[LandedAttempt]:
    rows = await connection.fetch(SELECT_INTENTS, list({row["intent_id"] for row in attempts}))
    intents = {row["id"]: intent_from(row) for row in rows}
    return [LandedAttempt(intents[row["intent_id"]], attempt_from(row)) for row in attempts]


async def _finalize(connection: asyncpg.Connection, landed: list[tuple[str, int]]) -> None:
    await connection.execute(FINALIZE, [signature for signature, _ in landed], [slot for _, slot in landed])


async def _reverse(connection: asyncpg.Connection, asked: _Reversal) -> list[Reversed]:
    if await connection.fetchval(LOCK_WALLET_OF_ATTEMPT, asked.signature) is None:
        raise unknown_signature(asked.signature)
    attempt = attempt_from(await connection.fetchrow(SELECT_ATTEMPT, asked.signature))
    trades = await connection.fetch(SELECT_ON_TOP, asked.signature)
    intents = await lock_intents(connection, [attempt.intent_id, *(row["intent_id"] for row in trades)])
    attempt = attempt_from(await connection.fetchrow(SELECT_ATTEMPT, asked.signature))
    if not has_landed_there(attempt, asked.landed_slot):
        return []
    if not trades:
        return [await _undo(connection, asked, intents[attempt.intent_id], attempt, None)]
    done = []
    for row in trades:
        its_attempt = attempt_from(await connection.fetchrow(SELECT_ATTEMPT, row["signature"]))
        done.append(await _undo(connection, asked, intents[row["intent_id"]], its_attempt, row))
    return done


async def _undo(
    connection: asyncpg.Connection, asked: _Reversal, intent: Intent, attempt: Attempt, trade: Row | None
) -> Reversed:
    """One landing, with its trade where it had one; its position is the latest of what is undone by now."""
    slot = attempt.landed_slot if attempt.landed_slot is not None else 0
    position = None
    if trade is not None:
        slot = trade["slot"]
        position = await _undo_trade(connection, asked, intent, trade)
    await _undo_entry(connection, asked, intent, attempt, slot)
    back = taken_back(attempt)
    await connection.execute(TAKE_BACK_ATTEMPT, back.signature, back.state, back.rollbacks)
    # Its fill by another attempt stands: then only this one is followed again.
    if trade is not None or undoes(intent, attempt):
        intent = await _reopen(connection, intent)
    told = Reversed(intent, back, slot, None if trade is None else _fill_of(trade), position)
    if (message := asked.message(told)) is not None:
        await put_message(connection, message)
    return told


async def _undo_trade(connection: asyncpg.Connection, asked: _Reversal, intent: Intent, trade: Row) -> Position:
    now = await position_of(connection, trade["position_id"])
    if now is None:
        raise no_position(trade["position_id"])
    moved = Moved(
        trade["token_raw"] if trade["position_raw"] is None else trade["position_raw"], trade["basis_lamports"]
    )
    done = Settledness(_fill_of(trade), now.id, trade["realized_lamports"], moved)
    before = position_before(now, intent, done, asked.now_ms)
    await update_position(connection, before)
    await connection.execute(INSERT_REVERSAL, trade["seq"], intent.id, trade["signature"], asked.evidence, asked.now_ms)
    return before


async def _undo_entry(
    connection: asyncpg.Connection, asked: _Reversal, intent: Intent, attempt: Attempt, slot: int
) -> None:
    rows = await connection.fetch(SELECT_ENTRY, intent.id, attempt.signature, attempt.rollbacks)
    if not rows:
        return
    entry = Entry(
        kind=EntryKind(rows[0]["kind"]),
        wallet_id=rows[0]["wallet_id"],
        legs=tuple(Leg(Account(row["account"]), row["lamports"]) for row in rows),
        intent_id=intent.id,
        position_id=rows[0]["position_id"],
        signature=attempt.signature,
        landing=attempt.rollbacks,
    )
    await write_entry(connection, reversal_entry(entry, slot, asked.evidence))


async def _reopen(connection: asyncpg.Connection, intent: Intent) -> Intent:
    """Guarded by its state; one that is on its way by another attempt stays as it is."""
    if intent.state not in TERMINAL:
        return intent
    sources = sorted(sources_of(IntentState.SENT) & TERMINAL)
    row = await connection.fetchrow(REOPEN_INTENT, intent.id, reopened(intent).reserved_lamports, sources)
    if row is None:
        raise wrong_state(intent.id, intent.state, IntentState.SENT)
    moved = intent_from(row)
    await follow_intent(connection, moved)
    return moved


def _fill_of(trade: Row) -> Fill:
    return Fill(
        signature=trade["signature"],
        slot=trade["slot"],
        block_time_s=trade["block_time"] // 1000,
        side=Side(trade["side"]),
        token_raw=trade["token_raw"],
        quote_lamports=trade["quote_lamports"],
        protocol_fee_lamports=trade["protocol_fee_lamports"],
        creator_fee_lamports=trade["creator_fee_lamports"],
        network_fee_lamports=trade["network_fee_lamports"],
        rent_lamports=trade["rent_lamports"],
        other_lamports=trade["other_lamports"],
        wallet_delta_lamports=trade["wallet_delta_lamports"],
        lp_fee_lamports=trade["lp_fee_lamports"],
        tip_lamports=trade["tip_lamports"],
    )
