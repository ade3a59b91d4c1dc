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
from tests.storage.server_thread import fresh_database, run_sql

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
insert into intents (
    id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
    spend_lamports, token_raw, share_bps, keep_account, state, reserved_lamports, created_at, closed_at
)
select id, id, 'u', 'w', 'paper', 'buy', 'M', 'sniper', 1, 'open', 'c', 'r', 9, 0, 0, false, state, 0, now(), now()
from (values ('i', 'filled'), ('j', 'failed')) as made (id, state);
insert into trades (
    signature, intent_id, position_id, user_id, wallet_id, mint, mode, context, side, slot, block_time, token_raw,
    quote_lamports, protocol_fee_lamports, creator_fee_lamports, network_fee_lamports, rent_lamports, other_lamports,
    wallet_delta_lamports, realized_lamports
)
values ('s', 'i', 'p', 'u', 'w', 'M', 'paper', 'sniper', 'buy', 3, now(), 5, 7, 0, 0, 1, 0, 0, -8, 0);
insert into ledger_entries (intent_id, signature) values ('i', 's'), ('j', 't');
insert into ledger_legs (entry_id, account, lamports)
values (1, 'wallet', -8), (1, 'market', 7), (1, 'network_fee', 1), (2, 'wallet', -2), (2, 'network_fee', 2);
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
            assert position.basis_lamports == position.cost_lamports
            assert [owed.id for owed in await store.due(9)] == ["m"]
            [entry] = await audited(store)
            assert (entry.by, entry.action) == ("program", "cluster bound")
            assert await store.halt() is None
            assert await store.tracked() == []
            assert (await store.wallet_ledger("w")).booked_lamports == -10
            lost = await store.adjust("p", 0, evidence="slot 9", now_ms=0, message=(await store.due(1))[0])
            assert lost.token_raw == 0
    kinds = await run_sql(old, "select kind, wallet_id, position_id, slot from ledger_entries order by id")
    assert [tuple(row.values()) for row in kinds] == [
        ("fill", "w", "p", 3),
        ("fee", "w", None, None),
        ("adjustment", "w", "p", None),
    ]
    [legs] = await run_sql(
        old, "select sum(lamports) as remaining from ledger_legs where account in ('tokens', 'market')"
    )
    assert legs["remaining"] == 0, "what an older program calls the market's share is what the tokens had cost"
