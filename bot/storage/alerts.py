"""How loudly users want to hear of what, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import ALERTS_SET, no_user
from bot.trading.alerting import AlertLevel

SELECT_LEVELS = "select user_id, kind, level from alert_levels where user_id = any($1::text[])"
SELECT_ALERTED_USER = "select id from users where id = $1"
UPSERT_LEVELS = """
insert into alert_levels (user_id, kind, level, changed_at)
select $1, wished.kind, wished.level, $4
from unnest($2::text[], $3::text[]) as wished (kind, level)
on conflict (user_id, kind) do update set level = excluded.level, changed_at = excluded.changed_at
"""


class Alerts(Repository):
    """Implements `AlertStore`."""

    async def alert_levels(self, user_ids: Sequence[str]) -> Mapping[str, Mapping[str, AlertLevel]]:
        found: dict[str, dict[str, AlertLevel]] = {}
        for row in await self._database.read(_levels, list(user_ids)):
            found.setdefault(row["user_id"], {})[row["kind"]] = AlertLevel(row["level"])
        return found

    async def set_alert_levels(self, user_id: str, levels: Mapping[str, AlertLevel], now_ms: int) -> None:
        await self._database.write(_set_levels, user_id, dict(levels), now_ms)


async def _levels(connection: asyncpg.Connection, user_ids: list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_LEVELS, user_ids)
    return rows


async def _set_levels(connection: asyncpg.Connection, user_id: str, levels: dict[str, AlertLevel], now_ms: int) -> None:
    if await connection.fetchval(SELECT_ALERTED_USER, user_id) is None:
        raise no_user(user_id)
    await connection.execute(UPSERT_LEVELS, user_id, list(levels), [level.value for level in levels.values()], now_ms)
    await put_audit(connection, user_id, ALERTS_SET, {name: level.value for name, level in levels.items()}, now_ms)
