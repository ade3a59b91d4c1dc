"""The contract of `ConfigStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.errors import Conflict
from bot.ports import ConfigVersion, Store
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS

FIRST = ConfigVersion(
    1,
    NOW_MS,
    "operator ada",
    "the market is thin",
    {"trading.max_trade_sol": "0.2", "logs.level": "debug"},
    {"trading.max_trade_sol": ("1", "0.2"), "logs.level": ("info", "debug")},
)
SECOND = replace(FIRST, number=2, at_ms=NOW_MS + 5, values={}, changed={"logs.level": ("debug", "info")})


async def test_nothing_was_changed_before_the_first_version(store: Store) -> None:
    assert await store.config_version() is None
    assert await store.config_version(1) is None
    assert await store.config_versions(10) == []


async def test_versions_stay_and_the_newest_is_found_without_its_number(store: Store) -> None:
    for version in (FIRST, SECOND):
        await store.save_config(version)
    assert await store.config_version() == SECOND
    assert await store.config_version(1) == FIRST
    assert await store.config_version(0) is None
    assert await store.config_version(3) is None
    assert await store.config_versions(10) == [SECOND, FIRST]
    assert await store.config_versions(1) == [SECOND]


async def test_a_version_that_is_not_the_next_is_refused_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(Conflict, match="not the next one"):
        await store.save_config(SECOND)
    await store.save_config(FIRST)
    with pytest.raises(Conflict, match="not the next one"):
        await store.save_config(FIRST)
    assert await store.config_versions(10) == [FIRST]
    assert [entry.action for entry in await audited(store)] == ["config changed"]


async def test_of_many_who_change_at_once_one_does(store: Store) -> None:
    saved: list[str] = []

    async def save(by: str) -> None:
        try:
            await store.save_config(replace(FIRST, by=by))
        except Conflict:
            return
        saved.append(by)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(save, f"operator {number}")
    assert [version.by for version in await store.config_versions(10)] == saved
    assert len(saved) == 1


async def test_the_audit_has_who_changed_what_and_why(store: Store) -> None:
    await store.save_config(FIRST)
    [entry] = await audited(store)
    assert (entry.by, entry.action) == ("operator ada", "config changed")
    assert entry.detail["version"] == 1
    assert entry.detail["why"] == "the market is thin"
    assert entry.detail["changed"] == {"trading.max_trade_sol": ["1", "0.2"], "logs.level": ["info", "debug"]}


async def test_what_no_text_of_postgres_can_hold_is_replaced(store: Store) -> None:
    await store.save_config(replace(FIRST, why="a\0b\ud800"))
    assert (await store.config_versions(1))[0].why == "a\ufffdb\ufffd"
