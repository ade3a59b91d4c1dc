"""Allowed addresses and withdrawals in PostgreSQL: written, planned and booked in transactions that hold the wallet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from bot.errors import Conflict
from bot.ports import AllowedAddress, OutboxMessage, SealedNote
from bot.storage.admission import INSERT_INTENT, LOCK_WALLETS, SELECT_BY_KEY, columns_of
from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.intent_rows import attempts_of, intent_from, lock_intent, move_intent, resolve_attempt
from bot.storage.ledger import write_entry
from bot.storage.notes import put_notes
from bot.storage.outbox import put_message
from bot.storage.rules import no_wallet, wrong_state
from bot.storage.settlement import LOCK_WALLETS_OF_INTENTS
from bot.storage.withdrawal_rules import (
    ADDRESS_REMOVED,
    NOT_ALLOWED,
    ON_ITS_WAY,
    action_of,
    is_booked_withdrawal,
    judged_withdrawal,
    withdrawal_entry,
)
from bot.trading.fill import LandedTransaction
from bot.trading.intent import AttemptState, Intent, IntentState, TradeRequest, sources_of
from bot.trading.ledger import Leg
from bot.trading.risk_gate import Refused

SELECT_ADDRESSES = """
select id, user_id, wallet_id, address, not_before, added_at, is_safe from allowed_addresses where user_id = $1 order by seq
"""
INSERT_ADDRESS = """
insert into allowed_addresses (id, user_id, wallet_id, address, not_before, added_at, is_safe)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (wallet_id, address, is_safe) do nothing
returning id
"""
DELETE_ADDRESS = """
delete from allowed_addresses where user_id = $1 and id = $2
returning id, user_id, wallet_id, address, not_before, added_at, is_safe
"""
SELECT_ADDRESS = "select 1 from allowed_addresses where wallet_id = $1 and address = $2 and is_safe = $3"
# What a withdrawal has to leave alone: orders on their way, and the positions that the wallet has or is about to have.
SELECT_KEPT = """
select
    (
        select coalesce(sum(reserved_lamports), 0) from intents
        where wallet_id = $1 and state in ('planned', 'signed', 'sent', 'unknown')
    ) as reserved_lamports,
    (select count(*) from positions where wallet_id = $1 and state = 'open') + (
        select count(distinct mint) from intents
        where
            wallet_id = $1 and side = 'buy' and state in ('planned', 'signed', 'sent', 'unknown')
            and mint not in (select mint from positions where wallet_id = $1 and state = 'open')
    ) as open_positions,
    exists (
        select 1 from intents
        where wallet_id = $1 and side = 'withdraw' and state in ('planned', 'signed', 'sent', 'unknown')
    ) as is_withdrawing
"""


@dataclass(frozen=True, slots=True)
class _Landing:
    """The arguments of `WithdrawalStore.settle_withdrawal` as one record."""

    intent_id: str
    landed: LandedTransaction
    legs: tuple[Leg, ...]
    message: OutboxMessage
    now_ms: int


class WithdrawalRows(Repository):
    """Implements `WithdrawalStore`."""

    async def allowed_addresses(self, user_id: str) -> list[AllowedAddress]:
        return [_address(row) for row in await self._database.read(_addresses, user_id)]

    async def allow_address(
        self, row: AllowedAddress, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await self._database.write(_allow, row, dict(notes), message, now_ms)

    async def remove_address(self, user_id: str, address_id: str, now_ms: int) -> bool:
        return await self._database.write(_remove, user_id, address_id, now_ms)

    async def plan_withdrawal(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, wallet_lamports: int
    ) -> Intent | Refused:
        return await self._database.write(_plan, request, intent_id, now_ms, wallet_lamports)

    async def settle_withdrawal(
        self, intent_id: str, landed: LandedTransaction, *, legs: tuple[Leg, ...], message: OutboxMessage, now_ms: int
    ) -> bool:
        return await self._database.write(_settle, _Landing(intent_id, landed, legs, message, now_ms))


async def _addresses(connection: asyncpg.Connection, user_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_ADDRESSES, user_id)
    return rows


def _address(row: Row) -> AllowedAddress:
    return AllowedAddress(
        row["id"], row["user_id"], row["wallet_id"], row["address"], row["not_before"], row["added_at"], row["is_safe"]
    )


async def _hold(connection: asyncpg.Connection, user_id: str, wallet_id: str) -> None:
    if not await connection.fetch(LOCK_WALLETS, [wallet_id], [user_id]):
        raise no_wallet(user_id, wallet_id)


async def _allow(
    connection: asyncpg.Connection,
    row: AllowedAddress,
    notes: dict[str, SealedNote],
    message: OutboxMessage,
    now_ms: int,
) -> None:
    await _hold(connection, row.user_id, row.wallet_id)
    inserted = await connection.fetchval(
        INSERT_ADDRESS, row.id, row.user_id, row.wallet_id, row.address, row.not_before_ms, row.added_at_ms, row.is_safe
    )
    if inserted is None:
        raise Conflict(f"wallet {row.wallet_id} has the address {row.address} already")
    await put_notes(connection, row.user_id, notes, now_ms)
    await put_message(connection, message)
    facts = {"wallet": row.wallet_id, "address": row.address}
    await put_audit(connection, row.user_id, action_of(row), facts, now_ms)


async def _remove(connection: asyncpg.Connection, user_id: str, address_id: str, now_ms: int) -> bool:
    gone = await connection.fetchrow(DELETE_ADDRESS, user_id, address_id)
    if gone is None:
        return False
    row = _address(gone)
    await put_notes(connection, user_id, {row.note: None}, now_ms)
    await put_audit(connection, user_id, ADDRESS_REMOVED, {"wallet": row.wallet_id, "address": row.address}, now_ms)
    return True


async def _plan(
    connection: asyncpg.Connection, request: TradeRequest, intent_id: str, now_ms: int, wallet_lamports: int
) -> Intent | Refused:
    await _hold(connection, request.user_id, request.wallet_id)
    if (known := await connection.fetchrow(SELECT_BY_KEY, request.key)) is not None:
        return intent_from(known)
    if await connection.fetchval(SELECT_ADDRESS, request.wallet_id, request.to_address, request.is_sweep) is None:
        return NOT_ALLOWED
    kept = await connection.fetchrow(SELECT_KEPT, request.wallet_id)
    if kept["is_withdrawing"]:
        return ON_ITS_WAY
    intent = judged_withdrawal(
        request,
        intent_id,
        now_ms,
        wallet_lamports=wallet_lamports,
        reserved_for_others=int(kept["reserved_lamports"]),
        open_positions=kept["open_positions"],
    )
    if isinstance(intent, Intent):
        await connection.execute(INSERT_INTENT, *columns_of(intent))
    return intent


async def _settle(connection: asyncpg.Connection, asked: _Landing) -> bool:
    await connection.execute(LOCK_WALLETS_OF_INTENTS, [asked.intent_id])
    intent, landed = await lock_intent(connection, asked.intent_id), asked.landed
    if is_booked_withdrawal(intent, await attempts_of(connection, intent.id), landed):
        return False
    if intent.state not in sources_of(IntentState.FILLED):
        raise wrong_state(intent.id, intent.state, IntentState.FILLED)
    landing = await resolve_attempt(connection, intent.id, landed.signature, AttemptState.LANDED, slot=landed.slot)
    await write_entry(connection, withdrawal_entry(intent, landed, asked.legs, landing))
    await move_intent(connection, intent, IntentState.FILLED, closed_at_ms=asked.now_ms)
    await put_message(connection, asked.message)
    return True
