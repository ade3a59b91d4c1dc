"""Versions of the program's settings in PostgreSQL. Rows are never changed or deleted."""

from __future__ import annotations

import json

import asyncpg

from bot.errors import Conflict
from bot.ports import ConfigVersion
from bot.storage.audit import put_audit
from bot.storage.database import Repository, Row
from bot.storage.rules import CONFIG_CHANGED, config_facts, storable

SELECT_VERSION = """
select number, at, actor, why, settings, changed from config_versions
where number = coalesce($1, (select max(number) from config_versions))
"""
SELECT_VERSIONS = """
select number, at, actor, why, settings, changed from config_versions order by number desc limit $1
"""
# One number goes to one of those who want it; the next one is looked for in the statement itself.
INSERT_VERSION = """
insert into config_versions (number, at, actor, why, settings, changed)
select $1, $2, $3, $4, $5, $6
where $1 = 1 + (select coalesce(max(number), 0) from config_versions)
on conflict (number) do nothing
returning number
"""


class Configs(Repository):
    """Implements `ConfigStore`."""

    async def config_version(self, number: int | None = None) -> ConfigVersion | None:
        row = await self._database.read(_one, number)
        return None if row is None else _version(row)

    async def config_versions(self, limit: int) -> list[ConfigVersion]:
        return [_version(row) for row in await self._database.read(_newest, limit)]

    async def save_config(self, version: ConfigVersion) -> None:
        await self._database.write(_save, version)


async def _one(connection: asyncpg.Connection, number: int | None) -> Row | None:
    row: Row | None = await connection.fetchrow(SELECT_VERSION, number)
    return row


async def _newest(connection: asyncpg.Connection, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_VERSIONS, limit)
    return rows


async def _save(connection: asyncpg.Connection, version: ConfigVersion) -> None:
    facts = config_facts(version)
    saved = await connection.fetchval(
        INSERT_VERSION,
        version.number,
        version.at_ms,
        storable(version.by),
        storable(version.why),
        json.dumps(facts["values"]),
        json.dumps(facts["changed"]),
    )
    if saved is None:
        raise Conflict(f"version {version.number} of the settings is not the next one: somebody else changed them")
    await put_audit(connection, version.by, CONFIG_CHANGED, facts, version.at_ms)


def _version(row: Row) -> ConfigVersion:
    changed = {key: (before, after) for key, (before, after) in json.loads(row["changed"]).items()}
    return ConfigVersion(row["number"], row["at"], row["actor"], row["why"], dict(json.loads(row["settings"])), changed)
