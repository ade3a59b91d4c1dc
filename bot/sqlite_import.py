"""`bot import-sqlite FILE`: the database of an earlier bot, read where it lies and never written, handed to the bot that runs.

Columns are those of the earlier bot's guide; a file may lack tables and columns, and have others. Keys stay sealed: the
vault alone opens them, with the Fernet key of `wallets.fernet_key_file`.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bot import control
from bot.errors import BotError

STEP_S = 60.0
BATCH_BYTES = 16_000  # of a request, whose line the bot reads up to 64 KiB, as its answer is
TRACKED_MAX = 60  # of one user, of whom the bot takes fewer
LABEL_LENGTH = 64
TOKEN_CHARS = 1_100  # of which the bot refuses the last hundred
SHOWN = 200  # lines of what was not taken
# What says nothing of a user's wishes.
SETTINGS_IGNORED = {"id", "user_id", "created_at", "updated_at", "snipe_daily_used", "snipe_last_reset"}
DOLLARS = "counted dollars of a pool, which no fresh launch has; min_liquidity and snipe_liquidity count SOL"
# Why a column of `user_settings` is not taken, whoever has something in it.
SETTINGS_LEFT = {
    "min_liquidity_usd": DOLLARS,
    "snipe_enabled": "is off until the user switches it on himself, after his consent",
    "snipe_min_liquidity": DOLLARS,
}
# Why the rows of a table stay in the file.
LEFT = {
    "trades": "history of another program; results here are of what this bot has done. Keep the file for your records",
    "positions": "closed ones are history. What an open one holds is in the wallet: its user sells it with /sell",
    "snipe_runs": "decisions of another program",
}
COPIES = "copy relationships: whom they copy has to allow it here, and each follower gives /copy_trader with limits"

Row = dict[str, Any]


def add_import(verbs: Any) -> argparse.ArgumentParser:
    """The verb; the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "import-sqlite", help="take over users of an earlier bot's SQLite database, see runbooks/import-sqlite.md"
    )
    verb.add_argument("file", metavar="FILE", help="its database; it is only read")
    verb.add_argument("--dry-run", action="store_true", help="say what would be taken and what not, and write nothing")
    return verb


def import_sqlite(socket: Path, file: str, *, dry: bool) -> int:
    """Hand everybody over and say what was taken, what was here, and what was not taken and why; raises BotError."""
    people, left = _read(Path(file))
    taken, known, refused = [], [], []
    for batch in _batches(people):
        request = {"verb": "import_earlier", "people": batch, "dry": dry}
        for told in control.ask(socket, request, within_s=STEP_S)["told"]:
            taken += told["taken"]
            known += told["known"]
            refused += told["refused"]
    for line in taken:
        print(f"{'would take' if dry else 'taken'}: {line}")
    print(f"{len(taken)} {'would be taken' if dry else 'were taken'}, {len(known)} were here already")
    for line in [*refused[:SHOWN], *left]:
        print(f"not taken: {line}")
    if len(refused) > SHOWN:
        print(f"not taken: {len(refused) - SHOWN} more of the same kinds")
    return 0


def _batches(people: list[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for person in people:
        length = len(json.dumps(person))
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(person)
        size += length
    if batch:
        yield batch


def _read(file: Path) -> tuple[list[Row], list[str]]:
    """Everybody in the file, and what of it nobody is asked to take; raises BotError."""
    if file.is_dir():
        raise BotError(f"{file}: is a folder; give the database that lies in it")
    if not file.is_file():
        raise BotError(f"{file}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            tables = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
            if "user_wallets" not in tables:
                raise BotError(f"{file}: has no table user_wallets, so that it is no database of the earlier bot")
            people = list(_people(database, tables))
            left = list(_left(database, tables))
    except sqlite3.Error as error:
        raise BotError(f"{file}: cannot be read: {error}; give a copy of the whole database") from None
    return people, left


def _rows(database: sqlite3.Connection, tables: set[str], table: str) -> Iterator[Row]:
    if table in tables:
        for row in database.execute(f"select * from {table}"):  # noqa: S608 - a name of ours
            yield dict(row)


def _people(database: sqlite3.Connection, tables: set[str]) -> Iterator[Row]:
    people: dict[int, Row] = {}

    def person(row: Row) -> Row:
        who = int(row["user_id"])
        return people.setdefault(who, {"telegram_id": who, "wallet": None, "settings": {}, "tracked": []})

    try:
        for row in _rows(database, tables, "user_wallets"):
            token = row["encrypted_private_key"]
            token = (token.decode("ascii", "replace") if isinstance(token, bytes) else str(token))[:TOKEN_CHARS]
            person(row)["wallet"] = f"{int(row['user_id'])},{row['public_key']},{token}"
        for row in _rows(database, tables, "user_settings"):
            kept = {name: row[name] for name in row if name not in SETTINGS_IGNORED | SETTINGS_LEFT.keys()}
            person(row)["settings"] = {name: _plain(value) for name, value in kept.items()}
        for row in _rows(database, tables, "tracked_wallets"):
            if len(tracked := person(row)["tracked"]) < TRACKED_MAX:
                tracked.append(
                    {"address": str(row["wallet_address"])[:LABEL_LENGTH], "label": _label(row.get("label"))}
                )
    except (KeyError, TypeError, ValueError) as error:
        raise BotError(
            f"a row of the earlier bot's tables cannot be read: {error}; see runbooks/import-sqlite.md"
        ) from None
    yield from people.values()


def _label(value: object) -> str:
    return "" if value is None else str(value)[:LABEL_LENGTH]


def _plain(value: object) -> object:
    """What JSON carries; a number of another kind goes as its text."""
    return value if value is None or isinstance(value, int | float) else str(value)[:LABEL_LENGTH]


def _left(database: sqlite3.Connection, tables: set[str]) -> Iterator[str]:
    for table in sorted(tables & LEFT.keys()):
        [count] = database.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - a name of ours
        if count:
            yield f"{table}, {count} rows: {LEFT[table]}"
    settings = list(_rows(database, tables, "user_settings"))
    for column, reason in SETTINGS_LEFT.items():
        if users := sum(bool(row.get(column)) for row in settings):
            yield f"{column} of {users} users: {reason}"
    copies = sum(row.get("copy_trader_id") is not None for row in _rows(database, tables, "tracked_wallets"))
    if copies:
        yield f"{copies} {COPIES}"
    for table in sorted(tables - LEFT.keys() - {"user_wallets", "user_settings", "tracked_wallets"}):
        if not table.startswith("sqlite_"):
            yield f"table {table[:60]}: is none of those that the earlier bot's guide names"
