"""The contract of what the books keep for a time, held by both stores."""

from __future__ import annotations

from bot.ports import BROADCAST, Store
from tests.storage.storage_samples import NOW_MS, enrol, message, run


async def test_looks_that_came_to_nothing_are_dropped_by_their_age_and_others_stay(store: Store) -> None:
    wallet = await enrol(store)
    looks = (
        ("old-1", "SKIPPED", 10),
        ("old-2", "EXPIRED", 20),
        ("bought", "COMPLETED", 10),
        ("open", "MONITORING", 10),
        ("new", "SKIPPED", 30),
    )
    for name, status, at_ms in looks:
        await store.open_run(run(name, wallet.user_id, mint=f"M-{name}", status=status, at_ms=at_ms))
    assert await store.forget_runs(30, 1) == 1
    assert {one.id for one in await store.runs_since(wallet.user_id, 0)} == {"old-2", "bought", "open", "new"}
    assert await store.forget_runs(30, 10) == 1
    assert await store.forget_runs(30, 10) == 0
    assert {one.id for one in await store.runs_since(wallet.user_id, 0)} == {"bought", "open", "new"}


async def test_messages_are_dropped_once_they_are_old_and_owed_no_more(store: Store) -> None:
    wallet = await enrol(store)
    for name, at_ms in (("told", 10), ("given-up", 20), ("owed", 10), ("young", 30)):
        await store.post(message(name, wallet.user_id, at_ms=at_ms))
    await store.delivered("told", NOW_MS)
    await store.undeliverable("given-up", "he left", NOW_MS)
    await store.delivered("young", NOW_MS)
    assert await store.forget_messages(30, 1) == 1
    assert await store.forget_messages(30, 10) == 1
    assert await store.forget_messages(30, 10) == 0
    assert [one.id for one in await store.due(10)] == ["owed"]
    left = {one.id for one in (await store.latest_messages(["fill", BROADCAST], 10))}
    assert left == {"owed", "young"}
