"""A database of an older program: what it held is read as it was meant, with the defaults of what it lacked."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import trio

from bot.storage.address import DatabaseAddress
from bot.storage.island import open_island
from bot.storage.migrate import FOLDER, load, migrate
from bot.storage.store import open_store
from bot.trading.limits import UserSettings
from bot.trading.position import ExitPlan
from tests.storage.books import audited
from tests.storage.server_thread import fresh_database

DEADLINE_S = 60
BEFORE = 4  # the version that the first release of the schema ended with
ROWS = """
insert into users (id, handle, mode, consent_version) values ('u', 'ada', 'paper', 'c');
insert into user_wallets (id, user_id, address, master_key_id, wrapped_data_key, ciphertext)
values ('w', 'u', 'A', 'k', '', '');
insert into user_settings values
    ('u', 1000000000, 1000000000, 5000000000, 500, 1500, 2000, 1000, 900, false, 100000000, 6500, 10, true, 1000000000, 1,
    'UTC');
insert into positions (
    id, user_id, wallet_id, mint, mode, context, state, token_raw, cost_lamports, realized_lamports, take_profit_bps,
    stop_loss_bps, max_hold_s, opened_at
)
values ('p', 'u', 'w', 'M', 'paper', 'sniper', 'open', 5, 7, 0, 2000, 1000, null, now());
insert into outbox (id, user_id, kind, payload, urgent, trace_id, created_at)
values ('m', 'u', 'fill', '{}', false, 't', now());
insert into audit (actor, action, subject, detail) values ('program', 'cluster bound', 'program', 'local');
"""


@pytest.fixture
async def old(server: DatabaseAddress, tmp_path: Path) -> AsyncIterator[DatabaseAddress]:
    """A database at version 4 with a row of each kind that changed since."""
    for migration in load()[:BEFORE]:
        shutil.copy(FOLDER / migration.name, tmp_path)

    async def fill(address: DatabaseAddress) -> None:
        async with asyncpg.create_pool(address.dsn, min_size=1, max_size=1) as pool, pool.acquire() as connection:
            await migrate(connection, load(tmp_path))
            await connection.execute(ROWS)

    async with fresh_database(server) as address, open_island() as island:
        await island.call(fill, address)
        yield address


async def test_what_an_older_program_wrote_is_read_with_the_new_defaults(old: DatabaseAddress) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_store(old) as store:
            assert await store.settings("u") == UserSettings()
            [position] = await store.open_positions()
            assert position.plan == ExitPlan(2_000, 1_000, None)
            assert (position.peak_lamports, position.took_profit) == (0, False)
            assert [owed.id for owed in await store.due(9)] == ["m"]
            [entry] = await audited(store)
            assert (entry.by, entry.action) == ("program", "cluster bound")
            assert await store.halt() is None
            assert await store.tracked() == []
