"""What a database holds, in numbers that two of them can be compared by: of each table how many rows and a sum over all of them.

The sum does not depend on the order of rows, nor on the server's version or settings: a row's text is taken in UTC and in ISO
dates, and hashed. Sequences are compared by where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.storage.address import DatabaseAddress
from bot.storage.dump import run_program

_SETTINGS = "set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex';"
_TABLES = """
select format('select %L, count(*), coalesce(sum((''x'' || left(md5(t::text), 15))::bit(60)::bigint), 0) from %I.%I t;',
    schemaname || '.' || tablename, schemaname, tablename)
from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1;
"""
_SEQUENCES = "select schemaname || '.' || sequencename, coalesce(last_value, 0), 0 from pg_sequences order by 1;"
_LED = """
select case when to_regclass('lease') is null then 'select false'
    else 'select exists (select 1 from lease where not released and until > now())' end;
"""


async def contents(address: DatabaseAddress) -> Mapping[str, tuple[int, int]]:
    """By table how many rows it has and their sum, by sequence where it stands; raises StartupError."""
    questions = await _told(address, _TABLES)
    told = await _told(address, _SETTINGS + questions + _SEQUENCES)
    rows = (line.split("|") for line in told.splitlines())
    return {name: (int(count), int(total)) for name, count, total in rows}


async def is_led(address: DatabaseAddress) -> bool:
    """Whether a bot leads on the database now, from wherever; raises StartupError."""
    return (await _told(address, await _told(address, _LED) + ";")).strip() == "t"


async def _told(address: DatabaseAddress, statements: str) -> str:
    return await run_program("psql", ["-XqAt", "--set=ON_ERROR_STOP=1"], address, statements)
