"""Users who show their results to others, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user, storable
from bot.storage.trader_rules import CAME_BACK, DELISTED, LISTED
from bot.storage.users import LOCK_USER
from bot.trading.intent import Mode
from bot.trading.reputation import ClosedTrade
from bot.trading.trader import HANDLES_MAX, Trader, likeness, mark_of, unnamed

# What two people want at once only one of them gets; the other one's statement changes nothing.
TAKEN = "select 1 from trader_handles where likeness = any($1::text[]) and user_id is distinct from $2"
COUNT_HANDLES = "select count(*) from trader_handles where user_id = $1 and likeness <> $2"
LOCK_HANDLES = "lock table trader_handles in share row exclusive mode"
UPSERT_HANDLE = """
insert into trader_handles (likeness, handle, user_id, taken_at) values ($1, $2, $3, $4)
on conflict (likeness) do update set handle = excluded.handle
"""
SELECT_HANDLES = "select handle from trader_handles where user_id = $1 order by taken_at, handle"
UPSERT_SHARE = """
insert into trader_shares (user_id, since, share_bps) select user_id, $2, $3 from traders where user_id = $1
on conflict (user_id, since) do update set share_bps = excluded.share_bps
"""
UPSERT_KEPT_SHARE = """
insert into trader_shares (user_id, since, share_bps) select user_id, $2, share_bps from traders where user_id = $1
on conflict (user_id, since) do update set share_bps = excluded.share_bps
"""
UPSERT_TRADER = """
insert into traders (user_id, handle, likeness, share_bps, opened_at) values ($1, $2, $3, $4, $5)
on conflict (user_id) do update set handle = excluded.handle, likeness = excluded.likeness
"""
HIDE_TRADER = (
    "update traders set handle = null, likeness = null where user_id = $1 and handle is not null returning seq"
)
UPDATE_SHARE = "update traders set share_bps = $2 where user_id = $1 and handle is not null returning seq"
UPDATE_DELISTED = "update traders set delisted_why = $2 where user_id = $1 returning seq"
SELECT_TELEGRAM_ID = "select telegram_id from users where id = $1"
SELECT_DELISTED_LEAVER = "select why from delisted_leavers where person = $1"
DELETE_DELISTED_LEAVER = "delete from delisted_leavers where person = $1"
SELECT_TRADERS = "select * from traders where handle is not null order by seq"
SELECT_TRADER = "select * from traders where user_id = $1 and handle is not null"
SELECT_DELISTED = "select delisted_why from traders where user_id = $1"
SELECT_BY_HANDLE = "select * from traders where handle = $1"
SELECT_CLOSED_TRADES = """
select
    asked.user_id,
    closed.mint,
    closed.realized_lamports,
    closed.closed_at,
    closed.cost_lamports
