"""Days of what the database keeps for a time, written to a real PostgreSQL by a moved clock: `make retention`.

Each day has as many looks, messages, decisions, refusals and swaps as were asked for, as many commands and tokens, prices; then
what is too old is dropped as the bot drops it. Once everything is as old as it gets, tables and indexes may take no more room
than they did, else it exits with 1. The server is the one that the bot starts; because a day takes a second or two here, its
autovacuum looks round once a second and not once a minute, and each day waits until it has nothing to do.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import structlog
import trio

from bot.execution.forgetting import forget_old
from bot.ports import BOOKS_KEPT_MS, PastPrice, Store, TakenCommand, Token
from bot.settings.sections import PriceHistory
from bot.storage.address import DatabaseAddress
from bot.storage.database import DatabaseTimeouts
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from tests.storage.storage_samples import NOW_MS
from tests.storage.test_contract_copies import placed

DAY_MS = 86_400_000
PRICES_KEPT_MS = PriceHistory().keep_days * DAY_MS
POINTS = 10  # of the price of each token
SHOWN_EVERY = 10
GROWTH = 1.05
VACUUMED_WITHIN_S = 120
# A commit that is not waited for writes the same rows to the same pages.
SETTINGS = {"autovacuum_naptime": "1s", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PATIENT = DatabaseTimeouts(acquire_s=300.0, command_s=300.0, unit_s=300.0, silent_s=300.0)  # it is no matter of time
TABLES = (
    "snipe_runs",
    "outbox",
    "auto_decisions",
    "copies",
    "wallet_signals",
    "wallet_books",
    "chat_inbox",
    "tokens",
    "price_points",
)
# What is written one by one in a bot comes here in a statement each: $1 is the rule, with its user, $2 the day's number, $3 how
# many there are, $4 when the day begins.
ASKED = """
with asked as (
    select
        id as rule_id, user_id, wallet_id, $2::bigint as day, n, $4::timestamptz + n * interval '1 day' / $3::bigint as at,
        md5($2::text || 'mint' || n) || 'AAAAAAAApump' as mint,
        md5($2::text || ' ' || n) || md5(n || ' ' || $2::text) || '11111111111111111111111' as signature
    from copy_rules, generate_series(0, $3::bigint - 1) as n
    where id = $1
)
"""
INSERTS = (
    """
insert into snipe_runs (
    id, user_id, mint, epoch, status, reason, confidence_bps, launch_signature, created_at, seen_at, version, components
)
select md5(signature), user_id, mint, 1, 'ANALYZED', '', 0, signature, at, at, 'rules-3', '[]' from asked
""",
    """
insert into outbox (id, user_id, kind, payload, urgent, trace_id, created_at)
select md5(signature), user_id, 'fill', json_build_object('mint', mint, 'lamports', n), false, md5(mint), at from asked
""",
    """
insert into auto_decisions (
    id, user_id, mint, mode, epoch, verdict, reason, confidence_bps, wallets, spend_lamports, key, decided_at, evidence
)
select
    md5(signature), user_id, mint, 'paper', 4, 'planned', 'confidence 65 % from 2 followed wallets', 6500, 2, 7,
    'auto:' || user_id || mint, at, array['one bought 5 s ago', 'another bought 9 s ago']
from asked
""",
    """
insert into copies (
    id, rule_id, user_id, wallet_id, mode, leader, signature, instruction, mint, side, leader_lamports, leader_token_raw,
    held_before_raw, seen_at, decided_at, state, code, reason, spend_lamports, token_raw, tries, key
)
select
    md5(signature), rule_id, user_id, wallet_id, 'paper', 'Leader', signature, 0, mint, 'buy', 5, 9, 0, at, at, 'refused',
    'cap', 'it is beyond the cap of a day', 0, 0, 0, 'copy:' || md5(signature)
from asked
""",
    """
, swaps as (
    insert into wallet_signals (
        address, mint, side, token_raw, quote_lamports, slot, block_time, signature, held_before_raw, seen_at
    )
    select
        md5('wallet' || n / 2 % 40), md5(day || 'traded' || n / 2) || 'AAAAAAAApump', (array['buy', 'sell'])[n % 2 + 1], 1000,
        1000000, day * $3 + n, at, signature, 0, at
    from asked
    returning address, mint, slot, block_time
)

insert into wallet_books (address, mint, first_at, last_at, last_slot, swaps)
select address, mint, min(block_time), max(block_time), max(slot), count(*) from swaps group by address, mint
""",
)
UPDATES = (
    "update snipe_runs set status = 'SKIPPED', reason = 'too few buyers' where created_at >= $1",
    "update outbox set delivered_at = created_at where created_at >= $1",
    "update auto_decisions set verdict = 'passed', reason = 'too little' where decided_at >= $1",
    "update wallet_books set swaps = swaps + 1 where last_at >= $1",
)
# Partitions count to their table.
SELECT_ROOM = """
select
    case when relname like 'price_points%' then 'price_points' else relname end as name,
    sum(pg_total_relation_size(relid))::bigint as bytes,
    sum(n_live_tup)::bigint as alive,
    sum(n_dead_tup)::bigint as dead,
    sum(autovacuum_count)::bigint as vacuumed
