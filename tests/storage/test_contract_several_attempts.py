"""Several attempts of one exit: they end one by one, the intent with the last, and its mint is free only then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import Store, Wallet
from bot.trading.intent import AttemptState, IntentState
from bot.trading.ledger import legs_of_failed
from tests.storage.books import entries
from tests.storage.storage_samples import (
    MINT,
    NOW_MS,
    attempt,
    bought,
    buy,
    enrol,
    fill_of,
    message,
    seen_by_gate,
    sell,
    sent,
    settled,
)

OTHERS = (IntentState.FAILED, IntentState.EXPIRED)


@pytest.fixture
async def wallet(store: Store) -> Wallet:
    """A wallet whose exit `i-k` was signed twice: `s-k` and `s-2`, both sent."""
    wallet = await enrol(store)
    await bought(store, "in", wallet)
    await sent(store, sell("k", wallet))
    await store.record_attempt(attempt("i-k", "s-2", number=2))
    await store.mark_sent("s-2", NOW_MS)
    return wallet


async def close(store: Store, wallet: Wallet, state: IntentState, signature: str) -> bool:
    return await store.close_unfilled(
        "i-k",
        state,
        "no fill",
        now_ms=NOW_MS,
        signature=signature,
        slot=7 if state is IntentState.FAILED else None,
        legs=legs_of_failed(5_000) if state is IntentState.FAILED else (),
        message=message(f"m-{signature}", wallet.user_id),
    )


async def told(store: Store) -> list[str]:
    return [owed.id for owed in await store.due(9) if owed.id.startswith("m-s")]


@pytest.mark.parametrize("first", OTHERS)
@pytest.mark.parametrize("last", OTHERS)
async def test_an_exit_without_a_fill_ends_with_its_last_attempt(
    store: Store, wallet: Wallet, first: IntentState, last: IntentState
) -> None:
    assert not await close(store, wallet, first, "s-k")
    [(intent, rows)] = await store.in_flight()
    assert intent.state is IntentState.SENT
    assert [row.state is AttemptState.SENT for row in rows] == [False, True]
    assert await told(store) == []
    assert not await close(store, wallet, first, "s-k")
    assert await close(store, wallet, last, "s-2")
    assert await store.in_flight() == []
    assert await told(store) == ["m-s-2"]
    booked = [(intent_id, signature) for intent_id, signature, _ in await entries(store) if intent_id == "i-k"]
    wanted = [("i-k", "s-k"), ("i-k", "s-2")]
    assert booked == [pair for pair, end in zip(wanted, (first, last), strict=True) if end is IntentState.FAILED]


@pytest.mark.parametrize("end", OTHERS)
async def test_after_the_fill_no_buy_of_the_mint_until_the_other_attempt_is_resolved(
    store: Store, wallet: Wallet, end: IntentState
) -> None:
    request = sell("k", wallet)
    await settled(store, request, replace(fill_of(request), signature="s-2"))
    assert await store.in_flight() == []
    [(intent, rows)] = await store.unproven()
    assert (intent.id, intent.state, [row.signature for row in rows]) == ("i-k", IntentState.FILLED, ["s-k"])
    assert (await seen_by_gate(store, buy("again", wallet))).mint_in_flight == 1
    assert (await seen_by_gate(store, buy("other", wallet, mint=f"{MINT}Other"))).mint_in_flight == 0
    assert not await close(store, wallet, end, "s-k")
    assert await store.unproven() == []
    assert (await seen_by_gate(store, buy("again", wallet))).mint_in_flight == 0
    assert await told(store) == []
    state = await store.intent("i-k")
    assert state is not None and state.state is IntentState.FILLED


async def test_the_fee_of_an_attempt_that_landed_after_the_fill_is_booked_once(store: Store, wallet: Wallet) -> None:
    request = sell("k", wallet)
    await settled(store, request, replace(fill_of(request), signature="s-2"))
    for _ in range(2):
        assert not await close(store, wallet, IntentState.FAILED, "s-k")
    assert [legs for _, signature, legs in await entries(store) if signature == "s-k"] == [legs_of_failed(5_000)]
    mine = (wallet.user_id, wallet.mode)
    sums = await store.result_sums(*mine, 0, 9)
    assert sums.untraded_lamports == -5_000
    [day] = await store.period_sums(*mine, [0, NOW_MS * 2])
    assert day.realized_lamports == sums.realized_lamports == (await store.day(0, *mine)).realized_lamports
    assert day.fees_lamports == 20 + 5_000
    of_mode = next(one for one in (await store.overview(0)).modes if one.mode is wallet.mode)
    assert (of_mode.realized_lamports, of_mode.fees_lamports) == (day.realized_lamports, day.fees_lamports)
    assert await store.reverse("s-k", landed_slot=7, evidence="slot 99", now_ms=NOW_MS, message=lambda _: None)
    assert (await store.day(0, *mine)).realized_lamports == day.realized_lamports + 5_000
    assert (await store.period_sums(*mine, [0, NOW_MS * 2]))[0].fees_lamports == 20
