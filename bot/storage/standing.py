"""Standing orders of users, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import OutboxMessage
from bot.storage.database import Repository, Row
from bot.storage.outbox import put_message
from bot.storage.rules import no_wallet, storable
from bot.trading.intent import Mode
from bot.trading.standing import StandingKind, StandingOrder, StandingState

# Whoever else places one for this user waits.
LOCK_OWNER = """
select users.id from users
inner join user_wallets on user_wallets.user_id = users.id
where users.id = $1 and user_wallets.id = $2
for no key update of users
"""
SELECT_STANDING = "select * from standing_orders where id = $1"
COUNT_OPEN = "select count(*) from standing_orders where user_id = $1 and state = 'open'"
SELECT_OPEN = """
select * from standing_orders where state = 'open' and ($1::text is null or user_id = $1) order by seq
"""
INSERT_STANDING = """
insert into standing_orders (
    id, code, user_id, wallet_id, mode, kind, mint, price_lamports, spend_lamports, token_raw, sells_all, created_at,
    due_at, lapses_at, state, turn, is_firing, failures, why_code, why, version, closed_at, turns, filled, interval_ms
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25
)
"""
UPDATE_STANDING = """
update standing_orders
set
    due_at = $2, state = $3, turn = $4, is_firing = $5, failures = $6, why_code = $7, why = $8, version = $9,
    closed_at = $10, filled = $11
where id = $1 and state = 'open' and version = $9 - 1
returning id
"""


class Standings(Repository):
    """Implements `StandingStore`."""

    async def place_standing(self, order: StandingOrder, *, most_open: int) -> bool:
        return await self._database.write(_place, order, most_open)

    async def standing_order(self, order_id: str) -> StandingOrder | None:
        rows = await self._database.read(_one, order_id)
        return _standing(rows[0]) if rows else None

    async def standing_orders(self, user_id: str | None = None) -> list[StandingOrder]:
        return [_standing(row) for row in await self._database.read(_open, user_id)]

    async def move_standing(self, after: StandingOrder, message: OutboxMessage | None = None) -> bool:
        return await self._database.write(_move, after, message)


async def _place(connection: asyncpg.Connection, order: StandingOrder, most_open: int) -> bool:
    if await connection.fetchval(LOCK_OWNER, order.user_id, order.wallet_id) is None:
        raise no_wallet(order.user_id, order.wallet_id)
    if await connection.fetch(SELECT_STANDING, order.id):
        return True
    if await connection.fetchval(COUNT_OPEN, order.user_id) >= most_open:
        return False
    await connection.execute(
        INSERT_STANDING,
        order.id,
        order.code,
        order.user_id,
        order.wallet_id,
        order.mode,
        order.kind,
        order.mint,
        order.price_lamports,
        order.spend_lamports,
        order.token_raw,
        order.sells_all,
        order.created_at_ms,
        order.due_at_ms,
        order.lapses_at_ms,
        order.state,
        order.turn,
        order.is_firing,
        order.failures,
        order.why_code,
        storable(order.why),
        order.version,
        order.closed_at_ms,
        order.turns,
        order.filled,
        order.interval_ms,
    )
    return True


async def _one(connection: asyncpg.Connection, order_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_STANDING, order_id)
    return rows


async def _open(connection: asyncpg.Connection, user_id: str | None) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_OPEN, user_id)
    return rows


async def _move(connection: asyncpg.Connection, after: StandingOrder, message: OutboxMessage | None) -> bool:
    moved = await connection.fetchval(
        UPDATE_STANDING,
        after.id,
        after.due_at_ms,
        after.state,
        after.turn,
        after.is_firing,
        after.failures,
        after.why_code,
        storable(after.why),
        after.version,
        after.closed_at_ms,
        after.filled,
    )
    if moved is None:
        return False
    if message is not None:
        await put_message(connection, message)
    return True


def _standing(row: Row) -> StandingOrder:
    return StandingOrder(
        id=row["id"],
        code=row["code"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        mode=Mode(row["mode"]),
        kind=StandingKind(row["kind"]),
        mint=row["mint"],
        price_lamports=row["price_lamports"],
        created_at_ms=row["created_at"],
        due_at_ms=row["due_at"],
        spend_lamports=row["spend_lamports"],
        token_raw=row["token_raw"],
        sells_all=row["sells_all"],
        lapses_at_ms=row["lapses_at"],
        state=StandingState(row["state"]),
        turn=row["turn"],
        is_firing=row["is_firing"],
        failures=row["failures"],
        why_code=row["why_code"],
        why=row["why"],
        version=row["version"],
        closed_at_ms=row["closed_at"],
        turns=row["turns"],
        filled=row["filled"],
        interval_ms=row["interval_ms"],
    )
