"""What users think of tokens, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import Remark
from bot.storage.audit import put_audit
from bot.storage.community_rules import DAY_MS, HIDDEN, SHOWN
from bot.storage.database import Repository, Row
from bot.storage.rules import no_user, storable
from bot.storage.users import LOCK_USER
from bot.trading.community import Flag, Rating, Voice, refuse_rating

SELECT_PACE = """
select max(rated_at) as latest_at, count(*) filter (where rated_at > $2) as of_the_last_day
from token_ratings
where user_id = $1
"""
UPDATE_RATING = """
update token_ratings set points = $3, flag = $4, comment = $5, rated_at = $6 where user_id = $1 and mint = $2 returning number
"""
INSERT_RATING = """
insert into token_ratings (user_id, mint, points, flag, comment, rated_at) values ($1, $2, $3, $4, $5, $6)
"""
DELETE_RATING = "delete from token_ratings where user_id = $1 and mint = $2 returning number"
SELECT_VOICES = """
select token_ratings.*, practice.first_trade_at, practice.trades, stake.paid_lamports
from token_ratings
cross join lateral (
    select min(trades.block_time) as first_trade_at, count(*) as trades
    from trades
    where trades.user_id = token_ratings.user_id and trades.mode = 'live'
) as practice
cross join lateral (
    select coalesce(sum(-trades.wallet_delta_lamports - trades.rent_lamports), 0)::bigint as paid_lamports
    from trades
    where
        trades.user_id = token_ratings.user_id and trades.mode = 'live'
        and trades.mint = token_ratings.mint and trades.side = 'buy'
) as stake
where token_ratings.mint = $1
order by token_ratings.rated_at desc, token_ratings.number desc
limit $2
"""
SELECT_REMARKS = """
select * from token_ratings where flag is not null or comment <> '' order by rated_at desc, number desc limit $1
"""
UPDATE_HIDDEN = "update token_ratings set hidden_why = $2 where number = $1 returning mint"


class Community(Repository):
    """Implements `CommunityStore`."""

    async def rate(self, rating: Rating) -> str | None:
        return await self._database.write(_rate, rating)

    async def take_rating_back(self, user_id: str, mint: str) -> bool:
        return await self._database.write(_take_back, user_id, mint)

    async def voices(self, mint: str, limit: int) -> list[Voice]:
        return [_voice(row) for row in await self._database.read(_voices, mint, limit)]

    async def remarks(self, limit: int) -> list[Remark]:
        rows = await self._database.read(_remarks, limit)
        return [Remark(row["number"], _rating(row), row["hidden_why"]) for row in rows]

    async def hide_rating(self, number: int, why: str, by: str, now_ms: int) -> str | None:
        return await self._database.write(_hide, number, why, by, now_ms)


async def _rate(connection: asyncpg.Connection, rating: Rating) -> str | None:
    if await connection.fetchval(LOCK_USER, rating.user_id) is None:
        raise no_user(rating.user_id)
    pace = await connection.fetchrow(SELECT_PACE, rating.user_id, rating.rated_at_ms - DAY_MS)
    if refused := refuse_rating(pace["latest_at"], pace["of_the_last_day"], rating.rated_at_ms):
        return refused
    columns = (rating.user_id, rating.mint, rating.points, rating.flag, storable(rating.comment), rating.rated_at_ms)
    if await connection.fetchval(UPDATE_RATING, *columns) is None:
        await connection.execute(INSERT_RATING, *columns)
    return None


async def _take_back(connection: asyncpg.Connection, user_id: str, mint: str) -> bool:
    return await connection.fetchval(DELETE_RATING, user_id, mint) is not None


async def _voices(connection: asyncpg.Connection, mint: str, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_VOICES, mint, limit)
    return rows


async def _remarks(connection: asyncpg.Connection, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_REMARKS, limit)
    return rows


async def _hide(connection: asyncpg.Connection, number: int, why: str, by: str, now_ms: int) -> str | None:
    mint: str | None = await connection.fetchval(UPDATE_HIDDEN, number, storable(why))
    if mint is not None:
        await put_audit(connection, by, HIDDEN if why else SHOWN, {"number": number, "mint": mint, "why": why}, now_ms)
    return mint


def _rating(row: Row) -> Rating:
    flag = None if row["flag"] is None else Flag(row["flag"])
    return Rating(row["user_id"], row["mint"], row["points"], flag, row["comment"], row["rated_at"])


def _voice(row: Row) -> Voice:
    return Voice(
        row["number"], _rating(row), row["hidden_why"], row["first_trade_at"], row["trades"], row["paid_lamports"]
    )
