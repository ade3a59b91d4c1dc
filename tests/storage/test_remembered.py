"""What the store remembers for whoever is in a hurry: never other than the rows, and nobody is asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio

from bot.errors import StoreUnavailable
from bot.ports import Store
from bot.storage.memory import MemoryStore
from bot.trading.limits import UserSettings
from tests.storage.storage_samples import bought, enrol, fill_of, sell, sent, settled
from tests.storage.test_spool import Bench

CHANGED = UserSettings(snipe_enabled=True, snipe_max_lamports=7)


async def test_what_is_remembered_is_what_the_rows_say_after_each_change(store: Store) -> None:
    wallet = await enrol(store)
    assert await store.remembered_settings("u-ada") == UserSettings()
    assert await store.remembered_positions("u-ada") == []
    assert await store.remembered_position("p-1") is None
    await store.change_settings("u-ada", lambda _: CHANGED, by="ada")
    assert await store.remembered_settings("u-ada") == CHANGED
    await bought(store, "b", wallet)
    [held] = await store.remembered_positions("u-ada")
    assert [held] == await store.open_positions("u-ada")
    assert await store.remembered_position(held.id) == held
    await store.note_peak(held.id, held.peak_lamports + 5, token_raw=held.token_raw)
    assert await store.remembered_position(held.id) == await store.position(held.id)
    assert await store.remembered_positions("u-bob") == []
    sale = sell("s", wallet, token_raw=1_000)
    await sent(store, sale)
    await settled(store, sale, fill_of(sale, token_raw=1_000))
    assert await store.remembered_positions("u-ada") == []
    assert await store.remembered_position(held.id) is None  # as of one that never was; its row says that it is closed


async def test_only_an_open_position_that_is_as_it_was_last_seen_is_remembered_so(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "b", wallet)
    [held] = await store.open_positions("u-ada")
    remembers = store.is_remembered(held)  # a store without a memory knows of none
    for other in (replace(held, id="p-9"), replace(held, peak_lamports=held.peak_lamports + 1)):
        assert not store.is_remembered(other)
    await store.note_peak(held.id, held.peak_lamports + 5, token_raw=held.token_raw)
    assert not store.is_remembered(held)
    [higher] = await store.open_positions("u-ada")
    assert store.is_remembered(higher) is remembers
    sale = sell("s", wallet, token_raw=1_000)
    await sent(store, sale)
    await settled(store, sale, fill_of(sale, token_raw=1_000))
    closed = await store.position(held.id)
    assert closed is not None
    assert not any(store.is_remembered(one) for one in (held, higher, closed))


async def test_nobody_is_remembered_who_is_not_there(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.remembered_settings("u-nobody")


async def test_behind_the_spool_nobody_is_asked_for_what_was_read_or_written_before() -> None:
    bench = Bench(MemoryStore())
    await bought(bench.store, "b", await enrol(bench.store))
    bench.link.is_away = True
    assert await bench.store.remembered_settings("u-ada") == UserSettings()
    assert [row.id for row in await bench.store.remembered_positions("u-ada")] == ["p-1"]
    assert (await bench.store.remembered_position("p-1")) is not None
    assert await bench.store.remembered_position("p-2") is None
    [held] = await bench.store.remembered_positions("u-ada")
    assert bench.store.is_remembered(held)
    with pytest.raises(StoreUnavailable):
        await bench.link.settings("u-ada")


async def test_after_a_change_without_an_answer_the_settings_are_read_again() -> None:
    bench = Bench(MemoryStore())
    await enrol(bench.store)
    bench.link.loses.add("change_settings")
    with pytest.raises(StoreUnavailable):
        await bench.store.change_settings("u-ada", lambda _: CHANGED, by="ada")
    bench.link.is_away = False
    assert await bench.store.remembered_settings("u-ada") == CHANGED
    await bench.database.change_settings("u-ada", lambda _: UserSettings(), by="a write that was late")
    assert await bench.store.remembered_settings("u-ada") == UserSettings()
    await bench.store.change_settings("u-ada", lambda _: CHANGED, by="ada")
    bench.link.is_away = True
    assert await bench.store.remembered_settings("u-ada") == CHANGED


@dataclass(slots=True)
class SlowToRead:
    """A store that has read settings and does not say them before it is told to."""

    inner: MemoryStore
    read: trio.Event = field(default_factory=trio.Event)
    say: trio.Event = field(default_factory=trio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def settings(self, user_id: str) -> UserSettings:
        settings = await self.inner.settings(user_id)
        self.read.set()
        await self.say.wait()
        return settings


async def test_a_reading_that_a_change_overtook_is_not_remembered() -> None:
    slow = SlowToRead(MemoryStore())
    bench = Bench(slow)  # type: ignore[arg-type]
    await enrol(bench.store)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.store.settings, "u-ada")
        await slow.read.wait()
        await bench.store.change_settings("u-ada", lambda stored: replace(stored, snipe_max_lamports=7), by="ada")
        slow.say.set()
    assert (await bench.store.remembered_settings("u-ada")).snipe_max_lamports == 7
