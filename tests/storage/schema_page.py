"""Writes docs/schema.md from a database that the migrations made: `python -m tests.storage.schema_page > docs/schema.md`."""

from __future__ import annotations

import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import trio

from bot import logs
from bot.storage.address import DatabaseAddress
from bot.storage.embedded import embedded_postgres
from bot.storage.migrate import FOLDER
from bot.storage.store import open_store
from tests.storage.server_thread import FAST, run_sql

HEAD = """# The schema

Written by `python -m tests.storage.schema_page` from a database that the migrations made; a test holds it against one. The
migrations, `bot/storage/migrations`, are the schema and say why each thing is there. Amounts are integers: lamports, raw token
units (`_raw`), hundredths of a percent (`_bps`).
"""
COLUMNS = """
select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
    a.attidentity <> '' as counted, pg_get_expr(d.adbin, d.adrelid) as default
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
order by c.relname, a.attnum
"""
RULES = """
select conrelid::regclass::text as "table", pg_get_constraintdef(oid) as rule from pg_constraint
where connamespace = 'public'::regnamespace and conrelid <> 0 and contype in ('p', 'u', 'f', 'c', 'x')
order by 1, contype <> 'p', contype, conname
"""
UNIQUE = """
select i.indrelid::regclass::text as "table", pg_get_indexdef(i.indexrelid) as rule
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = 'public'::regnamespace and i.indisunique
    and not exists (select from pg_constraint where conindid = i.indexrelid) order by 1, 2
"""


async def page(address: DatabaseAddress) -> str:
    """The whole page for a database that is migrated."""
    reasons = _reasons()
    columns, rules = _by_table(await run_sql(address, COLUMNS)), _by_table(await run_sql(address, RULES))
    unique = _by_table(await run_sql(address, UNIQUE))
    parts = [HEAD]
    for table, rows in columns.items():
        parts.append(f"\n## {table}\n\n" + (f"{reasons[table]}\n\n" if table in reasons else ""))
        parts.append("| column | type | |\n|---|---|---|\n")
        parts += [f"| `{row['name']}` | {row['type']} | {_more(row)} |\n" for row in rows]
        parts.append("\n")
        parts += [f"- `{_line(row['rule'])}`\n" for row in rules.get(table, [])]
        parts += [f"- `{_line(row['rule']).partition(' INDEX ')[2]}`, unique\n" for row in unique.get(table, [])]
    return "".join(parts)


def _by_table(rows: Iterable[Mapping[str, object]]) -> dict[str, list[Mapping[str, object]]]:
    found: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for row in rows:
        found[str(row["table"])].append(row)
    return found


def _more(row: Mapping[str, object]) -> str:
    words = ["" if row["required"] else "may be null"]
    if row["counted"]:
        words.append("counts up")
    elif row["default"] is not None:
        words.append(f"`{_line(row['default'])}` where it is left out")
    return ", ".join(filter(None, words)).replace("|", "\\|")


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _reasons() -> dict[str, str]:
    """What the migration that makes a table says right above it."""
    found = {}
    for file in sorted(Path(FOLDER).glob("*.sql")):
        for comment, table in re.findall(r"((?:^--.*\n)+)create table (\w+)", file.read_text("utf-8"), re.MULTILINE):
            found[table] = _line(comment.replace("-- ", " ").replace("--", " "))
    return found


async def _made() -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_postgres(Path(folder) / "postgres", FAST) as server, open_store(server.address):
            return await page(server.address)


if __name__ == "__main__":
    logs.configure("error")
    sys.stdout.write(trio.run(_made))