from pg_stat_user_tables
group by 1
"""
# What the server's own rule would have vacuumed: a fifth of the table and fifty rows, or as much of what was inserted.
COUNT_TO_VACUUM = """
select count(*)
from pg_stat_user_tables inner join pg_class on pg_class.oid = pg_stat_user_tables.relid
where n_dead_tup > 50 + 0.2 * greatest(pg_class.reltuples, 0)
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What a table takes with its indexes, its rows, those that are dead, and how often the server cleaned it up."""

    size: int
    alive: int
    dead: int
    vacuumed: int


@dataclass(slots=True)
class Kept:
    """What the tables took at the end of each day."""

    days: list[dict[str, Room]] = field(default_factory=list)

    def grown(self, after: int) -> list[str]:
        """The tables that took more room after that day than at any time between the two halves of what follows it."""
        rest = self.days[after:]
        first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        found = []
        for name in TABLES:
            before, at_last = (max(day[name].size for day in part) for part in (first, second))
            if at_last > before * GROWTH:
                found.append(f"{name}: {_mib(before)} to {_mib(at_last)}")
        return found


async def play(address: DatabaseAddress, days: int, rows: int, shown: Callable[[str], None]) -> Kept:
    """Write the days to a database that is empty; what its tables took."""
    kept = Kept()
    async with open_store(address, timeouts=PATIENT) as store:
        rule = await placed(store)
        for number in range(days):
            begin_ms = NOW_MS + number * DAY_MS
            await store._database.write(_execute, [ASKED + one for one in INSERTS], rule.id, number, rows, begin_ms)
            await store._database.write(_execute, UPDATES, begin_ms)
            await _market(store, number, rows, begin_ms)
            await forget_old(store, begin_ms + DAY_MS, prices_kept_ms=PRICES_KEPT_MS)
            kept.days.append(await _room(store))
            if number % SHOWN_EVERY == SHOWN_EVERY - 1 or number == days - 1:
                shown(_line(number + 1, kept.days[-1]))
    return kept


async def _execute(connection: asyncpg.Connection, statements: Sequence[str], *asked: object) -> None:
    for statement in statements:
        await connection.execute(statement, *asked)


async def _market(store: Store, number: int, rows: int, begin_ms: int) -> None:
    """What a bot writes many at once: commands, tokens and their prices."""
    commands = [TakenCommand(number * rows + place, 7, "/status", begin_ms, 0) for place in range(rows)]
    await store.take_commands(commands, begin_ms)
    await store.finish_commands(commands, begin_ms)
    mints = [f"Mint{number}n{place}pump" for place in range(rows)]
    await store.save_tokens([Token(mint, "Token", "TKN", "", "", begin_ms, begin_ms) for mint in mints])
    moments = [(place, begin_ms + place * DAY_MS // POINTS) for place in range(POINTS)]
    await store.add_prices(
        [PastPrice(mint, at_ms, 10**9 + place, 10**12, 10**9) for mint in mints for place, at_ms in moments]
    )


async def _room(store: PostgresStore) -> dict[str, Room]:
    """What each table takes once the server has cleaned up as much as it would by itself."""
    with trio.fail_after(VACUUMED_WITHIN_S):
        while await store._database.read(_to_vacuum):
            await trio.sleep(0.2)
    return await store._database.read(_rooms)


async def _to_vacuum(connection: asyncpg.Connection) -> int:
    count: int = await connection.fetchval(COUNT_TO_VACUUM)
    return count


async def _rooms(connection: asyncpg.Connection) -> dict[str, Room]:
    rows = await connection.fetch(SELECT_ROOM)
    return {row["name"]: Room(row["bytes"], row["alive"], row["dead"], row["vacuumed"]) for row in rows}


def _line(day: int, room: dict[str, Room]) -> str:
    sizes = "  ".join(f"{room[name].size / 2**20:>{len(name)}.2f}" for name in TABLES)
    mine = [room[name] for name in TABLES]
    total, dead = sum(one.size for one in mine), sum(one.dead for one in mine)
    return f"{day:4}  {sizes}  {total / 2**20:8.2f}  {dead:9,}"


def _mib(count: int) -> str:
    return f"{count / 2**20:.2f} MiB"


async def _campaign(days: int, rows: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_postgres(Path(folder, "postgres"), SETTINGS) as server:
            print(f"{days} days, {rows:,} rows of each kind a day; MiB with indexes at the end of a day")
            print(" day  " + "  ".join(TABLES) + "       all  dead rows")
            kept = await play(server.address, days, rows, lambda line: print(line, flush=True))
    vacuumed = Counter({name: room.vacuumed for name, room in kept.days[-1].items() if name in TABLES})
    print("cleaned up by the server: " + ", ".join(f"{name} {count}" for name, count in vacuumed.most_common()))
    warm = BOOKS_KEPT_MS // DAY_MS + 1
    if days < warm + 2:
        print(f"too short to judge: the oldest is {warm} days old")
        return 0
    found = kept.grown(warm)
    print("not flat:\n" + "\n".join(found) if found else f"flat from day {warm} on")
    return 1 if found else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Play the days that were asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="kept", description="Days of what the database keeps for a time.")
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000)
    asked = parser.parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return trio.run(_campaign, asked.days, asked.rows)


if __name__ == "__main__":
    sys.exit(main())