from unnest($1::text[]) as asked (user_id)
cross join lateral (
    select
        positions.seq,
        positions.mint,
        positions.realized_lamports,
        positions.closed_at,
        coalesce(
            sum(-trades.wallet_delta_lamports - trades.rent_lamports) filter (where trades.side = 'buy'), 0
        )::bigint as cost_lamports
    from positions
    inner join trades on trades.position_id = positions.id
    where
        positions.user_id = asked.user_id and positions.mode = $2 and positions.state = 'closed'
        and positions.closed_at >= $3
        -- One of which all was swept to its user's safe address, and nothing sold, has neither won nor lost.
        and (
            positions.realized_lamports <> 0
            or not exists (
                select 1 from adjustments where adjustments.position_id = positions.id and adjustments.sweep_id is not null
            )
        )
    group by positions.id
    order by positions.closed_at desc, positions.seq desc
    limit $4
) as closed
order by closed.closed_at, closed.seq
"""


class Traders(Repository):
    """Implements `TraderStore`."""

    async def open_profile(self, trader: Trader, now_ms: int) -> bool:
        return await self._database.write(_open, trader, now_ms)

    async def close_profile(self, user_id: str, now_ms: int) -> bool:
        return await self._database.write(_close, user_id, now_ms)

    async def handles(self, user_id: str) -> list[str]:
        return [row["handle"] for row in await self._database.read(_rows, SELECT_HANDLES, user_id)]

    async def set_share(self, user_id: str, share_bps: int, now_ms: int) -> bool:
        return await self._database.write(_set_share, user_id, share_bps, now_ms)

    async def set_delisted(self, user_id: str, why: str, by: str, now_ms: int) -> bool:
        return await self._database.write(_delist, user_id, why, by, now_ms)

    async def delisted_why(self, user_id: str) -> str:
        rows = await self._database.read(_rows, SELECT_DELISTED, user_id)
        return rows[0]["delisted_why"] if rows else ""

    async def traders(self) -> list[Trader]:
        return [_trader(row) for row in await self._database.read(_rows, SELECT_TRADERS)]

    async def trader(self, user_id: str) -> Trader | None:
        rows = await self._database.read(_rows, SELECT_TRADER, user_id)
        return _trader(rows[0]) if rows else None

    async def trader_by_handle(self, handle: str) -> Trader | None:
        rows = await self._database.read(_rows, SELECT_BY_HANDLE, handle)
        return _trader(rows[0]) if rows else None

    async def closed_trades(
        self, user_ids: Sequence[str], mode: Mode, since_ms: int, most_each: int
    ) -> Mapping[str, Sequence[ClosedTrade]]:
        asked = list(user_ids)
        found: dict[str, list[ClosedTrade]] = {user_id: [] for user_id in asked}
        for row in await self._database.read(_rows, SELECT_CLOSED_TRADES, asked, mode, since_ms, most_each):
            found[row["user_id"]].append(
                ClosedTrade(row["mint"], row["cost_lamports"], row["realized_lamports"], row["closed_at"])
            )
        return found


async def _rows(connection: asyncpg.Connection, query: str, *args: str | int | list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(query, *args)
    return rows


async def _close(connection: asyncpg.Connection, user_id: str, now_ms: int) -> bool:
    if await connection.fetchval(HIDE_TRADER, user_id) is None:
        return False
    await connection.execute(UPSERT_SHARE, user_id, now_ms, 0)
    return True


async def _set_share(connection: asyncpg.Connection, user_id: str, share_bps: int, now_ms: int) -> bool:
    if await connection.fetchval(UPDATE_SHARE, user_id, share_bps) is None:
        return False
    await connection.execute(UPSERT_SHARE, user_id, now_ms, share_bps)
    return True


async def _open(connection: asyncpg.Connection, trader: Trader, now_ms: int) -> bool:
    if await connection.fetchval(LOCK_USER, trader.user_id) is None:
        raise no_user(trader.user_id)
    await connection.execute(LOCK_HANDLES)
    alike = likeness(trader.handle)
    if await connection.fetchval(TAKEN, [alike, unnamed(alike)], trader.user_id) is not None:
        return False
    if await connection.fetchval(COUNT_HANDLES, trader.user_id, alike) >= HANDLES_MAX:
        return False
    await connection.execute(UPSERT_HANDLE, alike, trader.handle, trader.user_id, now_ms)
    await connection.execute(UPSERT_TRADER, trader.user_id, trader.handle, alike, trader.share_bps, trader.opened_at_ms)
    await connection.execute(UPSERT_KEPT_SHARE, trader.user_id, now_ms)
    why = await connection.fetchval(SELECT_DELISTED_LEAVER, await _person(connection, trader.user_id))
    if why is not None:
        await _delist(connection, trader.user_id, why, CAME_BACK, now_ms)
    return True


async def _person(connection: asyncpg.Connection, user_id: str) -> str:
    """The mark of a user, empty for one who is not known by a Telegram id."""
    telegram_id = await connection.fetchval(SELECT_TELEGRAM_ID, user_id)
    return "" if telegram_id is None else mark_of(telegram_id)


async def _delist(connection: asyncpg.Connection, user_id: str, why: str, by: str, now_ms: int) -> bool:
    if await connection.fetchval(UPDATE_DELISTED, user_id, storable(why)) is None:
        return False
    if not why:
        await connection.execute(DELETE_DELISTED_LEAVER, await _person(connection, user_id))
    await put_audit(connection, by, DELISTED if why else LISTED, {"user": user_id, "why": why}, now_ms)
    return True


def _trader(row: Row) -> Trader:
    return Trader(row["user_id"], row["handle"], row["opened_at"], row["share_bps"], row["delisted_why"])
