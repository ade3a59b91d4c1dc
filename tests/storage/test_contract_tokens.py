"""The contract of `TokenStore`, held by both stores; and the partitions of the real one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import PastPrice, Store, Token
from bot.storage.address import DatabaseAddress
from bot.storage.store import open_store
from tests.storage.server_thread import run_sql
from tests.storage.storage_samples import NOW_MS

MINUTE_MS = 60_000
DAY_MS = 86_400_000
TOKEN = Token("MintOne", "One", "ONE", "https://example.invalid", "Creator", NOW_MS, NOW_MS + MINUTE_MS)
PRICE = PastPrice("MintOne", NOW_MS, 2**64 - 1, 2**64 - 1, 5)
PARTITIONS = """
select inhrelid::regclass::text as name from pg_inherits where inhparent = 'price_points'::regclass order by 1
"""


async def test_a_token_keeps_what_is_known_and_is_never_tracked_for_less_long(store: Store) -> None:
    await store.save_tokens([])
    await store.save_tokens([TOKEN, replace(TOKEN, mint="MintTwo", name="odd \0 name")])
    asked = Token("MintOne", "", "", "", "", None, NOW_MS + 5)
    await store.save_tokens([asked, replace(asked, tracked_until_ms=NOW_MS + 2 * MINUTE_MS)])
    assert await store.token("MintOne") == replace(TOKEN, tracked_until_ms=NOW_MS + 2 * MINUTE_MS)
    assert await store.token("MintTwo") == replace(TOKEN, mint="MintTwo", name="odd \ufffd name")
    assert await store.token("MintThree") is None
    await store.save_tokens([replace(asked, mint="MintThree"), replace(TOKEN, mint="MintThree", launched_at_ms=7)])
    seen_later = await store.token("MintThree")
    assert seen_later is not None
    assert (seen_later.name, seen_later.launched_at_ms) == ("One", 7)
    await store.save_tokens([replace(TOKEN, mint="MintThree", launched_at_ms=9)])
    seen_again = await store.token("MintThree")
    assert seen_again is not None
    assert seen_again.launched_at_ms == 7


async def test_tokens_are_tracked_until_their_time_is_over(store: Store) -> None:
    await store.save_tokens([replace(TOKEN, mint=f"M{n}", tracked_until_ms=NOW_MS + n) for n in range(4)])
    assert [token.mint for token in await store.tracked_tokens(NOW_MS + 1, 9)] == ["M3", "M2"]
    assert [token.mint for token in await store.tracked_tokens(NOW_MS, 1)] == ["M3"]


async def test_a_price_is_found_by_its_moment_and_not_when_it_is_too_old(store: Store) -> None:
    await store.add_prices([])
    later = replace(PRICE, at_ms=NOW_MS + MINUTE_MS, quote_lamports=0)
    await store.add_prices([PRICE, later, replace(PRICE, mint="Other", at_ms=NOW_MS + 1)])
    await store.add_prices([replace(PRICE, token_raw=1)])
    moments_ms = [NOW_MS - 1, NOW_MS, NOW_MS + 500, NOW_MS + 501, NOW_MS + MINUTE_MS + 1]
    assert await store.past_prices("MintOne", moments_ms, no_older_than_ms=500) == [None, PRICE, PRICE, None, later]
    assert await store.past_prices("None", [NOW_MS], no_older_than_ms=500) == [None]
    assert await store.past_prices("MintOne", [], no_older_than_ms=500) == []


async def test_prices_go_by_whole_days_and_tokens_when_nobody_tracks_them(store: Store) -> None:
    await store.save_tokens([TOKEN, replace(TOKEN, mint="MintTwo", tracked_until_ms=NOW_MS - DAY_MS)])
    days_ms = [NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS, NOW_MS]
    await store.add_prices([replace(PRICE, at_ms=at_ms) for at_ms in days_ms])
    await store.forget_tokens(NOW_MS - DAY_MS + 5)
    kept = await store.past_prices("MintOne", days_ms, no_older_than_ms=0)
    assert [None if point is None else point.at_ms for point in kept] == [None, *days_ms[1:]]
    assert await store.token("MintTwo") is None
    assert await store.token("MintOne") == TOKEN


async def test_a_wrong_clock_makes_no_hundred_partitions(store: Store) -> None:
    with pytest.raises(ValueError, match="days at once"):
        await store.add_prices([PRICE, replace(PRICE, at_ms=NOW_MS + 100 * DAY_MS)])
    assert await store.past_prices("MintOne", [NOW_MS], no_older_than_ms=0) == [None]


async def test_each_day_is_a_partition_that_is_dropped_whole(database: DatabaseAddress) -> None:
    async with open_store(database) as store:
        await store.add_prices([replace(PRICE, at_ms=at_ms) for at_ms in (0, DAY_MS - 1, DAY_MS)])
        names = [row["name"] for row in await run_sql(database, PARTITIONS)]
        assert names == ["price_points_19700101", "price_points_19700102"]
        await store.forget_tokens(DAY_MS)
        assert [row["name"] for row in await run_sql(database, PARTITIONS)] == ["price_points_19700102"]
