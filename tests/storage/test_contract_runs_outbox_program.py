"""The contract of snipe runs, the outbox and what belongs to the program, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import Conflict
from bot.ports import BROADCAST, Store
from bot.trading.intent import Context
from bot.trading.signal import Component
from bot.trading.trading_state import GLOBAL, Binds, Cause
from tests.storage.storage_samples import NOW_MS, buy, enrol, message, planned, run, sent


async def test_a_token_is_looked_at_once_per_user_and_epoch(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    first = run("r-1", ada.user_id)
    assert await store.open_run(first)
    assert not await store.open_run(run("r-2", ada.user_id, status="SKIPPED"))
    assert await store.open_run(run("r-3", ada.user_id, epoch=2))
    assert await store.open_run(run("r-4", bob.user_id))
    assert [row.id for row in await store.runs_since(ada.user_id, 0)] == ["r-1", "r-3"]
    assert (await store.runs_since(ada.user_id, 0))[0] == first


async def test_what_a_look_tells_is_written_with_its_run_or_not_at_all(store: Store) -> None:
    ada = await enrol(store, "ada")
    assert await store.open_run(run("r-1", ada.user_id), message("m-1", ada.user_id))
    assert not await store.open_run(run("r-2", ada.user_id), message("m-2", ada.user_id))
    assert [one.id for one in await store.due(10)] == ["m-1"]


async def test_runs_are_listed_from_a_moment_on_oldest_first(store: Store) -> None:
    wallet = await enrol(store)
    for number, at_ms in enumerate((30, 10, 20)):
        await store.open_run(run(f"r-{number}", wallet.user_id, mint=f"M{number}", at_ms=at_ms))
    assert [row.id for row in await store.runs_since(wallet.user_id, 20)] == ["r-2", "r-0"]


async def test_what_became_of_a_look_is_written_whether_its_run_is_there_or_not(store: Store) -> None:
    wallet = await enrol(store)
    ended = replace(run("r-1", wallet.user_id), status="SKIPPED", reason="too risky")
    await store.open_run(run("r-1", wallet.user_id))
    await store.end_run(replace(ended, confidence_bps=1, created_at_ms=NOW_MS + 1))
    assert await store.runs_since(wallet.user_id, 0) == [ended]
    other = replace(run("r-2", wallet.user_id, epoch=2), status="FAILED")
    await store.end_run(other)
    await store.end_run(run("r-3", wallet.user_id, epoch=2))
    assert await store.runs_since(wallet.user_id, 0) == [ended, other]


async def test_a_look_that_ended_at_once_keeps_what_was_measured_and_not_its_evidence(store: Store) -> None:
    wallet = await enrol(store)
    parts = (Component("momentum", 4_200, "inflow 20/30"), Component("scam", 10_000, "a name \x00 \ud800"))
    bare = (Component("momentum", 4_200, ""), Component("scam", 10_000, ""))
    for status in ("MONITORING", "SKIPPED"):
        one = run(f"r-{status}", wallet.user_id, mint=status, status=status)
        await store.open_run(replace(one, components=parts))
    followed, skipped = await store.runs_since(wallet.user_id, 0)
    assert followed.components == (parts[0], Component("scam", 10_000, "a name \ufffd \ufffd"))
    assert (skipped.components, skipped.version) == (bare, "rules-2")


async def test_runs_that_cannot_be_are_refused(store: Store) -> None:
    wallet = await enrol(store)
    await store.open_run(run("r-1", wallet.user_id))
    with pytest.raises(ValueError, match="not the status"):
        await store.open_run(run("r-2", wallet.user_id, mint="M2", status="DREAMING"))
    with pytest.raises(ValueError, match="not the status"):
        await store.end_run(run("r-1", wallet.user_id, status="DREAMING"))
    with pytest.raises(LookupError):
        await store.end_run(run("r-2", "u-none"))
    with pytest.raises(Conflict):
        await store.end_run(run("r-1", wallet.user_id, mint="M2"))
    with pytest.raises(LookupError):
        await store.open_run(run("r-2", "u-none"))
    with pytest.raises(Conflict):
        await store.open_run(run("r-1", wallet.user_id, mint="M2"))


async def test_runs_that_a_stopped_bot_left_expire_and_no_others(store: Store) -> None:
    wallet = await enrol(store)
    statuses = ["ANALYZED", "MONITORING", "EXECUTING", "COMPLETED", "FAILED", "SKIPPED", "EXPIRED", "UNKNOWN"]
    for status in statuses:
        await store.open_run(run(f"r-{status}", wallet.user_id, mint=f"M-{status}", status=status))
    await store.open_run(run("r-bought", wallet.user_id, mint="M-bought"))
    await sent(store, buy("k", wallet, mint="M-bought", context=Context.SNIPER, causation_id="r-bought"))
    await store.open_run(run("r-later", wallet.user_id, mint="M-later", at_ms=NOW_MS + 1))
    assert await store.expire_runs(NOW_MS) == 3
    ended = {row.id: row.status for row in await store.runs_since(wallet.user_id, 0)}
    assert ended == {
        **{f"r-{status}": status for status in statuses},
        "r-ANALYZED": "EXPIRED",
        "r-MONITORING": "EXPIRED",
        "r-EXECUTING": "EXPIRED",
        "r-bought": "EXECUTING",
        "r-later": "ANALYZED",
    }
    assert await store.expire_runs(NOW_MS) == 0


async def test_urgent_messages_come_first_then_the_oldest(store: Store) -> None:
    wallet = await enrol(store)
    user_id = wallet.user_id
    messages = [
        message("new", user_id, at_ms=30),
        message("old", user_id, at_ms=10),
        message("alert", user_id, at_ms=99, urgent=True),
        message("same-time", user_id, at_ms=10),
    ]
    for one in messages:
        await store.post(one)
    assert [owed.id for owed in await store.due(9)] == ["alert", "old", "same-time", "new"]
    assert [owed.id for owed in await store.due(2)] == ["alert", "old"]


async def test_messages_of_users_who_are_left_out_take_no_place_from_others(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for number in range(3):
        await store.post(message(f"ada-{number}", ada.user_id, at_ms=number))
    await store.post(message("bob-0", bob.user_id, at_ms=9))
    assert [owed.id for owed in await store.due(2, [ada.user_id])] == ["bob-0"]
    assert [owed.id for owed in await store.due(9, {ada.user_id, "u-none"})] == ["bob-0"]
    assert await store.due(9, [ada.user_id, bob.user_id]) == []


async def test_what_everybody_is_told_is_written_whole_or_not_at_all_and_is_due_last(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    news = [replace(message(f"n-{one.user_id}", one.user_id, text="hello"), kind=BROADCAST) for one in (ada, bob)]
    with pytest.raises(LookupError):
        await store.post_all([*news, replace(news[0], id="n-nobody", user_id="u-nobody")])
    with pytest.raises(TypeError):
        await store.post_all([*news, message("n-odd", ada.user_id, what=object())])
    assert await store.due(9) == []
    await store.post_all(news)
    await store.delivered(news[0].id, NOW_MS)
    await store.post_all(news)
    await store.post(message("later", ada.user_id, at_ms=NOW_MS + 1))
    assert [owed.id for owed in await store.due(9)] == ["later", news[1].id]
    await store.post_all([])


async def test_a_delivered_message_is_not_due_again(store: Store) -> None:
    wallet = await enrol(store)
    await store.post(message("m-1", wallet.user_id))
    await store.delivered("m-1", NOW_MS)
    await store.delivered("m-1", NOW_MS + 1)
    assert await store.due(9) == []
    await store.post(message("m-1", wallet.user_id))
    assert await store.due(9) == []
    with pytest.raises(LookupError):
        await store.delivered("m-none", NOW_MS)


async def test_a_message_comes_back_as_json_gives_it(store: Store) -> None:
    wallet = await enrol(store)
    strange: dict[str, object] = {
        "name": "\0 \ud800 ✓",
        "big": 2**70,
        "list": [1, None, True, 1.5],
        "z": 1,
        "a": {"b": "c"},
    }
    posted = replace(message("m-1", wallet.user_id), payload=strange)
    await store.post(posted)
    [back] = await store.due(1)
    assert back == posted
    assert list(back.payload) == list(strange)


async def test_the_caller_cannot_change_a_message_that_was_posted(store: Store) -> None:
    wallet = await enrol(store)
    posted = message("m-1", wallet.user_id, amount=1)
    await store.post(posted)
    posted.payload["amount"] = 2
    (await store.due(1))[0].payload["amount"] = 3
    assert [owed.payload for owed in await store.due(1)] == [{"amount": 1}]


async def test_a_message_that_cannot_be_sent_is_refused(store: Store) -> None:
    wallet = await enrol(store)
    with pytest.raises(TypeError):
        await store.post(message("m-1", wallet.user_id, what=object()))
    with pytest.raises(ValueError, match="JSON"):
        await store.post(message("m-1", wallet.user_id, what=float("nan")))
    with pytest.raises(LookupError):
        await store.post(message("m-1", "u-none"))
    assert await store.due(9) == []


async def test_a_database_belongs_to_the_first_cluster_that_it_met(store: Store) -> None:
    assert await store.genesis_hash() is None
    await store.bind_genesis("local")
    await store.bind_genesis("local")
    with pytest.raises(Conflict, match="belongs to the cluster local"):
        await store.bind_genesis("mainnet")
    assert await store.genesis_hash() == "local"


async def test_pause_causes_keep_their_order_and_their_first_words(store: Store) -> None:
    rpc = Cause("rpc", GLOBAL, 5, "rpc_pool", "no endpoint answers")
    mine = Cause("operator", "user:7", 3, "operator", "asked \0 to", Binds.AUTOMATED)
    await store.save_cause(rpc)
    await store.save_cause(mine)
    await store.save_cause(replace(rpc, since_ms=9, why="still"))
    assert await store.causes() == [rpc, replace(mine, why="asked \ufffd to")]
    await store.clear_cause("rpc", GLOBAL, "ada")
    await store.clear_cause("rpc", GLOBAL, "ada")
    await store.save_cause(replace(rpc, since_ms=11))
    assert [(cause.name, cause.since_ms) for cause in await store.causes()] == [("operator", 3), ("rpc", 11)]


async def test_the_same_name_in_two_scopes_is_two_causes(store: Store) -> None:
    await store.save_cause(Cause("loss", "user:1", 1, "guard", "a"))
    await store.save_cause(Cause("loss", "user:2", 2, "guard", "b"))
    await store.clear_cause("loss", "user:1", "ada")
    assert [cause.scope for cause in await store.causes()] == ["user:2"]


async def test_a_ping_is_answered(store: Store) -> None:
    await store.ping()
    await store.take_a_write()


async def test_a_bare_intent_of_a_sniper_needs_no_run(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k", wallet, context=Context.SNIPER, causation_id="no-such-run"))
    assert await store.runs_since(wallet.user_id, 0) == []
