"""Keys that users take out: asked for once at a time, closed by their user or their time, and marked for good once taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import Conflict
from bot.ports import KeyExport, SealedNote, Store, Wallet
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS, enrol, message

NOTE, CODE, LATER = SealedNote("k", b"note"), SealedNote("k", b"code"), SealedNote("k", b"later")


@pytest.fixture
async def wallet(store: Store) -> Wallet:
    return await enrol(store)


async def demand(store: Store, wallet: Wallet, name: str = "a", *, now_ms: int = NOW_MS) -> KeyExport:
    row = KeyExport(f"{name}-{wallet.id}", wallet.user_id, wallet.id, now_ms + 5, now_ms + 10)
    told = message(f"m-{row.id}", wallet.user_id)
    await store.demand_export(row, {row.note: NOTE, "code": CODE}, told, now_ms)
    return row


async def mark(store: Store, row: KeyExport, now_ms: int) -> None:
    told = message(f"left-{row.id}", row.user_id)
    await store.mark_exported(row.user_id, row.id, {"code": LATER}, told, now_ms)


async def test_a_key_is_asked_for_once_at_a_time_and_taken_back_with_its_note(store: Store, wallet: Wallet) -> None:
    other = await enrol(store, "bob")
    row = await demand(store, wallet)
    assert await store.key_exports(wallet.user_id) == [row]
    assert await store.notes(wallet.user_id) == {row.note: NOTE, "code": CODE}
    with pytest.raises(Conflict):
        await demand(store, wallet, "b")
    with pytest.raises(LookupError):
        await demand(store, replace(wallet, user_id=other.user_id), "c")
    assert [owed.id for owed in await store.due(9)] == [f"m-{row.id}"]
    assert not await store.cancel_export(other.user_id, row.id, NOW_MS)
    assert await store.cancel_export(wallet.user_id, row.id, NOW_MS)
    assert not await store.cancel_export(wallet.user_id, row.id, NOW_MS)
    assert await store.key_exports(wallet.user_id) == []
    assert await store.notes(wallet.user_id) == {"code": CODE}
    with pytest.raises(LookupError):
        await mark(store, row, NOW_MS)
    actions = [entry.action for entry in await audited(store) if entry.by == wallet.user_id]
    assert actions[-2:] == ["key export demanded", "key export taken back"]
    await demand(store, wallet, "d")


async def test_one_whose_time_is_over_makes_room(store: Store, wallet: Wallet) -> None:
    first = await demand(store, wallet)
    with pytest.raises(Conflict):
        await demand(store, wallet, "b", now_ms=NOW_MS + 9)
    second = await demand(store, wallet, "c", now_ms=NOW_MS + 10)
    assert await store.key_exports(wallet.user_id) == [second]
    assert first.note not in await store.notes(wallet.user_id)


async def test_what_was_taken_stays_marked(store: Store, wallet: Wallet) -> None:
    row = await demand(store, wallet)
    await mark(store, row, NOW_MS + 6)
    await store.mark_exported(wallet.user_id, row.id, {}, message("again", wallet.user_id), NOW_MS + 7)
    taken = replace(row, exported_at_ms=NOW_MS + 7)
    assert await store.key_exports(wallet.user_id) == [taken]
    assert (await store.notes(wallet.user_id))["code"] == LATER
    assert [owed.id for owed in await store.due(9)][1:] == [f"left-{row.id}", "again"]
    await store.cancel_export(wallet.user_id, row.id, NOW_MS + 8)
    assert await store.key_exports(wallet.user_id) == [replace(taken, is_open=False)]
    actions = [entry.action for entry in await audited(store) if entry.by == wallet.user_id]
    assert actions[-4:] == ["key export demanded", "key exported", "key exported", "key export taken back"]


async def test_who_leaves_takes_no_key_later(store: Store, wallet: Wallet) -> None:
    row = await demand(store, wallet)
    await store.close_account(wallet.user_id, NOW_MS)
    assert await store.key_exports(wallet.user_id) == []
    with pytest.raises(LookupError):
        await mark(store, row, NOW_MS + 6)
