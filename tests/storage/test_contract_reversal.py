"""What the network takes back: each landing is reversed once, by further rows, and the same bytes settle once more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import OutboxMessage, Reversed, Store, Wallet
from bot.trading.intent import AttemptState, Context, Intent, IntentState
from bot.trading.ledger import EntryKind, legs_of_failed
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import ENTRY_OVERHEAD_LAMPORTS
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
    run,
    seen_by_gate,
    sell,
    sent,
    settled,
)

SLOT = 77  # of every fill of these samples
EVIDENCE = "slot 120 is finalized on two endpoints and neither knows it"


@pytest.fixture
async def wallet(store: Store) -> Wallet:
    return await enrol(store)


def told(reversed_: Reversed) -> OutboxMessage:
    return message(f"back-{reversed_.attempt.signature}", reversed_.intent.request.user_id, slot=reversed_.slot)


async def take_back(store: Store, signature: str, *, slot: int = SLOT) -> list[Reversed]:
    return await store.reverse(signature, landed_slot=slot, evidence=EVIDENCE, now_ms=NOW_MS + 5, message=told)


async def sold(
    store: Store, key: str, wallet: Wallet, *, token_raw: int = 1_000, quote_lamports: int = 900
) -> Position:
    request = sell(key, wallet)
    await sent(store, request)
    fill = fill_of(request, token_raw=token_raw, quote_lamports=quote_lamports)
    return (await settled(store, request, fill)).position


async def the_position(store: Store, position_id: str = "p-1") -> Position:
    found = await store.position(position_id)
    assert found is not None
    return found


async def the_intent(store: Store, key: str) -> Intent:
    found = await store.intent(f"i-{key}")
    assert found is not None
    return found


async def nothing_is_booked(store: Store, wallet: Wallet) -> bool:
    """Whether every account sums to zero, entry by entry and over all of them."""
    legs = [leg for _, _, of_entry in await entries(store) for leg in of_entry]
    booked = (await store.wallet_ledger(wallet.id)).booked_lamports
    accounts = {leg.account for leg in legs}
    sums = {account: sum(leg.lamports for leg in legs if leg.account is account) for account in accounts}
    return booked == 0 and not any(sums.values())


async def test_a_landing_is_open_until_it_is_said_to_be_final(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    [landed] = await store.unfinal(9)
    assert (landed.intent.id, landed.attempt.landed_slot, landed.attempt.state) == ("i-in", SLOT, AttemptState.LANDED)
    assert await store.unfinal(9, wallet.id) == [landed]
    assert await store.unfinal(9, "w-other") == []
    assert await store.unfinal(0) == []
    await store.finalize([("s-in", SLOT + 1), ("s-other", SLOT)])
    assert await store.unfinal(9) == [landed], "final elsewhere is not final here"
    await store.finalize([("s-in", SLOT)])
    assert await store.unfinal(9) == []
    assert await take_back(store, "s-in") == [], "what is final stays"
    await store.finalize([])


async def test_a_buy_that_is_taken_back_closes_its_position_and_is_on_its_way_again(
    store: Store, wallet: Wallet
) -> None:
    await bought(store, "in", wallet)
    [back] = await take_back(store, "s-in")
    assert (back.slot, back.fill, back.intent.state) == (SLOT, fill_of(buy("in", wallet)), IntentState.SENT)
    assert (back.attempt.state, back.attempt.rollbacks, back.attempt.landed_slot) == (AttemptState.SENT, 1, None)
    assert back.position == await the_position(store)
    assert (back.position.state, back.position.token_raw, back.position.closed_at_ms) == (
        PositionState.CLOSED,
        0,
        NOW_MS + 5,
    )
    assert (back.position.cost_lamports, back.position.basis_lamports, back.position.realized_lamports) == (0, 0, 0)
    [(intent, [row])] = await store.in_flight()
    assert (intent, row) == (back.intent, back.attempt)
    assert intent.reserved_lamports == 500 + ENTRY_OVERHEAD_LAMPORTS
    assert await nothing_is_booked(store, wallet)
    assert (await store.day(0)).buys == 0
    assert {(sums.won, sums.lost) for sums in (await store.overview(0)).modes} == {(0, 0)}
    assert [owed.id for owed in await store.due(9)][-1] == "back-s-in"
    assert (await seen_by_gate(store, buy("more", wallet))).mint_in_flight == 1
    assert await take_back(store, "s-in") == [], "once"
    assert await store.unfinal(9) == []


async def test_the_same_bytes_settle_once_more_in_another_slot(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    await take_back(store, "s-in")
    request = buy("in", wallet)
    again = replace(fill_of(request, token_raw=990), slot=SLOT + 9)
    for _ in range(2):
        position = (await settled(store, request, again, position_id="p-2")).position
        assert (position.id, position.token_raw, position.state) == ("p-2", 990, PositionState.OPEN)
    assert await store.in_flight() == []
    assert (await store.day(0)).buys == 1
    [landed] = await store.unfinal(9)
    assert (landed.attempt.landed_slot, landed.attempt.rollbacks) == (SLOT + 9, 1)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == again.wallet_delta_lamports
    assert await take_back(store, "s-in") == [], "that landing was taken back already"
    [back] = await take_back(store, "s-in", slot=SLOT + 9)
    assert back.attempt.rollbacks == 2
    assert await nothing_is_booked(store, wallet)


async def test_a_sale_that_is_taken_back_opens_its_position_as_it_was(store: Store, wallet: Wallet) -> None:
    before = await bought(store, "in", wallet)
    after = await sold(store, "out", wallet)
    assert after.state is PositionState.CLOSED
    assert after.realized_lamports != 0
    [back] = await take_back(store, "s-out")
    assert back.position == replace(before, peak_lamports=890) == await the_position(store)
    assert await store.open_positions() == [back.position]
    assert (await the_intent(store, "out")).state is IntentState.SENT
    day = await store.day(0)
    assert (day.buys, day.sells, day.realized_lamports) == (1, 0, 0)
    assert (await seen_by_gate(store, sell("again", wallet))).mint_sells_in_flight == 1


async def test_a_part_that_was_sold_comes_back_at_what_it_had_cost(store: Store, wallet: Wallet) -> None:
    before = await bought(store, "in", wallet, token_raw=1_001)
    await store.note_peak("p-1", 5_000, token_raw=1_001)
    left = await sold(store, "part", wallet, token_raw=333)
    assert left.took_profit
    assert (left.levels_taken, left.bought_raw) == (1, 1_001)
    assert left.state is PositionState.OPEN
    [back] = await take_back(store, "s-part")
    assert back.position is not None
    assert replace(back.position, peak_lamports=0) == before
    assert 4_990 <= back.position.peak_lamports <= 5_000


async def test_a_sale_of_more_than_the_books_held_gives_back_what_they_held(store: Store, wallet: Wallet) -> None:
    """Found by the simulation: the network had taken back the sale of a part, and the next one sold the whole."""
    before = await bought(store, "in", wallet, token_raw=1_000)
    await sold(store, "half", wallet, token_raw=500)
    await sold(store, "all", wallet, token_raw=1_000)
    all_back, half_back = await take_back(store, "s-half")
    assert all_back.position is not None
    assert half_back.position is not None
    assert (all_back.position.token_raw, half_back.position.token_raw) == (500, 1_000)
    assert replace(half_back.position, peak_lamports=before.peak_lamports) == before
    again = replace(fill_of(sell("all", wallet), token_raw=1_000, quote_lamports=900), slot=SLOT + 9)
    assert (await settled(store, sell("all", wallet), again)).position.state is PositionState.CLOSED
    assert await store.open_positions() == []


async def test_a_sale_of_what_came_from_outside_opens_no_position_when_it_is_taken_back(
    store: Store, wallet: Wallet
) -> None:
    await bought(store, "in", wallet)
    await sold(store, "out", wallet)
    closed = await the_position(store)
    await sold(store, "more", wallet, token_raw=50)
    [back] = await take_back(store, "s-more")
    assert back.position == closed == await the_position(store)


async def test_what_was_settled_on_top_goes_with_it_newest_first(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    await bought(store, "other", wallet, position_id="p-9", mint="MintOther")
    await bought(store, "more", wallet)
    await sold(store, "out", wallet, token_raw=2_000)
    await bought(store, "anew", wallet, position_id="p-2")
    backs = await take_back(store, "s-in")
    assert [back.attempt.signature for back in backs] == ["s-anew", "s-out", "s-more", "s-in"]
    assert [row.id for row in await store.open_positions()] == ["p-9"]
    assert (await the_position(store)).realized_lamports == 0
    assert {intent.id for intent, _ in await store.in_flight()} == {"i-in", "i-more", "i-out", "i-anew"}
    assert [landed.attempt.signature for landed in await store.unfinal(9)] == ["s-other"]
    assert (await the_intent(store, "other")).state is IntentState.FILLED


async def test_what_lands_again_belongs_to_the_position_that_is_open_though_a_newer_one_was_closed(
    store: Store, wallet: Wallet
) -> None:
    """Found by the simulation: a sale is taken back with the buys after it, whose position is closed by that."""
    await bought(store, "in", wallet)
    await sold(store, "out", wallet)
    await bought(store, "anew", wallet, token_raw=500, position_id="p-2")
    assert [back.attempt.signature for back in await take_back(store, "s-out")] == ["s-anew", "s-out"]
    anew = replace(fill_of(buy("anew", wallet), token_raw=500), slot=SLOT + 9)
    held = (await settled(store, buy("anew", wallet), anew)).position
    assert (held.id, held.token_raw) == ("p-1", 1_500)
    out = replace(fill_of(sell("out", wallet), token_raw=1_500, quote_lamports=900), slot=SLOT + 9)
    assert (await settled(store, sell("out", wallet), out)).position.state is PositionState.CLOSED
    assert await store.open_positions() == []
    assert (await the_position(store)).realized_lamports != 0
    assert (await the_position(store, "p-2")).realized_lamports == 0


async def fail(store: Store, key: str, *, slot: int = SLOT) -> bool:
    return await store.close_unfilled(
        f"i-{key}",
        IntentState.FAILED,
        "landed with an error",
        now_ms=NOW_MS,
        signature=f"s-{key}",
        slot=slot,
        legs=legs_of_failed(5_000),
    )


async def test_the_fee_of_a_failed_order_comes_back_and_it_may_land_after_all(store: Store, wallet: Wallet) -> None:
    await sent(store, buy("k", wallet))
    assert await fail(store, "k")
    [back] = await take_back(store, "s-k")
    assert (back.fill, back.position, back.intent.state) == (None, None, IntentState.SENT)
    assert (back.intent.failure, back.attempt.error) == (None, None)
    assert await nothing_is_booked(store, wallet)
    assert (await store.day(0)).failed == 0
    assert await fail(store, "k", slot=SLOT + 2)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == -5_000
    assert (await store.day(0)).realized_lamports == -5_000


async def test_an_exit_that_another_attempt_filled_stays_filled(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    request = sell("k", wallet)
    await sent(store, request)
    await store.record_attempt(attempt("i-k", "s-2", number=2))
    await store.mark_sent("s-2", NOW_MS)
    assert not await fail(store, "k")
    await settled(store, request, replace(fill_of(request), signature="s-2"))
    [back] = await take_back(store, "s-k")
    assert (back.intent.state, back.fill) == (IntentState.FILLED, None)
    [(intent, [row])] = await store.unproven()
    assert (intent.id, row.signature, row.rollbacks) == ("i-k", "s-k", 1)
    assert (await the_position(store)).state is PositionState.CLOSED
    [fill_back] = await take_back(store, "s-2")
    assert fill_back.intent.state is IntentState.SENT
    [(intent, rows)] = await store.in_flight()
    assert [row.state for row in rows] == [AttemptState.SENT, AttemptState.SENT]


async def test_a_snipe_runs_again_with_its_order(store: Store, wallet: Wallet) -> None:
    await store.open_run(run("run-1", wallet.user_id))
    await bought(store, "in", wallet, context=Context.SNIPER, causation_id="run-1")
    assert [row.status for row in await store.runs_since(wallet.user_id, 0)] == ["COMPLETED"]
    await take_back(store, "s-in")
    assert [row.status for row in await store.runs_since(wallet.user_id, 0)] == ["EXECUTING"]
    assert await store.expire_runs(NOW_MS + 60_000) == 0


async def test_the_story_says_what_was_taken_back(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    await take_back(store, "s-in")
    story = await store.order_story("i-in")
    assert story is not None
    assert story.landed is None
    assert [(one.entry.kind, one.entry.evidence, one.entry.slot) for one in story.booked] == [
        (EntryKind.FILL, None, SLOT),
        (EntryKind.REVERSAL, EVIDENCE, SLOT),
    ]
    assert await store.orders_of("p-1") == ["i-in"], "its position still leads to it"


async def test_a_reversal_names_its_evidence_and_an_attempt(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    with pytest.raises(ValueError, match="evidence"):
        await store.reverse("s-in", landed_slot=SLOT, evidence="", now_ms=NOW_MS, message=told)
    with pytest.raises(LookupError):
        await take_back(store, f"s-{MINT}")


async def never_landed(store: Store, key: str, wallet: Wallet) -> None:
    await sent(store, buy(key, wallet))
    await store.close_unfilled(f"i-{key}", IntentState.EXPIRED, "proven", now_ms=NOW_MS + 1, signature=f"s-{key}")


async def test_an_expiry_that_was_none_is_taken_back_once_and_settles(store: Store, wallet: Wallet) -> None:
    await never_landed(store, "in", wallet)
    [given_up] = await store.never_landed(["s-in", "s-other"])
    assert (given_up.intent.state, given_up.attempt.state) == (IntentState.EXPIRED, AttemptState.EXPIRED)
    assert await take_back(store, "s-in") == [], "it has landed nowhere"
    [back] = await store.reverse("s-in", landed_slot=None, evidence=EVIDENCE, now_ms=NOW_MS + 5, message=told)
    assert (back.intent.state, back.attempt.state, back.fill, back.position) == (
        IntentState.SENT,
        AttemptState.SENT,
        None,
        None,
    )
    assert back.intent.reserved_lamports == 500 + ENTRY_OVERHEAD_LAMPORTS
    assert await store.in_flight() == [(back.intent, [back.attempt])]
    assert await store.never_landed(["s-in"]) == []
    assert await store.reverse("s-in", landed_slot=None, evidence=EVIDENCE, now_ms=NOW_MS + 6, message=told) == []
    assert [owed.id for owed in await store.due(9)][-1] == "back-s-in"
    request = buy("in", wallet)
    for _ in range(2):
        assert (await settled(store, request, fill_of(request))).position.state is PositionState.OPEN
    assert (await store.day(0)).buys == 1
    assert await store.in_flight() == []


async def test_what_landed_or_is_on_its_way_has_no_expiry_to_take_back(store: Store, wallet: Wallet) -> None:
    await bought(store, "in", wallet)
    await sent(store, buy("out", wallet))
    assert await store.never_landed(["s-in", "s-out"]) == []
    assert await store.never_landed([]) == []
    for signature in ("s-in", "s-out"):
        assert await store.reverse(signature, landed_slot=None, evidence=EVIDENCE, now_ms=NOW_MS, message=told) == []
