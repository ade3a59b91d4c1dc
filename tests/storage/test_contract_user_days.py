"""The contract of what the breaker asks: each user's results and failures in a row, for all users in one look."""

from __future__ import annotations

from bot.ports import Store
from bot.trading.breaker import UserDay
from bot.trading.intent import IntentState, Mode
from bot.trading.ledger import legs_of_failed
from tests.storage.storage_samples import (
    NOW_MS,
    bought,
    buy,
    enrol,
    fill_of,
    message,
    planned,
    seen_by_gate,
    sell,
    sent,
    settled,
)

LATER_MS = NOW_MS + 86_400_000  # after every fill of the samples


async def failed(store: Store, key: str, *, at_ms: int = LATER_MS, mode: Mode = Mode.PAPER, owner: str = "ada") -> None:
    wallet = next(wallet for wallet in await store.wallets() if wallet.user_id == f"u-{owner}")
    await sent(store, buy(key, wallet, mint=f"M-{key}", mode=mode))
    await store.close_unfilled(f"i-{key}", IntentState.EXPIRED, "never landed", now_ms=at_ms)


async def test_failures_count_since_the_latest_fill_and_since_the_moment(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    await failed(store, "k1", at_ms=0)
    await bought(store, "k2", ada)
    request = sell("out", ada)
    await sent(store, request)
    realized = (await settled(store, request, fill_of(request, quote_lamports=900))).realized_lamports
    await failed(store, "k3")
    await failed(store, "k4", at_ms=LATER_MS + 1)
    await failed(store, "k5", mode=Mode.LIVE)  # both are in paper mode
    await planned(store, buy("k6", ada, mint="M-k6"))
    await store.close_unfilled("i-k6", IntentState.CANCELLED, "never signed", now_ms=LATER_MS)
    await failed(store, "k7", owner="bob")
    days = await store.user_days({ada.user_id: 0, bob.user_id: 0})
    assert days == {ada.user_id: UserDay(realized, 2), bob.user_id: UserDay(0, 1)}
    days = await store.user_days({ada.user_id: LATER_MS + 1, bob.user_id: 0})
    assert days == {ada.user_id: UserDay(0, 1), bob.user_id: UserDay(0, 1)}
    assert await store.user_days({}) == {}


async def test_a_days_result_is_one_number_wherever_it_is_asked(store: Store) -> None:
    """Lost tokens and the fees of failed orders are in it, beside what sales made."""
    ada = await enrol(store, "ada")
    held = await bought(store, "k", ada)
    await store.adjust(held.id, 500, evidence="slot 9", now_ms=LATER_MS, message=message("m", ada.user_id))
    await sent(store, buy("f", ada, mint="M-f"))
    await store.close_unfilled(
        "i-f", IntentState.FAILED, "slippage", now_ms=LATER_MS, signature="s-f", slot=7, legs=legs_of_failed(5_000)
    )
    lost = held.cost_lamports // 2 + 5_000
    assert (await store.user_days({ada.user_id: 0}))[ada.user_id].realized_lamports == -lost
    assert (await store.day(0, ada.user_id, Mode.PAPER)).realized_lamports == -lost
    assert (await seen_by_gate(store, buy("g", ada, mint="M-g"))).loss_today_lamports == lost
    paper = next(sums for sums in (await store.overview(0)).modes if sums.mode is Mode.PAPER)
    assert paper.realized_lamports == -lost
    assert (await store.user_days({ada.user_id: LATER_MS + 1}))[ada.user_id].realized_lamports == 0
