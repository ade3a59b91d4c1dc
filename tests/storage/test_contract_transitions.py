"""The contract of attempts and of every transition of an intent but the settlement, held by both stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.errors import Conflict
from bot.ports import Store, Wallet
from bot.trading.intent import TERMINAL, AttemptState, Context, Intent, IntentState, TradeRequest, sources_of
from bot.trading.ledger import Account, Leg, legs_of_failed
from tests.storage.books import entries
from tests.storage.storage_samples import (
    NOW_MS,
    attempt,
    buy,
    enrol,
    fill_of,
    message,
    planned,
    run,
    sell,
    sent,
    settled,
    signed,
)


async def state_of(store: Store, intent_id: str) -> IntentState:
    intent = await store.intent(intent_id)
    assert intent is not None
    return intent.state


async def brought_to(store: Store, state: IntentState, wallet: Wallet) -> Intent:
    """An intent `i-k` in any state, with an attempt `s-k` wherever it was signed."""
    request = buy("k", wallet)
    if state is IntentState.PLANNED:
        return await planned(store, request)
    if state is IntentState.SIGNED:
        return await signed(store, request)
    if state is IntentState.CANCELLED:
        intent = await planned(store, request)
    else:
        intent = await sent(store, request)
    if state is IntentState.UNKNOWN:
        await store.mark_unknown(intent.id)
    elif state is IntentState.FILLED:
        await settled(store, request, fill_of(request))
    elif state in TERMINAL:
        await store.close_unfilled(intent.id, state, "no", now_ms=NOW_MS)
    assert await state_of(store, intent.id) is state
    return intent


async def test_an_attempt_comes_back_byte_for_byte(store: Store) -> None:
    wallet = await enrol(store)
    intent = await planned(store, buy("k", wallet))
    written = attempt(intent.id, "s-k", raw=bytes(range(256)))
    await store.record_attempt(written)
    assert await store.in_flight() == [(replace(intent, state=IntentState.SIGNED), [written])]


async def test_intents_on_their_way_are_listed_oldest_first_with_attempts_in_order(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("late", wallet, mint="M1"), now_ms=NOW_MS + 5)
    await planned(store, buy("early", wallet, mint="M2"), now_ms=NOW_MS - 5)
    await sent(store, sell("exit", wallet))
    await store.record_attempt(attempt("i-exit", "s-2", number=2))
    listed = [(intent.id, [row.signature for row in rows]) for intent, rows in await store.in_flight()]
    assert listed == [("i-early", []), ("i-exit", ["s-exit", "s-2"]), ("i-late", [])]


@pytest.mark.parametrize("make", [buy, sell])
async def test_one_commit_says_of_an_attempt_that_it_is_there_and_leaves(
    store: Store, make: Callable[..., TradeRequest]
) -> None:
    wallet = await enrol(store)
    intent = await planned(store, make("k", wallet))
    leaving = replace(attempt(intent.id, "s-k"), state=AttemptState.SENT)
    await store.record_attempt(leaving)
    assert await store.in_flight() == [(replace(intent, state=IntentState.SENT), [leaving])]
    story = await store.order_story(intent.id)
    assert story is not None
    assert [row.sent_at_ms for row in story.attempts] == [leaving.created_at_ms]
    await store.record_attempt(leaving)
    await store.mark_sent("s-k", NOW_MS + 9)
    assert await store.order_story(intent.id) == story


async def test_an_exit_on_its_way_that_leaves_again_stays_sent(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, sell("k", wallet))
    await store.record_attempt(replace(attempt("i-k", "s-2", number=2), state=AttemptState.SENT))
    [(intent, rows)] = await store.in_flight()
    assert (intent.state, [row.state for row in rows]) == (IntentState.SENT, [AttemptState.SENT] * 2)


@pytest.mark.parametrize("state", sorted(set(IntentState) - sources_of(IntentState.SIGNED)))
async def test_no_attempt_leaves_where_signing_is_not_legal(store: Store, state: IntentState) -> None:
    await brought_to(store, state, await enrol(store))
    with pytest.raises(Conflict):
        await store.record_attempt(replace(attempt("i-k", "s-9", number=9), state=AttemptState.SENT))
    assert await state_of(store, "i-k") is state


async def test_the_same_attempt_again_changes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    before = await store.in_flight()
    await store.record_attempt(attempt("i-k", "s-k"))
    assert await store.in_flight() == before


async def test_a_signature_or_number_that_is_taken_is_a_conflict(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, sell("k", wallet))
    await planned(store, sell("other", wallet, mint="M2"))
    with pytest.raises(Conflict):
        await store.record_attempt(attempt("i-other", "s-k"))
    with pytest.raises(Conflict):
        await store.record_attempt(attempt("i-k", "s-new", number=1))
    assert await state_of(store, "i-other") is IntentState.PLANNED
    assert await state_of(store, "i-k") is IntentState.SENT


async def test_a_buy_is_not_signed_again_while_an_attempt_may_still_land(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    await store.mark_unknown("i-k")
    with pytest.raises(Conflict, match="may still land"):
        await store.record_attempt(attempt("i-k", "s-2", number=2))
    assert await state_of(store, "i-k") is IntentState.UNKNOWN


async def test_an_exit_may_be_signed_again_at_once(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, sell("k", wallet))
    await store.record_attempt(attempt("i-k", "s-2", number=2))
    assert await state_of(store, "i-k") is IntentState.SIGNED
    await store.mark_sent("s-2", NOW_MS)
    [(_, rows)] = await store.in_flight()
    assert [row.state for row in rows] == [AttemptState.SENT, AttemptState.SENT]


@pytest.mark.parametrize("first", [True, False])
async def test_a_sale_of_a_part_is_not_signed_again_while_an_attempt_may_still_land(store: Store, first: bool) -> None:
    wallet = await enrol(store)
    await planned(store, sell("k", wallet))
    await store.record_attempt(attempt("i-k", "s-k", sells_all=first))
    await store.mark_sent("s-k", NOW_MS)
    with pytest.raises(Conflict, match="may still land"):
        await store.record_attempt(attempt("i-k", "s-2", number=2, sells_all=not first))


@pytest.mark.parametrize("state", sorted(set(IntentState) - sources_of(IntentState.SIGNED)))
async def test_no_attempt_is_recorded_where_signing_is_not_legal(store: Store, state: IntentState) -> None:
    await brought_to(store, state, await enrol(store))
    with pytest.raises(Conflict):
        await store.record_attempt(attempt("i-k", "s-9", number=9))
    assert await state_of(store, "i-k") is state


async def test_an_attempt_of_no_intent_is_refused(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.record_attempt(attempt("i-none", "s"))


async def test_an_attempt_without_a_number_is_refused(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k", wallet))
    with pytest.raises(ValueError, match="numbered from 1"):
        await store.record_attempt(attempt("i-k", "s-k", number=0))


async def test_sending_moves_attempt_and_intent_once(store: Store) -> None:
    wallet = await enrol(store)
    await signed(store, buy("k", wallet))
    await store.mark_sent("s-k", NOW_MS)
    once = await store.in_flight()
    assert [(intent.state, [row.state for row in rows]) for intent, rows in once] == [
        (IntentState.SENT, [AttemptState.SENT])
    ]
    await store.mark_sent("s-k", NOW_MS + 9)
    assert await store.in_flight() == once


async def test_bytes_sent_again_do_not_make_an_unknown_intent_known(store: Store) -> None:
    await brought_to(store, IntentState.UNKNOWN, await enrol(store))
    await store.mark_sent("s-k", NOW_MS)
    assert await state_of(store, "i-k") is IntentState.UNKNOWN


async def test_bytes_that_never_left_may_leave_after_a_restart(store: Store) -> None:
    wallet = await enrol(store)
    await signed(store, buy("k", wallet))
    await store.mark_unknown("i-k")
    await store.mark_sent("s-k", NOW_MS)
    assert await state_of(store, "i-k") is IntentState.SENT


async def test_bytes_of_an_ended_intent_must_not_leave(store: Store) -> None:
    wallet = await enrol(store)
    await signed(store, buy("k", wallet))
    await store.close_unfilled("i-k", IntentState.FAILED, "no route", now_ms=NOW_MS)
    with pytest.raises(Conflict):
        await store.mark_sent("s-k", NOW_MS)


async def test_a_signature_that_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.mark_sent("s-none", NOW_MS)
    with pytest.raises(LookupError):
        await store.mark_unknown("i-none")


@pytest.mark.parametrize("state", list(IntentState))
async def test_unknown_is_entered_from_where_it_is_legal(store: Store, state: IntentState) -> None:
    await brought_to(store, state, await enrol(store))
    if state in sources_of(IntentState.UNKNOWN) | {IntentState.UNKNOWN}:
        await store.mark_unknown("i-k")
        assert await state_of(store, "i-k") is IntentState.UNKNOWN
        return
    with pytest.raises(Conflict):
        await store.mark_unknown("i-k")
    assert await state_of(store, "i-k") is state


@pytest.mark.parametrize("target", [IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED])
@pytest.mark.parametrize("state", list(IntentState))
async def test_an_intent_ends_from_where_it_is_legal(store: Store, state: IntentState, target: IntentState) -> None:
    await brought_to(store, state, await enrol(store))
    before = await store.intent("i-k")
    if state in TERMINAL:
        assert not await store.close_unfilled("i-k", target, "late", now_ms=NOW_MS)
    elif state in sources_of(target):
        assert await store.close_unfilled("i-k", target, "reason", now_ms=NOW_MS)
        assert before is not None
        assert await store.intent("i-k") == replace(before, state=target, reserved_lamports=0, failure="reason")
        return
    else:
        with pytest.raises(Conflict):
            await store.close_unfilled("i-k", target, "reason", now_ms=NOW_MS)
    assert await store.intent("i-k") == before


async def test_a_failed_transaction_costs_its_fee_and_tells_its_owner(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    owed = message("m-1", wallet.user_id, urgent=True)
    assert await store.close_unfilled(
        "i-k",
        IntentState.FAILED,
        "landed with an error",
        now_ms=NOW_MS,
        signature="s-k",
        legs=legs_of_failed(5_000),
        message=owed,
    )
    assert await entries(store) == [("i-k", "s-k", legs_of_failed(5_000))]
    assert await store.due(9) == [owed]
    assert (await store.day(0)).failed == 1
    with pytest.raises(Conflict):
        await store.record_attempt(attempt("i-k", "s-2", number=2))


async def test_ending_twice_tells_and_costs_once(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    for number in range(2):
        done = await store.close_unfilled(
            "i-k",
            IntentState.EXPIRED,
            "never landed",
            now_ms=NOW_MS,
            signature="s-k",
            legs=legs_of_failed(5),
            message=message(f"m-{number}", wallet.user_id),
        )
        assert done is (number == 0)
    assert len(await entries(store)) == 1
    assert [owed.id for owed in await store.due(9)] == ["m-0"]


async def test_what_cannot_end_an_intent_is_refused_and_changes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    await sent(store, buy("other", wallet, mint="M2"))
    before = await store.in_flight()
    with pytest.raises(ValueError, match="not an end without a fill"):
        await store.close_unfilled("i-k", IntentState.FILLED, "no", now_ms=NOW_MS)
    with pytest.raises(ValueError, match="was signed and cannot"):
        await store.close_unfilled("i-k", IntentState.CANCELLED, "no", now_ms=NOW_MS, signature="s-k")
    with pytest.raises(ValueError, match="sum to 1 lamports"):
        await store.close_unfilled("i-k", IntentState.FAILED, "no", now_ms=NOW_MS, legs=[Leg(Account.WALLET, 1)])
    with pytest.raises(LookupError):
        await store.close_unfilled("i-k", IntentState.FAILED, "no", now_ms=NOW_MS, signature="s-other")
    with pytest.raises(LookupError):
        await store.close_unfilled(
            "i-k", IntentState.FAILED, "no", now_ms=NOW_MS, signature="s-k", message=message("m", "u-none")
        )
    with pytest.raises(LookupError):
        await store.close_unfilled("i-none", IntentState.FAILED, "no", now_ms=NOW_MS)
    assert await store.in_flight() == before
    assert await store.due(9) == []


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (IntentState.SIGNED, "EXECUTING", "a look"),
        (IntentState.SENT, "EXECUTING", "a look"),
        (IntentState.UNKNOWN, "UNKNOWN", "a look"),
        (IntentState.FILLED, "COMPLETED", "a look"),
        (IntentState.FAILED, "FAILED", "no"),
        (IntentState.EXPIRED, "EXPIRED", "no"),
        (IntentState.CANCELLED, "FAILED", "no"),
    ],
)
async def test_a_snipe_run_follows_its_intent(store: Store, state: IntentState, status: str, reason: str) -> None:
    wallet = await enrol(store)
    await store.open_run(run("run-1", wallet.user_id))
    request = buy("k", wallet, context=Context.SNIPER, causation_id="run-1")
    if state is IntentState.CANCELLED:
        await planned(store, request)
    else:
        await signed(store, request)
    if state in (IntentState.SENT, IntentState.UNKNOWN, IntentState.FILLED):
        await store.mark_sent("s-k", NOW_MS)
    if state is IntentState.UNKNOWN:
        await store.mark_unknown("i-k")
    if state is IntentState.FILLED:
        await settled(store, request, fill_of(request))
    if state in (IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED):
        await store.close_unfilled("i-k", state, "no", now_ms=NOW_MS)
    assert [(row.status, row.reason) for row in await store.runs_since(wallet.user_id, 0)] == [(status, reason)]
