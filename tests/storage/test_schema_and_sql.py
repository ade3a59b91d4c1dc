"""The schema and every SQL constant, held against a real server and against the words of the trading rules."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio

import bot.storage
from bot.errors import Conflict
from bot.ports import Topic, Verdict
from bot.storage.address import DatabaseAddress
from bot.storage.migrate import FOLDER
from bot.storage.rules import FAILED_TRADES, RUN_STATUSES, RUN_STATUSES_BEFORE_INTENT
from bot.storage.store import open_store
from bot.trading.alerting import AlertLevel
from bot.trading.flatten import FlattenState
from bot.trading.intent import IN_FLIGHT, AttemptState, Context, IntentState, Mode, Protection, Side
from bot.trading.ledger import EntryKind
from bot.trading.limits import ON_CRITICAL, UserSettings
from bot.trading.position import PositionState
from bot.trading.standing import StandingKind, StandingState
from tests.storage.server_thread import run_sql
from tests.storage.storage_samples import bought, enrol

DEADLINE_S = 60
QUERY = re.compile(r"\s*(select|insert|update|delete|with)\b")
# Rules of the linter that do not fit: the runner sets both timeouts for every file.
SQUAWK_EXCEPT = ("require-lock-timeout", "require-statement-timeout")

TRADED = (Side.BUY, Side.SELL)

CHECKED_COLUMNS: list[tuple[str, str, Iterable[StrEnum]]] = [
    ("users", "mode", Mode),
    ("intents", "mode", Mode),
    ("intents", "side", Side),
    ("intents", "context", Context),
    ("intents", "protection", Protection),
    ("intents", "state", IntentState),
    ("attempts", "state", AttemptState),
    ("positions", "mode", Mode),
    ("positions", "context", Context),
    ("positions", "state", PositionState),
    ("settled_trades", "mode", Mode),
    ("settled_trades", "context", Context),
    ("settled_trades", "side", TRADED),
    ("wallet_signals", "side", TRADED),
    ("ledger_entries", "kind", EntryKind),
    ("flatten_positions", "state", FlattenState),
    ("alert_levels", "level", AlertLevel),
    ("chat_messages", "topic", Topic),
    ("standing_orders", "mode", Mode),
    ("standing_orders", "kind", StandingKind),
    ("standing_orders", "state", StandingState),
    ("auto_decisions", "mode", Mode),
    ("auto_decisions", "verdict", Verdict),
]
SELECT_CHECK = """
select pg_get_constraintdef(oid) as rule from pg_constraint
where contype = 'c' and conrelid = '{table}'::regclass
    and conkey = array(
        select attnum from pg_attribute where attrelid = '{table}'::regclass and attname = '{column}'
    )
