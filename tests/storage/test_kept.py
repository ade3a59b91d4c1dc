"""The campaign of retention in small: what is written every day stays as many rows as its age has days."""

from __future__ import annotations

import trio

from bot.storage.address import DatabaseAddress
from tests.storage.kept import TABLES, Kept, Room, play
from tests.storage.server_thread import TEMPLATE, fresh_database, run_sql

ROWS = 2  # of each kind a day: too few for the server to clean up after them, which nobody waits for here
DAYS = 10
DEADLINE_S = 60
# The day that is written, and those of the ages in bot/ports.
KEPT_DAYS = {
    "snipe_runs": 8,
    "auto_decisions": 8,
    "copies": 8,
    "outbox": DAYS,
    "wallet_signals": DAYS,
    "chat_inbox": 4,
    "tokens": 7,
}


async def test_a_table_has_as_many_days_as_its_age_however_long_it_is_written(server: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with fresh_database(server, TEMPLATE) as address:
            told: list[str] = []
            kept = await play(address, DAYS, ROWS, told.append)
            [counts] = await run_sql(
                address, "select " + ", ".join(f"(select count(*) from {name}) as {name}" for name in KEPT_DAYS)
            )
    assert {name: counts[name] // ROWS for name in KEPT_DAYS} == KEPT_DAYS
    assert len(kept.days) == DAYS
    assert set(TABLES) <= kept.days[-1].keys()
    assert len(told) == 1


def test_a_table_that_takes_more_room_in_the_second_half_is_named() -> None:
    flat, more = Room(1_000_000, 1, 0, 1), Room(1_060_000, 1, 0, 1)
    same = dict.fromkeys(TABLES, flat)
    kept = Kept([same] * 5 + [{**same, "outbox": more}])
    assert kept.grown(1) == ["outbox: 0.95 MiB to 1.01 MiB"]
    assert Kept([same, {**same, "outbox": more}, same, same]).grown(0) == []
