"""The contract of movements from outside, held by both stores: what somebody else's transaction sold, and what was ours."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Store, Wallet, WalletMove
from bot.trading.fill import Fill
from bot.trading.intent import IntentState, TradeRequest
from bot.trading.ledger import Account, Entry, EntryKind, legs_of_failed, legs_of_fill, legs_of_outside
from bot.trading.position import Position, PositionState
from tests.storage.books import entries
from tests.storage.storage_samples import NOW_MS, bought, enrol, fill_of, message, sell, sent, settled

LATER_MS = NOW_MS + 86_400_000
DIRECT = 590  # what the sale of the samples brings


async def adopted(
    store: Store, wallet: Wallet, signature: str, *, lamports: int = DIRECT, left_raw: int = 0
) -> Position:
    by = WalletMove(signature, 9, lamports, paid=True, signed=True, token_raw={"MintOne": left_raw - 1_000})
    return await store.adjust(
        "p-1", left_raw, evidence="it left", now_ms=LATER_MS, message=message("a", wallet.user_id), by=by
    )


async def an_exit(store: Store, wallet: Wallet, *, token_raw: int = 0) -> tuple[TradeRequest, Fill]:
    """An exit that the journal brings after somebody looked at the chain, and its fill."""
    request = sell("out", wallet, token_raw=token_raw)
    await sent(store, request)
    return request, fill_of(request, quote_lamports=600)


async def tokens_at_cost(store: Store) -> int:
    return sum(leg.lamports for _, _, legs in await entries(store) for leg in legs if leg.account is Account.TOKENS)


async def test_what_a_transaction_from_outside_sold_is_a_result_with_its_proceeds(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    booked = (await store.wallet_ledger(wallet.id)).booked_lamports
    closed = await adopted(store, wallet, "foreign")
    made = DIRECT - before.cost_lamports
    assert (closed.state, closed.realized_lamports) == (PositionState.CLOSED, made)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == booked + DIRECT
    assert (await store.day(LATER_MS)).realized_lamports == made
    assert await store.ours(wallet.id, ["foreign"]) == {"foreign"}
    assert await tokens_at_cost(store) == 0
    assert all(sum(leg.lamports for leg in legs) == 0 for _, _, legs in await entries(store))


async def test_sol_that_left_with_the_tokens_is_an_outflow_and_no_result(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    booked = (await store.wallet_ledger(wallet.id)).booked_lamports
    closed = await adopted(store, wallet, "foreign", lamports=-5_000)
    assert closed.realized_lamports == -before.cost_lamports
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == booked - 5_000


async def test_a_transaction_that_is_booked_adjusts_nothing_again(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    some = await adopted(store, wallet, "foreign", left_raw=400)
    assert await adopted(store, wallet, "foreign") == some
    assert await adopted(store, wallet, "s-k") == some  # an order of ours


async def test_an_exit_that_stood_as_one_from_outside_settles_as_if_it_never_had(store: Store) -> None:
    wallet, other = await enrol(store), await enrol(store, "bob")
    await bought(store, "k", wallet)
    await adopted(store, wallet, "s-out")
    request, fill = await an_exit(store, wallet)
    done = await settled(store, request, fill)
    await bought(store, "o", other, position_id="p-2")
    theirs = sell("plain", other)
    await sent(store, theirs)
    plain = await settled(store, theirs, fill_of(theirs, quote_lamports=600))
    same = replace(plain.position, id="p-1", user_id=wallet.user_id, wallet_id=wallet.id)
    assert done.position == replace(same, opened_at_ms=done.position.opened_at_ms)
    assert done.realized_lamports == plain.realized_lamports
    ledgers = [await store.wallet_ledger(one.id) for one in (wallet, other)]
    assert ledgers[0].booked_lamports == ledgers[1].booked_lamports
    assert (await store.day(0, wallet.user_id)) == (await store.day(0, other.user_id))
    assert (await store.day(LATER_MS)).realized_lamports == 0
    assert await tokens_at_cost(store) == 0
    assert await settled(store, request, fill) == done


async def test_a_part_that_stood_as_from_outside_settles_exactly_too(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "k", wallet)
    await adopted(store, wallet, "s-out", left_raw=700)
    request, fill = await an_exit(store, wallet, token_raw=300)
    done = await settled(store, request, replace(fill, token_raw=300))
    assert (done.position.token_raw, done.position.state) == (700, PositionState.OPEN)
    assert done.position.cost_lamports == before.cost_lamports - before.cost_lamports * 300 // 1_000
    assert done.position.realized_lamports == done.realized_lamports


async def test_sol_alone_that_stood_as_from_outside_is_reversed_by_a_fill_and_by_a_failure(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    booked = (await store.wallet_ledger(wallet.id)).booked_lamports
    for signature, lamports in (("s-out", DIRECT), ("s-bad", -5_000)):
        legs = legs_of_outside(lamports)
        kind = EntryKind.DEPOSIT if lamports > 0 else EntryKind.OUTFLOW
        entry = Entry(kind, wallet.id, legs, signature=signature, slot=9, evidence="no order of ours")
        sums = (await store.wallet_ledger(wallet.id)).booked_lamports
        assert await store.book([entry], booked_lamports=sums)
    request, fill = await an_exit(store, wallet)
    await store.settle(
        "i-out",
        fill,
        legs=legs_of_fill(fill),
        position_id="p-none",
        message=lambda *_: message("f", request.user_id),
    )
    await bought(store, "k2", wallet, position_id="p-2")
    booked_then = (await store.wallet_ledger(wallet.id)).booked_lamports
    failing = sell("bad", wallet)
    await sent(store, failing)
    await store.close_unfilled(
        "i-bad", IntentState.FAILED, "refused", now_ms=NOW_MS, signature="s-bad", slot=9, legs=legs_of_failed(5_000)
    )
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == booked_then
    assert booked_then == booked + fill.wallet_delta_lamports - 5_000 - 410


async def test_what_the_books_hold_for_no_order_is_named_until_it_is_undone(store: Store) -> None:
    wallet, other = await enrol(store), await enrol(store, "bob")
    await bought(store, "k", wallet)
    opening = Entry(EntryKind.OPENING, wallet.id, legs_of_outside(7), slot=1, evidence="it held 7")
    deposit = Entry(EntryKind.DEPOSIT, wallet.id, legs_of_outside(5), signature="in", slot=8, evidence="it came in")
    booked = (await store.wallet_ledger(wallet.id)).booked_lamports
    assert await store.book([opening, deposit], booked_lamports=booked)
    await adopted(store, wallet, "s-out", lamports=0)
    assert await store.outside(wallet.id) == ["in", "s-out"]
    assert await store.outside(other.id) == []
    request, fill = await an_exit(store, wallet)
    await settled(store, request, fill)
    assert await store.outside(wallet.id) == ["in"]