"""


def queries() -> Iterator[tuple[str, str]]:
    """Name and text of every SQL constant of the room."""
    for module in pkgutil.iter_modules(bot.storage.__path__):
        loaded = importlib.import_module(f"bot.storage.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, str) and name.isupper() and QUERY.match(value):
                yield f"{module.name}.{name}", value


def words_in(rule: str) -> set[str]:
    return set(re.findall(r"'([^']*)'", rule))


async def test_every_query_is_understood_by_the_server(database: DatabaseAddress) -> None:
    async def prepare(connection: Any) -> dict[str, str]:
        refused = {}
        for name, query in queries():
            try:
                await connection.prepare(query)
            except asyncpg.PostgresError as error:
                refused[name] = str(error)
        return refused

    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            assert await store._database.read(prepare) == {}
    assert len(list(queries())) > 50


def test_no_query_is_put_together_from_pieces() -> None:
    """A query is one constant; a value goes in as a parameter."""
    for path in sorted(Path(bot.storage.__file__ or "").parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                assert not re.match(r"\s*(select .* from|insert into|update .* set|delete from)\b", text), (
                    path.name,
                    text,
                )


@pytest.mark.parametrize(("table", "column", "words"), CHECKED_COLUMNS)
async def test_a_checked_column_takes_the_words_of_the_rules(
    database: DatabaseAddress, table: str, column: str, words: Iterable[StrEnum]
) -> None:
    rules = await run_sql(database, SELECT_CHECK.format(table=table, column=column))
    assert [words_in(row["rule"]) for row in rules] == [{str(word) for word in words}]


async def test_snipe_runs_take_the_eight_statuses(database: DatabaseAddress) -> None:
    [row] = await run_sql(database, SELECT_CHECK.format(table="snipe_runs", column="status"))
    assert words_in(row["rule"]) == RUN_STATUSES


async def test_a_critical_failure_takes_the_words_of_the_rules(database: DatabaseAddress) -> None:
    [row] = await run_sql(database, SELECT_CHECK.format(table="user_settings", column="on_critical"))
    assert words_in(row["rule"]) == set(ON_CRITICAL)


def test_states_that_stand_in_queries_are_those_of_the_rules() -> None:
    """Partial indexes need the words themselves, so they stand in the SQL a second time."""
    text = dict(queries())
    in_flight = {str(state) for state in IN_FLIGHT}
    assert words_in(text["intents.SELECT_IN_FLIGHT"]) == in_flight
    assert in_flight | {"filled"} <= words_in(text["admission.SELECT_FACTS"])
    assert {str(state) for state in FAILED_TRADES} <= words_in(text["positions.SELECT_DAY"])
    assert set(RUN_STATUSES_BEFORE_INTENT) <= words_in(text["snipe_runs.EXPIRE_RUNS"])


async def test_settings_have_a_column_for_every_field(database: DatabaseAddress) -> None:
    rows = await run_sql(
        database,
        "select column_name from information_schema.columns where table_name = 'user_settings' order by ordinal_position",
    )
    assert [row["column_name"] for row in rows] == ["user_id", *(field.name for field in fields(UserSettings))]


async def test_replaced_settings_are_kept_with_who_replaced_them(database: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            await enrol(store, settings=UserSettings(snipe_epoch=4))
            await store.change_settings("u-ada", lambda _: UserSettings(), by="operator")
    [row] = await run_sql(
        database, "select user_id, replaced_by, settings ->> 'snipe_epoch' as epoch from user_settings_history"
    )
    assert (row["user_id"], row["replaced_by"], row["epoch"]) == ("u-ada", "operator", "4")


async def test_the_ledger_refuses_an_entry_that_does_not_balance(database: DatabaseAddress) -> None:
    async def unbalanced(connection: Any) -> None:
        entry_id = await connection.fetchval(
            "insert into ledger_entries (kind, wallet_id, intent_id) values ('fee', 'w-ada', 'i-k') returning id"
        )
        await connection.execute(
            "insert into ledger_legs (entry_id, account, lamports) values ($1, 'wallet', -5), ($1, 'market', 4)",
            entry_id,
        )

    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            await bought(store, "k", await enrol(store))
            with pytest.raises(Conflict, match="sum to -1 lamports"):
                await store._database.write(unbalanced)


@pytest.mark.parametrize("table", ["settled_trades", "trades", "ledger_entries", "ledger_legs", "adjustments", "audit"])
async def test_what_happened_is_never_changed_or_deleted(database: DatabaseAddress, table: str) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(database) as store:
            await bought(store, "k", await enrol(store))
            await store.bind_genesis("local")
            await store.adjust("p-1", 1, evidence="slot 9", now_ms=0, message=(await store.due(1))[0])

            async def forget(connection: Any) -> None:
                await connection.execute(f"delete from {table}")

            with pytest.raises(Conflict, match="never changed or deleted"):
                await store._database.write(forget)


def test_the_linter_has_nothing_to_say_about_the_migrations() -> None:
    squawk = Path(sys.executable).with_name("squawk")
    if not squawk.exists():
        pytest.skip("squawk is not installed")
    excepted = [word for rule in SQUAWK_EXCEPT for word in ("--exclude", rule)]
    options = ["--assume-in-transaction", "--pg-version=15.0", "--reporter=gcc", *excepted]
    files = sorted(str(path) for path in FOLDER.glob("*.sql"))
    done = subprocess.run([squawk, *options, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
