"""Tokens, and the history of their prices, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import PastPrice, Token
from bot.storage.database import Repository, Row
from bot.storage.token_rules import check_price_days, one_of_each

UPSERT_TOKENS = """
insert into tokens (mint, name, symbol, uri, creator, launched_at, tracked_until)
select *
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
on conflict (mint) do update set
    name = coalesce(nullif(excluded.name, ''), tokens.name),
    symbol = coalesce(nullif(excluded.symbol, ''), tokens.symbol),
    uri = coalesce(nullif(excluded.uri, ''), tokens.uri),
    creator = coalesce(nullif(excluded.creator, ''), tokens.creator),
    launched_at = coalesce(tokens.launched_at, excluded.launched_at),
    tracked_until = greatest(tokens.tracked_until, excluded.tracked_until)
"""
SELECT_MINT = "select * from tokens where mint = $1"
SELECT_TRACKED_TOKENS = "select * from tokens where tracked_until > $1 order by tracked_until desc, mint limit $2"
DELETE_TOKENS = "delete from tokens where tracked_until < $1"
MAKE_PRICE_DAYS = "select make_price_days($1::timestamptz, $2::timestamptz)"
DROP_PRICE_DAYS = "select drop_price_days($1::timestamptz)"
INSERT_PRICES = """
insert into price_points (mint, at, quote_lamports, token_raw, liquidity_lamports)
select * from unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[])
on conflict (mint, at) do nothing
"""
SELECT_PAST_PRICES = """
select newest.*
from unnest($2::timestamptz[], $3::timestamptz[]) with ordinality as asked (least, moment, place)
left join lateral (
    select * from price_points
    where price_points.mint = $1 and price_points.at between asked.least and asked.moment
    order by price_points.at desc
    limit 1
) as newest on true
order by asked.place
"""


class Tokens(Repository):
    """Implements `TokenStore`."""

    async def save_tokens(self, tokens: Sequence[Token]) -> None:
        if tokens:
            await self._database.write(_save, one_of_each(tokens))

    async def token(self, mint: str) -> Token | None:
        return await self._database.read(_token, mint)

    async def tracked_tokens(self, now_ms: int, limit: int) -> list[Token]:
        return [_token_of(row) for row in await self._database.read(_tracked, now_ms, limit)]

    async def add_prices(self, points: Sequence[PastPrice]) -> None:
        if points:
            check_price_days(points)
            await self._database.write(_add, points)

    async def past_prices(
        self, mint: str, moments_ms: Sequence[int], *, no_older_than_ms: int
    ) -> list[PastPrice | None]:
        return await self._database.read(_past, mint, moments_ms, no_older_than_ms)

    async def forget_tokens(self, before_ms: int) -> None:
        await self._database.write(_forget, before_ms)


async def _save(connection: asyncpg.Connection, tokens: Sequence[Token]) -> None:
    await connection.execute(
        UPSERT_TOKENS,
        [token.mint for token in tokens],
        [token.name for token in tokens],
        [token.symbol for token in tokens],
        [token.uri for token in tokens],
        [token.creator for token in tokens],
        [token.launched_at_ms for token in tokens],
        [token.tracked_until_ms for token in tokens],
    )


async def _token(connection: asyncpg.Connection, mint: str) -> Token | None:
    row = await connection.fetchrow(SELECT_MINT, mint)
    return None if row is None else _token_of(row)


async def _tracked(connection: asyncpg.Connection, now_ms: int, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_TRACKED_TOKENS, now_ms, limit)
    return rows


async def _add(connection: asyncpg.Connection, points: Sequence[PastPrice]) -> None:
    moments_ms = [point.at_ms for point in points]
    await connection.execute(MAKE_PRICE_DAYS, min(moments_ms), max(moments_ms))
    await connection.execute(
        INSERT_PRICES,
        [point.mint for point in points],
        moments_ms,
        [point.quote_lamports for point in points],
        [point.token_raw for point in points],
        [point.liquidity_lamports for point in points],
    )


async def _past(
    connection: asyncpg.Connection, mint: str, moments_ms: Sequence[int], no_older_than_ms: int
) -> list[PastPrice | None]:
    least_ms = [moment_ms - no_older_than_ms for moment_ms in moments_ms]
    rows = await connection.fetch(SELECT_PAST_PRICES, mint, least_ms, list(moments_ms))
    return [None if row["mint"] is None else _price_of(row) for row in rows]


async def _forget(connection: asyncpg.Connection, before_ms: int) -> None:
    await connection.execute(DROP_PRICE_DAYS, before_ms)
    await connection.execute(DELETE_TOKENS, before_ms)


def _token_of(row: Row) -> Token:
    return Token(
        mint=row["mint"],
        name=row["name"],
        symbol=row["symbol"],
        uri=row["uri"],
        creator=row["creator"],
        launched_at_ms=row["launched_at"],
        tracked_until_ms=row["tracked_until"],
    )


def _price_of(row: Row) -> PastPrice:
    return PastPrice(row["mint"], row["at"], row["quote_lamports"], row["token_raw"], row["liquidity_lamports"])
