"""The contract of the halt latch, the audit and messages that reach nobody, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.ports import Store
from bot.storage.memory_tables import AuditEntry
from bot.trading.trading_state import GLOBAL, Binds, Cause, Halt
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS, enrol, message

RPC = Halt("rpc", NOW_MS, "guard", "no endpoint for 120 s")


async def test_the_first_halt_stays_until_it_is_rearmed(store: Store) -> None:
    assert await store.halt() is None
    assert await store.latch_halt(RPC)
    assert not await store.latch_halt(replace(RPC, cause="database", since_ms=NOW_MS + 1))
    assert await store.halt() == RPC
    assert await store.rearm("operator", NOW_MS + 5)
    assert await store.halt() is None
    assert not await store.rearm("operator", NOW_MS + 6)


async def test_of_many_who_latch_at_once_one_does_and_of_many_who_rearm_one_does(store: Store) -> None:
    latched: list[str] = []
    rearmed: list[str] = []

    async def latch(cause: str) -> None:
        if await store.latch_halt(replace(RPC, cause=cause)):
            latched.append(cause)

    async def rearm(by: str) -> None:
        if await store.rearm(by, NOW_MS):
            rearmed.append(by)

    for act in (latch, rearm):
        async with trio.open_nursery() as nursery:
            for name in "abcde":
                nursery.start_soon(act, name)
        if act is latch:
            halt = await store.halt()
            assert halt is not None
            assert [halt.cause] == latched
    assert len(rearmed) == 1
    assert await store.halt() is None
    assert len(await audited(store)) == 2


async def test_a_halt_may_come_again_after_rearming(store: Store) -> None:
    again = replace(RPC, cause="database", since_ms=NOW_MS + 9, why="gone \0 again")
    await store.latch_halt(RPC)
    await store.rearm("operator", NOW_MS + 5)
    assert await store.latch_halt(again)
    assert await store.halt() == replace(again, why="gone \ufffd again")


async def test_the_audit_tells_who_latched_and_who_rearmed(store: Store) -> None:
    await store.latch_halt(RPC)
    await store.latch_halt(RPC)
    await store.rearm("ada", NOW_MS + 5)
    facts = {"cause": "rpc", "since_ms": NOW_MS, "latched_by": "guard", "why": RPC.why}
    assert await audited(store) == [
        AuditEntry(NOW_MS, "guard", "halt latched", facts),
        AuditEntry(NOW_MS + 5, "ada", "halt rearmed", facts),
    ]


async def test_the_audit_tells_who_paused_and_who_resumed(store: Store) -> None:
    cause = Cause("operator", GLOBAL, NOW_MS, "ada", "lunch")
    await store.save_cause(cause)
    await store.save_cause(replace(cause, by="bob"))
    await store.clear_cause("operator", GLOBAL, "bob")
    await store.clear_cause("operator", GLOBAL, "eve")
    facts = {"cause": "operator", "scope": GLOBAL, "set_by": "ada", "why": "lunch", "binds": "all"}
    [was_set, cleared] = await audited(store)
    assert (cleared.by, cleared.action, cleared.detail) == ("bob", "pause cleared", facts)
    assert was_set == AuditEntry(NOW_MS, "ada", "pause set", facts)


async def test_pauses_of_everybody_are_remembered_when_they_are_over(store: Store) -> None:
    first = Cause("rpc", GLOBAL, NOW_MS, "rpc watch", "no answer", Binds.ALL)
    second = replace(first, since_ms=NOW_MS + 5_000, binds=Binds.AUTOMATED)
    for cause in (first, second):
        await store.save_cause(cause)
        await store.clear_cause("rpc", GLOBAL, "rpc watch")
    await store.save_cause(Cause("paused", "user:ada", NOW_MS + 6_000, "ada", "lunch"))
    assert await store.set_since(NOW_MS - 1) == [first, second]
    assert await store.set_since(NOW_MS) == [second]


async def test_who_ended_a_users_pause_is_remembered_with_its_moment(store: Store) -> None:
    cause = Cause("breaker", "user:ada", NOW_MS, "breaker", "a loss", Binds.AUTOMATED)
    await store.save_cause(cause)
    await store.save_cause(Cause("rpc", GLOBAL, NOW_MS, "rpc watch", "no answer"))
    for one in ("user:ada", GLOBAL):
        await store.clear_cause("breaker" if one != GLOBAL else "rpc", one, "ada", NOW_MS + 5)
    assert await store.ended_since(NOW_MS) == [(replace(cause, since_ms=NOW_MS + 5), "ada", NOW_MS + 5)]
    assert await store.ended_since(NOW_MS + 5) == []


async def test_the_audit_keeps_every_text_that_a_detail_can_hold(store: Store) -> None:
    detail: dict[str, object] = {"number": 1, "who": "\0 \ud800"}
    for _ in range(2):
        await store.audit("ada", "act", detail, NOW_MS)
    assert await audited(store) == [AuditEntry(NOW_MS, "ada", "act", detail)] * 2


async def test_the_binding_of_a_cluster_is_audited_once(store: Store) -> None:
    await store.bind_genesis("local")
    await store.bind_genesis("local")
    [entry] = await audited(store)
    assert (entry.by, entry.action, entry.detail) == ("program", "cluster bound", {"genesis_hash": "local"})


async def test_an_audit_entry_that_json_cannot_say_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        await store.audit("ada", "act", {"what": object()}, NOW_MS)
    with pytest.raises(ValueError, match="JSON"):
        await store.audit("ada", "act", {"what": float("inf")}, NOW_MS)
    assert await audited(store) == []


async def test_a_message_that_reaches_nobody_holds_up_nobody(store: Store) -> None:
    wallet = await enrol(store)
    await store.post(message("blocked", wallet.user_id, urgent=True))
    await store.post(message("fine", wallet.user_id))
    await store.undeliverable("blocked", "the user blocked the bot", NOW_MS)
    await store.undeliverable("blocked", "again", NOW_MS + 1)
    assert [owed.id for owed in await store.due(9)] == ["fine"]
    await store.post(message("blocked", wallet.user_id, urgent=True))
    assert [owed.id for owed in await store.due(9)] == ["fine"]
    with pytest.raises(LookupError):
        await store.undeliverable("none", "who", NOW_MS)


async def test_a_halt_is_known_to_be_over_by_its_own_rearm_or_a_later_one(store: Store) -> None:
    early, late = replace(RPC, since_ms=NOW_MS - 10), replace(RPC, since_ms=NOW_MS + 10)
    ahead = replace(RPC, since_ms=NOW_MS + 100, by="a machine whose clock is ahead")
    await store.latch_halt(RPC)
    assert [await store.halt_ended(halt) for halt in (early, RPC, late)] == [False] * 3
    await store.rearm("operator", NOW_MS + 5)
    assert [await store.halt_ended(halt) for halt in (early, RPC, late)] == [True, True, False]
    await store.latch_halt(ahead)
    await store.rearm("operator", NOW_MS + 20)
    assert await store.halt_ended(ahead)
    assert not await store.halt_ended(replace(ahead, by="another"))
