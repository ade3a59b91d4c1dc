"""The contract of the rows of flattens, held by both stores."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Store
from bot.trading.flatten import FlattenRow, FlattenState
from bot.trading.limits import UserSettings
from tests.storage.storage_samples import NOW_MS, enrol

ROW = FlattenRow("global@5", "p-1", FlattenState.WAITING, NOW_MS, NOW_MS)


async def test_rows_come_back_in_the_order_in_which_they_were_taken_up(store: Store) -> None:
    rows = [replace(ROW, position_id=f"p-{number}") for number in (3, 1, 2)]
    await store.save_flatten_rows(rows)
    await store.save_flatten_rows([replace(ROW, flatten_id="user:u@7")])
    assert await store.flatten_rows("global@5") == rows
    assert await store.flatten_rows("user:u@7") == [replace(ROW, flatten_id="user:u@7")]
    assert await store.flatten_rows("global@6") == []


async def test_a_row_moves_on_and_keeps_when_it_began(store: Store) -> None:
    await store.save_flatten_rows([ROW])
    selling = replace(
        ROW,
        state=FlattenState.SELLING,
        began_at_ms=NOW_MS + 1,
        changed_at_ms=NOW_MS + 1,
        attempts=2,
        last_error="the \0 price fell",
    )
    await store.save_flatten_rows([selling])
    [row] = await store.flatten_rows(ROW.flatten_id)
    assert row == replace(selling, began_at_ms=NOW_MS, last_error="the \ufffd price fell")


async def test_a_late_writer_sets_no_row_back(store: Store) -> None:
    later = replace(ROW, state=FlattenState.SELLING, changed_at_ms=NOW_MS + 5, attempts=3)
    await store.save_flatten_rows([later])
    await store.save_flatten_rows([ROW])
    assert await store.flatten_rows(ROW.flatten_id) == [later]
    begun_anew = replace(ROW, changed_at_ms=NOW_MS + 6)
    await store.save_flatten_rows([begun_anew])
    assert await store.flatten_rows(ROW.flatten_id) == [replace(begun_anew, attempts=3)]


async def test_what_is_sold_stays_sold(store: Store) -> None:
    sold = ROW.moved(FlattenState.SOLD, NOW_MS + 1)
    await store.save_flatten_rows([sold])
    await store.save_flatten_rows([replace(ROW, changed_at_ms=NOW_MS + 9)])
    assert await store.flatten_rows(ROW.flatten_id) == [sold]


async def test_a_thousand_rows_are_one_unit_and_none_are_none(store: Store) -> None:
    rows = [replace(ROW, position_id=f"p-{number}") for number in range(1_000)]
    await store.save_flatten_rows([])
    await store.save_flatten_rows(rows)
    assert len(await store.flatten_rows(ROW.flatten_id)) == 1_000


async def test_settings_of_many_users_come_in_one_look(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob", settings=UserSettings(on_critical="hold"))
    found = await store.many_settings([ada.user_id, bob.user_id, "u-none"])
    assert found == {ada.user_id: UserSettings(), bob.user_id: UserSettings(on_critical="hold")}
    assert await store.many_settings([]) == {}
