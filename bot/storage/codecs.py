"""In which types a connection speaks: the program's own, not asyncpg's."""

from __future__ import annotations

import asyncpg

# asyncpg hands a timestamptz over as microseconds since 2000; this program speaks milliseconds since 1970.
_POSTGRES_EPOCH_MS = 946_684_800_000


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Let a connection speak in the program's own types: milliseconds since 1970, and integers for numeric."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda at_ms: ((at_ms - _POSTGRES_EPOCH_MS) * 1000,),
        decoder=lambda microseconds: microseconds[0] // 1000 + _POSTGRES_EPOCH_MS,
    )
    await connection.set_type_codec("numeric", schema="pg_catalog", format="text", encoder=str, decoder=int)
