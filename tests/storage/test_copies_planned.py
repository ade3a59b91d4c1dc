"""What a thousand followers have spent is asked with a plan for so many, however often it was asked before."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import trio

from bot.ports import SpentBy, Wallet
from bot.storage.address import DatabaseAddress
from bot.storage.copies import SELECT_SPENT
from bot.storage.store import open_store
from bot.trading.intent import Mode
from tests.storage.storage_samples import MINT, NOW_MS
from tests.storage.test_contract_copies import rule_of

FOLLOWERS = 500
TIMES = 8  # a server makes a plan for any number of followers after five
WITHIN_S = 60

PLANS_FOR_ANY_NUMBER = "select coalesce(sum(generic_plans), 0) from pg_prepared_statements where statement = $1"


async def _counted(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval(PLANS_FOR_ANY_NUMBER, SELECT_SPENT))


async def test_no_plan_for_any_number_of_followers_is_kept(database: DatabaseAddress) -> None:
    rule = rule_of(Wallet("w-ada", "u-ada", "Address", Mode.PAPER))
    asked = [SpentBy(replace(rule, user_id=f"u-{number}"), NOW_MS, NOW_MS) for number in range(FOLLOWERS)]
    with trio.fail_after(WITHIN_S):
        async with open_store(database) as store:
            for _ in range(TIMES):
                assert len(await store.copies_spent(asked, MINT)) == FOLLOWERS
                assert await store._database.read(_counted) == 0
