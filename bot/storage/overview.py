"""The sums behind status and top, in PostgreSQL: a few statements for all users together."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import Connections, ModeSums, OutboxMessage, Overview, Owner
from bot.storage.database import Repository, Row
from bot.storage.outbox import message_of
from bot.storage.positions import position_from
from bot.trading.intent import Mode
from bot.trading.position import Position

SELECT_PROGRAM = """
select
    (select count(*) from users) as users,
    (select count(*) from user_wallets) as wallets,
    (select count(*) from user_settings where snipe_enabled) as snipers,
    (select count(distinct address) from tracked_wallets) as followed,
    (select count(*) from snipe_runs where created_at >= $1 and status <> 'SKIPPED') as signals,
    (select max(block_time) from trades) as last_trade_at_ms
"""
# One row per mode that is asked for, in that order; a mode without anything has zeros.
SELECT_MODES = """
select
    asked.mode,
    held.open_positions,
    held.deployed_lamports,
    moving.reserved_lamports,
    moving.unproven,
    traded.buys,
    traded.sells,
    unfilled.failed,
    closed.won,
    closed.lost,
    made.realized_lamports,
    traded.fees_lamports + unfilled.paid_lamports + closings.paid_lamports + beside.paid_lamports as fees_lamports
from unnest($2::text[]) with ordinality as asked (mode, place)
cross join lateral (
    select count(*) as open_positions, coalesce(sum(cost_lamports), 0) as deployed_lamports
    from positions
    where state = 'open' and positions.mode = asked.mode
) as held
cross join lateral (
    select
        coalesce(sum(reserved_lamports), 0) as reserved_lamports,
        count(*) filter (where state = 'unknown') as unproven
    from intents
    where state in ('planned', 'signed', 'sent', 'unknown') and intents.mode = asked.mode
) as moving
cross join lateral (
    select
        count(*) filter (where side = 'buy') as buys,
        count(*) filter (where side = 'sell') as sells,
        coalesce(
            sum(
                protocol_fee_lamports + creator_fee_lamports + lp_fee_lamports + network_fee_lamports + tip_lamports
                + other_lamports
            ),
            0
        ) as fees_lamports
    from trades
    where block_time >= $1 and trades.mode = asked.mode
) as traded
cross join lateral (
    select coalesce(sum(lamports), 0) as realized_lamports
    from results
    where at >= $1 and results.mode = asked.mode
) as made
cross join lateral (
    select
        count(distinct intents.id) filter (where intents.side in ('buy', 'sell')) as failed,
        coalesce(-sum(ledger_legs.lamports), 0) as paid_lamports
    from intents
    left join ledger_entries on ledger_entries.intent_id = intents.id
    left join ledger_legs on ledger_legs.entry_id = ledger_entries.id and ledger_legs.account = 'wallet'
    where intents.state in ('failed', 'expired') and intents.closed_at >= $1 and intents.mode = asked.mode
) as unfilled
cross join lateral (
    select coalesce(sum(closing_costs.lamports), 0) as paid_lamports
    from closing_costs
    where closing_costs.at >= $1 and closing_costs.mode = asked.mode
) as closings
cross join lateral (
    select coalesce(sum(fees_beside.lamports), 0) as paid_lamports
    from fees_beside
    where fees_beside.at >= $1 and fees_beside.mode = asked.mode
) as beside
cross join lateral (
    select
        count(*) filter (where positions.realized_lamports > 0) as won,
        count(*) filter (where positions.realized_lamports <= 0) as lost
    from positions
    where
        state = 'closed' and closed_at >= $1 and positions.mode = asked.mode
        -- One whose only buy was taken back by the network has neither won nor lost.
        and exists (select 1 from trades where trades.position_id = positions.id)
        -- One of which all was swept to its user's safe address, and nothing sold, has neither won nor lost.
        and (
            positions.realized_lamports <> 0
            or not exists (
                select 1 from adjustments where adjustments.position_id = positions.id and adjustments.sweep_id is not null
            )
        )
) as closed
order by asked.place
"""
SELECT_OWNERS = """
select id, handle, null::text as mint from users where id = any($1::text[])
union all
select user_wallets.id, users.handle, null::text as mint
from user_wallets
inner join users on user_wallets.user_id = users.id
where user_wallets.id = any($1::text[])
union all
select positions.id, users.handle, positions.mint
from positions
inner join users on positions.user_id = users.id
where positions.id = any($1::text[])
"""
SELECT_OLDEST = "select * from positions where state = 'open' order by opened_at, seq limit $1"
SELECT_LATEST_MESSAGES = "select * from outbox where kind = any($1::text[]) order by seq desc limit $2"


class Overviews(Repository):
    """Implements `OverviewStore`."""

    async def overview(self, since_ms: int) -> Overview:
        return await self._database.read(_overview, since_ms)

    async def owners(self, ids: Sequence[str]) -> dict[str, Owner]:
        rows = await self._database.read(_owners, list(ids))
        return {row["id"]: Owner(row["handle"], row["mint"]) for row in rows}

    async def oldest_positions(self, limit: int) -> list[Position]:
        return [position_from(row) for row in await self._database.read(_oldest, limit)]

    async def latest_messages(self, kinds: Sequence[str], limit: int) -> list[OutboxMessage]:
        return [message_of(row) for row in await self._database.read(_latest_messages, list(kinds), limit)]

    def connections(self) -> Connections:
        pool = self._database.statistics()
        return Connections(pool.connections, pool.connections - pool.idle, pool.most, pool.wanted)


async def _overview(connection: asyncpg.Connection, since_ms: int) -> Overview:
    program = await connection.fetchrow(SELECT_PROGRAM, since_ms)
    modes = await connection.fetch(SELECT_MODES, since_ms, list(Mode))
    return Overview(**program, modes=tuple(ModeSums(**{**row, "mode": Mode(row["mode"])}) for row in modes))


async def _owners(connection: asyncpg.Connection, ids: list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_OWNERS, ids)
    return rows


async def _oldest(connection: asyncpg.Connection, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_OLDEST, limit)
    return rows


async def _latest_messages(connection: asyncpg.Connection, kinds: list[str], limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_LATEST_MESSAGES, kinds, limit)
    return rows
