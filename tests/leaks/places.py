"""Where a run leaves words: the data directory of a bot, a server of the database, the output of a test.

A directory is read as it stands on the disk, without its programs: what the console and the logs were told, what was
recorded, and every page of the database, on which deleted rows stand too. Left out are the files that hold secrets by their
purpose, the settings that a test wrote, and the ledger of the local chain, which is another program.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from bot.errors import StartupError
from bot.storage.address import DatabaseAddress
from bot.vault.master_key import parse_master_key
from tests.leaks.detect import Known, leaks
from tests.storage.server_thread import run_sql

SECRET_BY_PURPOSE = ("*.key", "*.toml", "password")
FILE_BYTES_MAX = 100_000_000
TABLES = "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public'"


def leaks_in_directory(directory: Path) -> list[str]:
    """What secrets stand in the data directory of a bot, by file."""
    known = _secrets_of(directory)
    return [
        f"{path.relative_to(directory)}: {leak}"
        for path, content in _files(directory)
        for leak in leaks(content, known, is_text="base" not in path.parts)
    ]


async def leaks_in_database(address: DatabaseAddress) -> list[str]:
    """What secrets stand in the columns of a database that runs, long values too, which its pages hold compressed."""
    tables = [str(row["name"]) for row in await run_sql(address, TABLES)]
    if not tables:
        return []
    rows = " union all ".join(f"select t::text as line from {name} t" for name in tables)
    [written] = await run_sql(address, f"select coalesce(string_agg(line, E'\n'), '') as text from ({rows}) every")
    return [f"a column: {leak}" for leak in leaks(str(written["text"]).encode())]


def _secrets_of(directory: Path) -> Known:
    known = Known()
    for path in directory.glob("*.key"):
        try:
            known.add(f"the master key of {path.name}", parse_master_key(path.read_text(), str(path)).key)
        except StartupError:
            continue  # a test has broken it
    if (password := directory / "postgres" / "password").exists():
        known.add_text("the password of the database", password.read_text().strip())
    return known


def _files(directory: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(directory.rglob("*")):
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > FILE_BYTES_MAX:
            continue
        inside = path.relative_to(directory).parts
        if any(path.match(name) for name in SECRET_BY_PURPOSE):
            continue
        if inside[0] == "localnet" and path.name != "log":
            continue
        if "data" in inside and not _is_page_of_ours(inside):
            continue
        yield path, _recorded(path) if path.suffix == ".parquet" else path.read_bytes()


def _is_page_of_ours(inside: tuple[str, ...]) -> bool:
    """Whether a file of PostgreSQL's holds rows: every database but the ones that it makes for itself, 1 and 4."""
    return "base" in inside and inside[inside.index("base") + 1] not in {"1", "4"}


def _recorded(path: Path) -> bytes:
    """The values of a recording as text. Only few directories have one, and the library takes long to load."""
    import polars as pl

    return pl.read_parquet(path).write_ndjson().encode()
