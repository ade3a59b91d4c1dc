"""People who leave, in PostgreSQL: one transaction, which waits for whoever judges an order of theirs."""

from __future__ import annotations

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository
from bot.storage.leaving_rules import ACCOUNT_CLOSED, READER_LEFT, handle_of_closed, refuse_leaving
from bot.storage.rules import no_user
from bot.storage.users import LOCK_USER
from bot.trading.trader import mark_of, unnamed

SELECT_LEFT_OVER = """
select
    (select closed_at is not null from users where id = $1) as has_left,
    exists(select 1 from positions where user_id = $1 and state = 'open') as holds,
    exists(
        select 1 from intents
        where user_id = $1 and state in ('planned', 'signed', 'sent', 'unknown')
    ) as has_orders,
    exists(select 1 from standing_orders where user_id = $1 and state = 'open') as has_standing_orders,
    exists(select 1 from copy_rules where user_id = $1 and state <> 'stopped') as copies
"""
SELECT_DELISTED = """
select users.telegram_id, traders.delisted_why
from users
inner join traders on traders.user_id = users.id
where users.id = $1 and users.telegram_id is not null and traders.delisted_why <> ''
"""
UPSERT_DELISTED_LEAVER = """
insert into delisted_leavers (person, why, left_at) values ($1, $2, $3)
on conflict (person) do update set why = excluded.why, left_at = excluded.left_at
"""
UPDATE_LEAVER = "update users set handle = $2, telegram_id = null, closed_at = $3 where id = $1"
DELETE_FOLLOWED = "delete from tracked_wallets where user_id = $1"
DELETE_RATINGS = "delete from token_ratings where user_id = $1"
DELETE_PROFILE = "delete from traders where user_id = $1"
SELECT_LIKENESSES = "select likeness from trader_handles where user_id = $1"
UNNAME_HANDLE = "update trader_handles set likeness = $2, handle = null, user_id = null where likeness = $1"
DELETE_AUTO_PLAN = "delete from auto_plans where user_id = $1"
DELETE_AUTO_DECISIONS = "delete from auto_decisions where user_id = $1"
DELETE_ALERT_LEVELS = "delete from alert_levels where user_id = $1"
DELETE_CHAT_MESSAGES = "delete from chat_messages where user_id = $1"
DELETE_ADDRESSES = "delete from allowed_addresses where user_id = $1"
CLOSE_EXPORTS = "update key_exports set closed_at = $2 where user_id = $1 and closed_at is null"
DELETE_ALL_NOTES = "delete from vault_notes where user_id = $1"
UPDATE_UNREAD = """
update outbox set undeliverable_at = $2, undeliverable_why = $3
where user_id = $1 and delivered_at is null and undeliverable_at is null
"""


class Leaving(Repository):
    """Implements `LeavingStore`."""

    async def close_account(self, user_id: str, now_ms: int) -> None:
        await self._database.write(_close_account, user_id, now_ms)


async def _close_account(connection: asyncpg.Connection, user_id: str, now_ms: int) -> None:
    if await connection.fetchval(LOCK_USER, user_id) is None:
        raise no_user(user_id)
    refuse_leaving(user_id, **await connection.fetchrow(SELECT_LEFT_OVER, user_id))
    if (delisted := await connection.fetchrow(SELECT_DELISTED, user_id)) is not None:
        person = mark_of(delisted["telegram_id"])
        await connection.execute(UPSERT_DELISTED_LEAVER, person, delisted["delisted_why"], now_ms)
    await connection.execute(UPDATE_LEAVER, user_id, handle_of_closed(user_id), now_ms)
    await connection.execute(DELETE_FOLLOWED, user_id)
    await connection.execute(DELETE_PROFILE, user_id)
    alike = [row["likeness"] for row in await connection.fetch(SELECT_LIKENESSES, user_id)]
    await connection.executemany(UNNAME_HANDLE, [(one, unnamed(one)) for one in alike])
    await connection.execute(DELETE_RATINGS, user_id)
    await connection.execute(DELETE_AUTO_PLAN, user_id)
    await connection.execute(DELETE_AUTO_DECISIONS, user_id)
    await connection.execute(DELETE_ALERT_LEVELS, user_id)
    await connection.execute(DELETE_CHAT_MESSAGES, user_id)
    await connection.execute(DELETE_ADDRESSES, user_id)
    await connection.execute(CLOSE_EXPORTS, user_id, now_ms)
    await connection.execute(DELETE_ALL_NOTES, user_id)
    await connection.execute(UPDATE_UNREAD, user_id, now_ms, READER_LEFT)
    await put_audit(connection, user_id, ACCOUNT_CLOSED, {}, now_ms)
