"""Who changed what about the program, in PostgreSQL. Rows are never changed or deleted."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from bot.storage.database import Repository
from bot.storage.rules import encode_payload, storable

INSERT_AUDIT = """
insert into audit (actor, action, facts, at) values ($1, $2, $3, coalesce($4::timestamptz, now()))
"""


class Audit(Repository):
    """The audit's part of `ProgramStore`."""

    async def audit(self, by: str, action: str, detail: dict[str, object], now_ms: int) -> None:
        await self._database.write(put_audit, by, action, detail, now_ms)


async def put_audit(
    connection: asyncpg.Connection, by: str, action: str, detail: Mapping[str, object], at_ms: int | None
) -> None:
    """Write an entry inside a unit of work; without a moment it gets the server's."""
    await connection.execute(INSERT_AUDIT, storable(by), storable(action), encode_payload(dict(detail)), at_ms)
