"""The ledger of points, in PostgreSQL. One transaction reads what was done and writes what it earned, for one user at a time."""

from __future__ import annotations

import asyncpg

from bot.ports import RewardSums
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user
from bot.storage.users import LOCK_USER
from bot.trading.rewards import (
    DAY_MS,
    SETTLES_MS,
    TRADE_LEAST_LAMPORTS,
    Award,
    RewardedAction,
    due_awards,
    rated,
    started,
    traded,
)

# Days before the one of the latest award for a trade have been looked at whole.
SELECT_LATEST_TRADE = "select max(at) from reward_points where user_id = $1 and action = 'trade'"
SELECT_GIVEN = "select action, cause, at from reward_points where user_id = $1 and (action <> 'trade' or at >= $2)"
SELECT_BUYS = """
select trades.mint, trades.block_time as at
from trades
where
    trades.user_id = $1 and trades.mode = 'live' and trades.side = 'buy'
    and trades.block_time >= $2 and trades.block_time <= $3
    and -trades.wallet_delta_lamports - trades.rent_lamports >= $4
"""
SELECT_RATED = """
select token_ratings.mint, token_ratings.rated_at as at
from token_ratings
where
    token_ratings.user_id = $1 and token_ratings.rated_at <= $2
    and exists (
        select 1 from trades
        where
            trades.user_id = $1 and trades.mode = 'live' and trades.side = 'buy' and trades.mint = token_ratings.mint
            and trades.block_time <= $2 and -trades.wallet_delta_lamports - trades.rent_lamports >= $3
    )
"""
INSERT_AWARD = "insert into reward_points (user_id, action, cause, points, at) values ($1, $2, $3, $4, $5)"
SELECT_SUMS = """
select action, count(*) as awards, sum(points)::bigint as points from reward_points where user_id = $1 group by action
"""


class Rewards(Repository):
    """Implements `RewardStore`."""

    async def award_due(self, user_id: str, now_ms: int) -> list[Award]:
        return await self._database.write(_award, user_id, now_ms)

    async def reward_sums(self, user_id: str) -> list[RewardSums]:
        rows = {row["action"]: row for row in await self._database.read(_sums, user_id)}
        return [
            RewardSums(action, rows[action]["awards"], rows[action]["points"])
            for action in RewardedAction
            if action in rows
        ]


async def _award(connection: asyncpg.Connection, user_id: str, now_ms: int) -> list[Award]:
    if await connection.fetchval(LOCK_USER, user_id) is None:
        raise no_user(user_id)
    latest_ms = await connection.fetchval(SELECT_LATEST_TRADE, user_id) or 0
    since_ms, until_ms = latest_ms // DAY_MS * DAY_MS, now_ms - SETTLES_MS
    given = [
        Award(RewardedAction(row["action"]), row["cause"], row["at"])
        for row in await connection.fetch(SELECT_GIVEN, user_id, since_ms)
    ]
    buys = await connection.fetch(SELECT_BUYS, user_id, since_ms, until_ms, TRADE_LEAST_LAMPORTS)
    ratings = await connection.fetch(SELECT_RATED, user_id, until_ms, TRADE_LEAST_LAMPORTS)
    deeds = [
        started(user_id, now_ms),
        *(traded(row["mint"], row["at"]) for row in buys),
        *(rated(row["mint"], row["at"]) for row in ratings),
    ]
    due = due_awards(deeds, given)
    rows = [(user_id, award.action, award.cause, award.points, award.at_ms) for award in due]
    await connection.executemany(INSERT_AWARD, rows)
    return due


async def _sums(connection: asyncpg.Connection, user_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_SUMS, user_id)
    return rows
