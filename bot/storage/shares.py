"""Profit shares as figures, and who follows whom, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import FollowerCounts, ShareSums
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user
from bot.storage.share_rules import DAY_MS
from bot.storage.users import LOCK_USER
from bot.trading.intent import Mode
from bot.trading.profit_share import ShareState, shared
from bot.trading.rewards import SETTLES_MS

# A position belongs to the copy that opened it: of its first buy.
SELECT_UNBOOKED = """
select
    sales.intent_id, sales.user_id, sales.realized_lamports, sales.block_time as at,
    coalesce(
        (
            select trader_shares.share_bps from trader_shares
            where trader_shares.user_id = $1 and trader_shares.since <= sales.block_time
            order by trader_shares.since desc
            limit 1
        ), 0
    ) as share_bps
from trades as sales
inner join positions on sales.position_id = positions.id
inner join lateral (
    select trades.intent_id from trades
    where trades.position_id = positions.id and trades.side = 'buy'
    order by trades.seq
    limit 1
) as opening on true
inner join intents on opening.intent_id = intents.id
inner join copies on intents.key = copies.key
inner join copy_rules on copies.rule_id = copy_rules.id
where
    copy_rules.leader_user_id = $1 and sales.side = 'sell' and sales.mode = 'live' and sales.block_time <= $2
    and not exists (select 1 from profit_shares where profit_shares.intent_id = sales.intent_id)
order by sales.seq
"""
SELECT_STATES = """
select distinct on (follower_id) follower_id, total_lamports, high_water_lamports, weighed
from profit_shares
where leader_id = $1
order by follower_id, id desc
"""
INSERT_SHARE = """
insert into profit_shares (
    intent_id, leader_id, follower_id, result_lamports, share_bps, share_lamports, total_lamports, high_water_lamports,
    weighed, at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
SELECT_SHARES = """
select
    follower_id,
    count(*) as sales,
    sum(result_lamports)::bigint as result_lamports,
    max(high_water_lamports) as high_water_lamports,
    sum(share_lamports)::bigint as share_lamports
from profit_shares
where leader_id = $1
group by follower_id
order by min(id)
"""
SELECT_FOLLOWERS = """
select leader_user_id, count(distinct user_id) as followers
from copy_rules
where leader_user_id = any($1::text[]) and state = 'active' and mode = $2
group by leader_user_id
"""
SELECT_FOLLOWER_COUNTS = """
select
    count(*) filter (where state = 'active') as copying,
    count(*) as ever,
    count(*) filter (where since <= $1) as old,
    count(*) filter (where since <= $1 and state = 'active') as old_copying
from copy_rules
where leader_user_id is not null and mode = 'live'
"""


class Shares(Repository):
    """Implements `ShareStore`."""

    async def book_shares(self, leader_id: str, now_ms: int) -> int:
        return await self._database.write(_book, leader_id, now_ms)

    async def share_sums(self, leader_id: str) -> list[ShareSums]:
        return [
            ShareSums(
                row["follower_id"],
                row["sales"],
                row["result_lamports"],
                row["high_water_lamports"],
                row["share_lamports"],
            )
            for row in await self._database.read(_rows, SELECT_SHARES, leader_id)
        ]

    async def followers(self, leader_ids: list[str], mode: Mode) -> dict[str, int]:
        rows = await self._database.read(_rows, SELECT_FOLLOWERS, leader_ids, mode)
        return {row["leader_user_id"]: row["followers"] for row in rows}

    async def follower_counts(self, now_ms: int, days: int) -> FollowerCounts:
        [row] = await self._database.read(_rows, SELECT_FOLLOWER_COUNTS, now_ms - days * DAY_MS)
        return FollowerCounts(row["copying"], row["ever"], days, row["old"], row["old_copying"])


async def _rows(connection: asyncpg.Connection, query: str, *args: str | int | list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(query, *args)
    return rows


async def _book(connection: asyncpg.Connection, leader_id: str, now_ms: int) -> int:
    if await connection.fetchval(LOCK_USER, leader_id) is None:
        raise no_user(leader_id)
    states = {
        row["follower_id"]: ShareState(row["total_lamports"], row["high_water_lamports"], int(row["weighed"]))
        for row in await connection.fetch(SELECT_STATES, leader_id)
    }
    sales = await connection.fetch(SELECT_UNBOOKED, leader_id, now_ms - SETTLES_MS)
    for sale in sales:
        follower, result, rate = sale["user_id"], sale["realized_lamports"], sale["share_bps"]
        after, share = shared(states.get(follower, ShareState()), result, rate)
        states[follower] = after
        await connection.execute(
            INSERT_SHARE,
            sale["intent_id"],
            leader_id,
            follower,
            result,
            rate,
            share,
            after.result_lamports,
            after.high_water_lamports,
            after.weighed,
            sale["at"],
        )
    return len(sales)
