"""The contract of what the gate sees of a user's strategies: their open positions, and what they spent in his day."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Store
from bot.trading.intent import Context, IntentState, Mode
from tests.storage.storage_samples import (
    KEY,
    NOW_MS,
    bought,
    buy,
    enrol,
    planned,
    seen_by_gate,
    sell,
)

DAY_MS = 86_400_000


async def test_what_a_user_has_open_counts_over_his_wallets_and_by_what_bought_it(store: Store) -> None:
    wallet = await enrol(store)
    other = replace(wallet, id="w-other", address="Address-other", name="other")
    await store.add_wallet(other, KEY)
    by_hand, snipe = Context.MANUAL_COMMAND, Context.SNIPER
    await bought(store, "held", wallet, mint="MintHeld", context=by_hand)
    await planned(store, buy("more", wallet, mint="MintHeld", context=snipe, causation_id="run-0", spend_lamports=7))
    await planned(store, buy("here", wallet, mint="MintOnItsWay", context=by_hand, spend_lamports=5))
    await planned(
        store, buy("there", other, mint="MintOnItsWay", context=snipe, causation_id="run-1", spend_lamports=3)
    )
    await planned(store, buy("live", wallet, mint="MintLive", mode=Mode.LIVE, context=by_hand))
    await planned(
        store,
        buy("before", other, mint="MintBefore", context=by_hand, spend_lamports=100),
        now_ms=NOW_MS - DAY_MS,
    )

    async def seen(context: Context) -> tuple[int, int, int]:
        run_id = "run-2" if context is snipe else "c"
        request = buy("k", wallet, mint="MintNew", context=context, causation_id=run_id)
        facts = await seen_by_gate(store, request, day_start_ms=NOW_MS)
        return facts.user_positions, facts.strategy_positions, facts.strategy_spent_lamports

    held = await store.intent_of("held")
    assert held is not None
    assert await seen(by_hand) == (4, 3, held.request.spend_lamports + 5)
    assert await seen(snipe) == (4, 1, 10)
    assert await seen(Context.AUTOMATED) == (4, 0, 0)
    await planned(store, buy("told", other, mint="MintTold", context=Context.AI_SIGNAL, spend_lamports=11))
    together = (5, 4, held.request.spend_lamports + 16)
    assert await seen(by_hand) == await seen(Context.AI_SIGNAL) == together, (
        "what he buys by an opinion he buys by hand"
    )
    assert (await seen(snipe))[1:] == (1, 10)
    await store.close_unfilled("i-told", IntentState.CANCELLED, "no", now_ms=NOW_MS)
    await store.close_unfilled("i-here", IntentState.CANCELLED, "no", now_ms=NOW_MS)
    assert await seen(by_hand) == (3, 2, held.request.spend_lamports)
    sale = await seen_by_gate(store, sell("out", wallet, mint="MintHeld"), day_start_ms=NOW_MS)
    assert (sale.user_positions, sale.strategy_positions, sale.strategy_spent_lamports) == (0, 0, 0)
