"""Closings of emptied accounts: one at a time, of what nothing else moves; what came back is booked once for each landing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import Conflict
from bot.ports import Reversed, Store, Wallet
from bot.trading.intent import AttemptState, Intent, IntentState, Mode
from bot.trading.ledger import Account, Leg, legs_of_failed
from tests.storage.books import entries
from tests.storage.storage_samples import (
    MINT,
    NOW_MS,
    attempt,
    bought,
    buy,
    close,
    closed,
    enrol,
    fill_of,
    planned,
    seen_by_gate,
    sell,
    sent,
    settled,
)

RENT = 2_000_000
FEE = 6_000
FREE = "MintFree"


@pytest.fixture
async def wallet(store: Store) -> Wallet:
    return await enrol(store)


async def plan(store: Store, wallet: Wallet, *mints: str, key: str = "c") -> Intent | None:
    return await store.plan_closing(
        close(key, wallet, *mints), intent_id=f"i-{key}", now_ms=NOW_MS, reserved_lamports=FEE
    )


async def sent_closing(store: Store, wallet: Wallet, *mints: str) -> Intent:
    intent = await plan(store, wallet, *mints)
    assert intent is not None
    await store.record_attempt(attempt(intent.id, "s-c", sells_all=False))
    await store.mark_sent("s-c", NOW_MS)
    return intent


async def sold_with_rent(store: Store, wallet: Wallet) -> None:
    """A buy that locked rent and a sale of all of it that left the account, both final."""
    request = buy("in", wallet)
    await sent(store, request)
    fill = fill_of(request)
    fill = replace(fill, rent_lamports=RENT, wallet_delta_lamports=fill.wallet_delta_lamports - RENT)
    await settled(store, request, fill)
    request = sell("out", wallet)
    await sent(store, request)
    await settled(store, request, fill_of(request))
    await store.finalize([("s-in", 77), ("s-out", 77)])


async def state_of(store: Store, intent_id: str = "i-c") -> IntentState:
    found = await store.intent(intent_id)
    assert found is not None
    return found.state


async def test_a_closing_is_planned_once_with_its_fee_reserved(store: Store, wallet: Wallet) -> None:
    intent = await plan(store, wallet, FREE)
    assert intent is not None
    assert (intent.state, intent.request.closes, intent.reserved_lamports) == (IntentState.PLANNED, (FREE,), FEE)
    assert await plan(store, wallet, FREE) == intent
    assert await plan(store, wallet, "MintOther", key="second") is None
    assert [row for row, _ in await store.in_flight()] == [intent]
    with pytest.raises(LookupError):
        await plan(store, replace(wallet, user_id="u-nobody"), FREE, key="third")


async def test_what_is_held_or_on_its_way_or_not_final_is_left_out(store: Store, wallet: Wallet) -> None:
    await bought(store, "held", wallet, mint="MintHeld", position_id="p-held")
    await planned(store, buy("wanted", wallet, mint="MintWanted"))
    assert await plan(store, wallet, "MintHeld", "MintWanted") is None
    await bought(store, "in", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    await settled(store, request, fill_of(request))
    assert await plan(store, wallet, MINT) is None
    await store.finalize([("s-in", 77), ("s-out", 77)])
    intent = await plan(store, wallet, "MintHeld", MINT, "MintWanted", FREE)
    assert intent is not None
    assert intent.request.closes == (MINT, FREE)


async def test_a_buy_of_a_token_whose_account_is_being_closed_waits(store: Store, wallet: Wallet) -> None:
    await sent_closing(store, wallet, MINT, FREE)
    assert (await seen_by_gate(store, buy("in", wallet))).mint_in_flight == 1
    assert (await seen_by_gate(store, sell("out", wallet))).mint_sells_in_flight == 0
    assert (await seen_by_gate(store, buy("other", wallet, mint="MintOther"))).mint_in_flight == 0
    assert (await seen_by_gate(store, buy("other", wallet, mint="MintOther"))).reserved_lamports == FEE


async def test_rent_that_orders_had_paid_comes_back_and_other_rent_is_from_outside(
    store: Store, wallet: Wallet
) -> None:
    await sold_with_rent(store, wallet)
    before = (await store.wallet_ledger(wallet.id)).booked_lamports
    await sent_closing(store, wallet, MINT, FREE)
    landed = closed("s-c", {MINT: RENT, FREE: RENT})
    assert await store.settle_closing("i-c", landed, now_ms=NOW_MS + 1)
    assert await state_of(store) is IntentState.FILLED
    intent_id, signature, legs = (await entries(store))[-1]
    assert (intent_id, signature) == ("i-c", "s-c")
    assert set(legs) == {
        Leg(Account.WALLET, 2 * RENT - FEE),
        Leg(Account.NETWORK_FEE, 5_000),
        Leg(Account.PRIORITY_FEE, 1_000),
        Leg(Account.RENT, -RENT),
        Leg(Account.OUTSIDE, -RENT),
    }
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == before + 2 * RENT - FEE
    assert not await store.settle_closing("i-c", landed, now_ms=NOW_MS + 1)
    assert len([row for row in await entries(store) if row[0] == "i-c"]) == 1
    [one] = [row for row in await store.unfinal(9) if row.attempt.signature == "s-c"]
    assert (one.attempt.state, one.attempt.landed_slot) == (AttemptState.LANDED, 77)


async def test_what_a_closing_cost_counts_in_the_day_and_it_is_no_trade(store: Store, wallet: Wallet) -> None:
    await sent_closing(store, wallet, FREE)
    await store.settle_closing("i-c", closed("s-c", {FREE: RENT}), now_ms=NOW_MS)
    day = await store.day(NOW_MS, wallet.user_id, Mode.PAPER)
    assert (day.buys, day.sells, day.failed, day.realized_lamports) == (0, 0, 0, -FEE)
    assert (await store.day(NOW_MS + 1)).realized_lamports == 0
    [sums] = [row for row in (await store.overview(NOW_MS)).modes if row.mode is Mode.PAPER]
    assert (sums.failed, sums.fees_lamports, sums.reserved_lamports) == (0, FEE, 0)


async def test_a_closing_that_failed_costs_its_fee_and_is_no_failed_trade(store: Store, wallet: Wallet) -> None:
    await sent_closing(store, wallet, FREE)
    await store.close_unfilled(
        "i-c",
        IntentState.FAILED,
        "not empty",
        now_ms=NOW_MS,
        signature="s-c",
        slot=77,
        legs=legs_of_failed(FEE),
    )
    day = await store.day(NOW_MS)
    assert (day.failed, day.realized_lamports) == (0, -FEE)
    assert (await store.user_days({wallet.user_id: 0}))[wallet.user_id].failures_in_row == 0
    assert (await plan(store, wallet, FREE, key="again")) is not None


async def test_a_closing_that_the_network_took_back_is_on_its_way_again_and_booked_anew(
    store: Store, wallet: Wallet
) -> None:
    await sent_closing(store, wallet, FREE)
    landed = closed("s-c", {FREE: RENT})
    await store.settle_closing("i-c", landed, now_ms=NOW_MS)
    assert await plan(store, wallet, "Another", key="beside") is not None

    def quietly(_: Reversed) -> None:
        return None

    [back] = await store.reverse("s-c", landed_slot=77, evidence="slot 99", now_ms=NOW_MS + 1, message=quietly)
    assert (back.intent.state, back.attempt.state, back.position) == (IntentState.SENT, AttemptState.SENT, None)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == 0
    assert await store.due(9) == []
    assert (await store.day(0)).realized_lamports == 0
    assert await store.settle_closing("i-c", landed, now_ms=NOW_MS + 2)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == RENT - FEE
    assert len([row for row in await entries(store) if row[0] == "i-c"]) == 3


async def test_a_closing_has_no_fill_and_a_sale_is_no_closing(store: Store, wallet: Wallet) -> None:
    intent = await sent_closing(store, wallet, FREE)
    with pytest.raises(ValueError, match="close"):
        await settled(store, intent.request, fill_of(intent.request))
    await sent(store, sell("out", wallet))
    with pytest.raises(ValueError, match="no closing"):
        await store.settle_closing("i-out", closed("s-out", {FREE: RENT}), now_ms=NOW_MS)
    await store.close_unfilled("i-c", IntentState.EXPIRED, "never landed", now_ms=NOW_MS, signature="s-c")
    with pytest.raises(Conflict):
        await store.settle_closing("i-c", closed("s-c", {FREE: RENT}), now_ms=NOW_MS)


async def test_the_story_of_a_position_tells_of_its_closed_account(store: Store, wallet: Wallet) -> None:
    await sold_with_rent(store, wallet)
    await sent_closing(store, wallet, MINT)
    assert "i-c" not in await store.orders_of("p-1")
    await store.settle_closing("i-c", closed("s-c", {MINT: RENT}), now_ms=NOW_MS)
    assert list(await store.orders_of("p-1")) == ["i-in", "i-out", "i-c"]
    assert list(await store.orders_of("s-c")) == ["i-c"]
    story = await store.order_story("i-c")
    assert story is not None
    assert (story.landed, [one.entry.kind.value for one in story.booked]) == (None, ["closing"])
