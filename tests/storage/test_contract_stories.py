"""The contract of stories, held by both stores: an order's rows together, found by any of its names."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Landed, Store
from bot.trading.intent import Context, IntentState
from bot.trading.ledger import EntryKind, legs_of_failed
from tests.storage.storage_samples import (
    NOW_MS,
    bought,
    buy,
    enrol,
    fill_of,
    planned,
    run,
    sell,
    sent,
    settled,
)


async def test_an_order_is_found_by_intent_signature_and_position(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    sale = replace(sell("out", wallet, token_raw=400), position_id="p-1")
    await sent(store, sale)
    await settled(store, sale, fill_of(sale, token_raw=400))
    await planned(store, replace(sell("later", wallet), position_id="p-1"), now_ms=NOW_MS + 9)
    assert await store.orders_of("i-k") == ["i-k"]
    assert await store.orders_of("s-out") == ["i-out"]
    assert await store.orders_of("p-1") == ["i-k", "i-out", "i-later"]
    assert await store.orders_of("nothing") == []
    assert await store.order_story("nothing") is None


async def test_the_story_of_a_snipe_has_every_row(store: Store) -> None:
    wallet = await enrol(store)
    await store.open_run(replace(run("r", wallet.user_id), seen_at_ms=NOW_MS - 70))
    request = buy("k", wallet, context=Context.SNIPER, causation_id="r")
    await sent(store, request)
    await settled(store, request, fill_of(request))
    await store.delivered("m-k", NOW_MS + 5)
    story = await store.order_story("i-k")
    assert story is not None
    assert story.intent.state is IntentState.FILLED
    assert story.run is not None
    assert (story.run.seen_at_ms, story.run.status) == (NOW_MS - 70, "COMPLETED")
    assert [(one.attempt.signature, one.sent_at_ms) for one in story.attempts] == [("s-k", NOW_MS)]
    assert story.landed == Landed("s-k", 77, NOW_MS // 1000 * 1000, "p-1", 1_000, 0)
    assert [booked.entry.kind for booked in story.booked] == [EntryKind.FILL]
    assert story.booked[0].entry.wallet_lamports == -410
    assert story.booked[0].at_ms > 0


async def test_the_story_of_a_failed_order_has_what_it_cost(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    await store.close_unfilled(
        "i-k", IntentState.FAILED, "slippage", now_ms=NOW_MS + 7, signature="s-k", legs=legs_of_failed(5_000)
    )
    story = await store.order_story("i-k")
    assert story is not None
    assert (story.intent.failure, story.closed_at_ms, story.landed, story.run) == ("slippage", NOW_MS + 7, None, None)
    assert [booked.entry.wallet_lamports for booked in story.booked] == [-5_000]
