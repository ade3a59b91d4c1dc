"""The contract of settlement, positions, adjustments and the sums of a day, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.errors import Conflict
from bot.ports import Day, Settled, Store
from bot.trading.intent import Context, IntentState, Mode, Protection
from bot.trading.ledger import Account, Leg, at_cost, legs_of_failed, legs_of_fill
from bot.trading.limits import UserSettings
from bot.trading.position import ExitPlan, Position, PositionState
from tests.storage.books import entries
from tests.storage.storage_samples import (
    NOW_MS,
    attempt,
    bought,
    buy,
    enrol,
    fill_of,
    message,
    planned,
    sell,
    sent,
    settled,
    told,
)

BLOCK_MS = NOW_MS // 1000 * 1000


async def test_a_first_buy_opens_a_position_with_the_users_plan(store: Store) -> None:
    wallet = await enrol(store, settings=UserSettings(take_profit_bps=None, stop_loss_bps=900, max_hold_s=60))
    request = buy("k", wallet, context=Context.AI_SIGNAL, mode=Mode.LIVE)
    intent = await sent(store, request)
    done = await settled(store, request, fill_of(request, token_raw=2**63))
    position = Position(
        id="p-1",
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mint=request.mint,
        mode=Mode.LIVE,
        context=Context.AI_SIGNAL,
        state=PositionState.OPEN,
        token_raw=2**63,
        cost_lamports=410,
        basis_lamports=410,
        realized_lamports=0,
        plan=ExitPlan(None, 900, 60),
        opened_at_ms=BLOCK_MS,
        bought_raw=2**63,
    )
    filled = replace(intent, state=IntentState.FILLED, reserved_lamports=0)
    assert done == Settled(position, 0)
    assert await store.position("p-1") == position
    assert await store.intent("i-k") == filled
    assert await store.in_flight() == []
    assert [owed.payload for owed in await store.due(9)] == [{"tokens": 2**63, "realized": 0}]


async def test_a_second_buy_adds_to_the_position(store: Store) -> None:
    wallet = await enrol(store)
    first = await bought(store, "k1", wallet)
    second = await bought(store, "k2", wallet, position_id="p-2", token_raw=500)
    costs = {"cost_lamports": 2 * first.cost_lamports, "basis_lamports": 820}
    assert second == replace(first, token_raw=1_500, bought_raw=1_500, **costs)
    assert await store.position("p-2") is None
    assert await store.open_positions() == [second]


async def test_the_tip_of_a_block_engine_is_cost_is_a_fee_of_the_day_and_is_kept_with_the_trade(store: Store) -> None:
    wallet = await enrol(store)
    request = replace(buy("k", wallet), protection=Protection.PROTECTED_FIRST)
    await sent(store, request)
    plain = fill_of(request)
    tipped = replace(plain, tip_lamports=40, wallet_delta_lamports=plain.wallet_delta_lamports - 40)
    opened = (await settled(store, request, tipped)).position
    assert opened.cost_lamports == opened.basis_lamports == tipped.cost_lamports == plain.cost_lamports + 40
    [live] = [one for one in (await store.overview(0)).modes if one.buys]
    trading = plain.protocol_fee_lamports + plain.creator_fee_lamports + plain.lp_fee_lamports
    fees = trading + plain.network_fee_lamports + plain.other_lamports
    assert live.fees_lamports == fees + 40
    known = await store.intent_of(request.key)
    assert known is not None
    assert known.request.protection is Protection.PROTECTED_FIRST


async def test_rent_that_the_program_takes_once_is_cost_but_no_basis_of_exits(store: Store) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet)
    await sent(store, request)
    fill = replace(fill_of(request), other_lamports=90, wallet_delta_lamports=-500)
    opened = (await settled(store, request, fill)).position
    assert (opened.cost_lamports, opened.basis_lamports) == (500, 410)
    half = sell("half", wallet, token_raw=500)
    await sent(store, half)
    left = (await settled(store, half, fill_of(half, token_raw=500))).position
    assert (left.cost_lamports, left.basis_lamports) == (250, 205)
    assert await store.position(left.id) == left
    less = await store.adjust(left.id, 100, evidence="slot 9", now_ms=NOW_MS, message=message("m", wallet.user_id))
    assert (less.cost_lamports, less.basis_lamports) == (50, 41)
    assert await store.position(left.id) == less


async def test_sales_realise_their_share_and_the_last_one_closes(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    half, rest = sell("half", wallet, token_raw=400), sell("rest", wallet)
    await sent(store, half)
    first = await settled(store, half, fill_of(half, token_raw=400, quote_lamports=300))
    assert (first.realized_lamports, first.position.cost_lamports) == (290 - 164, 246)
    await sent(store, rest)
    second = await settled(store, rest, fill_of(rest, token_raw=600, quote_lamports=100, block_time_s=2_000_000_000))
    assert second.realized_lamports == 90 - 246
    assert second.position.state is PositionState.CLOSED
    assert second.position.closed_at_ms == 2_000_000_000_000
    assert second.position.realized_lamports == first.realized_lamports + second.realized_lamports
    assert await store.position("p-1") == second.position
    assert await store.open_positions() == []


async def test_a_mint_bought_again_after_closing_is_a_new_position(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k1", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    closed = (await settled(store, request, fill_of(request))).position
    again = await bought(store, "k2", wallet, position_id="p-2")
    assert [row.id for row in await store.recent_positions(wallet.user_id, 9)] == ["p-2", "p-1"]
    assert await store.position("p-1") == closed
    assert again.id == "p-2"


async def test_modes_never_share_a_position(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k1", wallet, mode=Mode.PAPER)
    live = await bought(store, "k2", wallet, position_id="p-2", mode=Mode.LIVE)
    assert live.id == "p-2"
    assert len(await store.open_positions(wallet.user_id)) == 2


async def test_the_same_signature_settles_once(store: Store) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet)
    await sent(store, request)
    first = await settled(store, request, fill_of(request))
    again = await settled(store, request, fill_of(request), position_id="p-other")
    assert again == first
    assert len(await entries(store)) == 1
    assert len(await store.due(9)) == 1
    assert (await store.day(0)).buys == 1


async def test_settlements_at_once_settle_once(store: Store) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet)
    await sent(store, request)
    done: list[Settled] = []

    async def one(number: int) -> None:
        done.append(await settled(store, request, fill_of(request), position_id=f"p-{number}"))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(one, number)
    assert len(done) == 6
    assert len(set(done)) == 1
    assert len(await entries(store)) == 1
    assert len(await store.due(9)) == 1


async def test_an_exit_signed_twice_settles_with_the_one_that_landed(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    await store.record_attempt(attempt("i-out", "s-second", number=2))
    await store.mark_sent("s-second", NOW_MS)
    second = replace(fill_of(request), signature="s-second")
    assert (await settled(store, request, second)).position.state is PositionState.CLOSED
    with pytest.raises(Conflict):
        await settled(store, request, fill_of(request))


@pytest.mark.parametrize("state", [IntentState.PLANNED, IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED])
async def test_a_fill_of_an_intent_that_cannot_be_filled_is_a_conflict(store: Store, state: IntentState) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet)
    await (planned(store, request) if state in (IntentState.PLANNED, IntentState.CANCELLED) else sent(store, request))
    if state is not IntentState.PLANNED:
        await store.close_unfilled("i-k", state, "no", now_ms=NOW_MS)
    with pytest.raises(Conflict):
        await settled(store, request, fill_of(request))
    assert await store.open_positions() == []
    assert await entries(store) == []


async def test_what_does_not_belong_together_is_refused_and_changes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    request, other = buy("k", wallet), buy("other", wallet, mint="M2")
    await sent(store, request)
    await sent(store, other)
    before = await store.in_flight()
    with pytest.raises(LookupError):
        await settled(store, request, replace(fill_of(request), signature="s-other"))
    with pytest.raises(LookupError):
        await settled(store, buy("none", wallet), fill_of(request))
    with pytest.raises(ValueError, match="is a sell"):
        await settled(store, request, replace(fill_of(sell("k", wallet)), signature="s-k"))
    with pytest.raises(ValueError, match="settles nothing"):
        await settled(store, request, fill_of(request, token_raw=0))
    with pytest.raises(ValueError, match="sum to 5 lamports"):
        await store.settle(
            "i-k",
            fill_of(request),
            legs=[Leg(Account.WALLET, 5)],
            position_id="p-1",
            message=told(wallet.user_id, "m-1"),
        )
    with pytest.raises(LookupError):
        await store.settle(
            "i-k", fill_of(request), legs=[], position_id="p-1", message=lambda _, __: message("m-1", "u-none")
        )
    assert await store.in_flight() == before
    assert await store.open_positions() == []
    assert await entries(store) == []
    await settled(store, request, fill_of(request))
    with pytest.raises(Conflict):  # the id of the position is taken
        await settled(store, other, fill_of(other), position_id="p-1")
    with pytest.raises(Conflict):  # the signature settled another intent
        await settled(store, other, fill_of(request), position_id="p-2")


async def test_a_sale_of_what_was_never_held_is_a_conflict(store: Store) -> None:
    wallet = await enrol(store)
    request = sell("out", wallet)
    await sent(store, request)
    with pytest.raises(Conflict, match="never held"):
        await settled(store, request, fill_of(request))


async def test_a_sale_that_lands_after_its_position_was_adjusted_away_takes_off_its_loss(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    closed = await store.adjust("p-1", 0, evidence="slot 9", now_ms=NOW_MS, message=message("m", wallet.user_id))
    done = await settled(store, request, fill_of(request, quote_lamports=50))
    assert done.realized_lamports == 40
    assert closed.realized_lamports == -before.cost_lamports
    assert done.position == replace(closed, realized_lamports=40 - before.cost_lamports)
    assert (await store.day(0)).realized_lamports == 40 - before.cost_lamports
    assert await store.position("p-1") == done.position


async def test_every_entry_of_the_ledger_sums_to_zero(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    fill = fill_of(request)
    await settled(store, request, fill)
    written = await entries(store)
    assert [sum(leg.lamports for leg in legs) for _, _, legs in written] == [0, 0]
    legs = at_cost(legs_of_fill(fill), cost_lamports=400, held_raw=1_000, sold_raw=1_000)
    assert written[1] == ("i-out", "s-out", legs)


async def test_the_chains_quantity_is_taken_with_its_share_of_the_cost(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    less = await store.adjust("p-1", 750, evidence="slot 9", now_ms=NOW_MS, message=message("m1", wallet.user_id))
    cost_left = before.cost_lamports - 410 * 250 // 1_000
    lost = cost_left - before.cost_lamports
    assert less == replace(
        before, token_raw=750, cost_lamports=cost_left, basis_lamports=cost_left, realized_lamports=lost
    )
    more = await store.adjust("p-1", 900, evidence="slot 10", now_ms=NOW_MS, message=message("m2", wallet.user_id))
    assert more == replace(less, token_raw=900)
    gone = await store.adjust("p-1", 0, evidence="slot 11", now_ms=NOW_MS, message=message("m3", wallet.user_id))
    emptied = replace(more, token_raw=0, cost_lamports=0, basis_lamports=0, realized_lamports=-before.cost_lamports)
    assert gone == replace(emptied, state=PositionState.CLOSED, closed_at_ms=NOW_MS)
    assert await store.position("p-1") == gone
    assert [owed.id for owed in await store.due(9)][1:] == ["m1", "m2", "m3"]
    with pytest.raises(Conflict):
        await store.adjust("p-1", 5, evidence="slot 12", now_ms=NOW_MS, message=message("m4", wallet.user_id))


async def test_an_adjustment_to_what_is_there_writes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    same = await store.adjust("p-1", 1_000, evidence="slot 9", now_ms=NOW_MS, message=message("m1", wallet.user_id))
    assert same == before
    assert [owed.id for owed in await store.due(9)] == ["m-k"]


async def test_an_adjustment_that_cannot_be_is_refused(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    owed = message("m1", wallet.user_id)
    with pytest.raises(LookupError):
        await store.adjust("p-none", 1, evidence="slot 9", now_ms=NOW_MS, message=owed)
    with pytest.raises(ValueError, match="less than nothing"):
        await store.adjust("p-1", -1, evidence="slot 9", now_ms=NOW_MS, message=owed)
    with pytest.raises(ValueError, match="evidence"):
        await store.adjust("p-1", 1, evidence="", now_ms=NOW_MS, message=owed)
    with pytest.raises(LookupError):
        await store.adjust("p-1", 1, evidence="slot 9", now_ms=NOW_MS, message=message("m2", "u-none"))
    assert await store.position("p-1") == before


async def test_positions_are_listed_open_first_then_the_latest_closed(store: Store) -> None:
    wallet = await enrol(store)
    for number, block_time_s in enumerate((300, 100, 200, 400)):
        request = buy(f"k{number}", wallet, mint=f"M{number}")
        await sent(store, request)
        await settled(store, request, fill_of(request, block_time_s=block_time_s), position_id=f"p-{number}")
    for number, block_time_s in ((0, 600), (1, 700)):
        request = sell(f"out{number}", wallet, mint=f"M{number}")
        await sent(store, request)
        await settled(store, request, fill_of(request, block_time_s=block_time_s))
    assert [row.id for row in await store.open_positions()] == ["p-2", "p-3"]
    assert [row.id for row in await store.open_positions("u-none")] == []
    recent = [row.id for row in await store.recent_positions(wallet.user_id, 9)]
    assert recent == ["p-3", "p-2", "p-1", "p-0"]
    assert [row.id for row in await store.recent_positions(wallet.user_id, 3)] == recent[:3]


async def test_a_day_sums_what_happened_since_in_one_mode_and_for_one_user(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    await bought(store, "k1", ada)
    request = sell("out", ada)
    await sent(store, request)
    realized = (await settled(store, request, fill_of(request, quote_lamports=900))).realized_lamports
    await bought(store, "k2", bob, position_id="p-2", mode=Mode.LIVE)
    await sent(store, buy("k3", bob, mint="M3"))
    await store.close_unfilled("i-k3", IntentState.EXPIRED, "no", now_ms=NOW_MS)
    await planned(store, buy("k4", bob, mint="M4"))
    await store.close_unfilled("i-k4", IntentState.CANCELLED, "no", now_ms=NOW_MS)
    assert await store.day(0) == Day(2, 1, 1, realized)
    assert await store.day(0, "u-ada") == Day(1, 1, 0, realized)
    assert await store.day(0, "u-bob", Mode.LIVE) == Day(1, 0, 0, 0)
    assert await store.day(0, "u-bob", Mode.PAPER) == Day(0, 0, 1, 0)
    await sent(store, buy("k5", bob, mint="M5", mode=Mode.LIVE))
    await store.close_unfilled(
        "i-k5", IntentState.FAILED, "slippage", now_ms=NOW_MS, signature="s-k5", legs=legs_of_failed(55_000)
    )
    assert await store.day(0, "u-bob", Mode.LIVE) == Day(1, 0, 1, -55_000)
    assert await store.day(BLOCK_MS, "u-ada") == Day(1, 1, 0, realized)
    assert await store.day(BLOCK_MS + 1, "u-ada") == Day(0, 0, 0, 0)
