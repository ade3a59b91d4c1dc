"""The contract of `BookStore`, held by both stores: what a user is told of his own books, and of nobody else's."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import ClosedSums, PeriodSums, ReasonSums, ResultSums, Store, Wallet
from bot.trading.intent import Context, IntentState, Mode, Side
from bot.trading.ledger import Account, Entry, EntryKind, Leg, legs_of_failed, legs_of_fill
from tests.storage.storage_samples import (
    NOW_MS,
    attempt,
    bought,
    buy,
    close,
    closed,
    enrol,
    fill_of,
    message,
    sell,
    sent,
    settled,
    told,
)

BLOCK_MS = NOW_MS // 1000 * 1000
LATER_MS = BLOCK_MS + 86_400_000
FEES = 10  # of one fill of the samples
PAPER = Mode.PAPER


async def sold(store: Store, key: str, wallet: Wallet, quote: int, reason: str, position_id: str = "p-1") -> int:
    """Sell everything of a position; what it realised."""
    request = sell(key, wallet, mint=f"M-{position_id}", token_raw=1_000, reason=reason)
    await sent(store, request)
    return (
        await settled(store, request, fill_of(request, quote_lamports=quote), position_id=position_id)
    ).realized_lamports


async def failed(store: Store, key: str, wallet: Wallet, *, at_ms: int = LATER_MS) -> None:
    """An order that landed with an error, which cost 5,000 lamports."""
    await sent(store, buy(key, wallet, mint=f"M-{key}"))
    legs = legs_of_failed(5_000)
    await store.close_unfilled(
        f"i-{key}", IntentState.FAILED, "slippage", now_ms=at_ms, signature=f"s-{key}", slot=7, legs=legs
    )


async def a_life(store: Store, wallet: Wallet) -> int:
    """Two positions closed, one half lost, a failed order and a closing; the result of all of it."""
    await bought(store, "b-1", wallet, mint="M-p-1", position_id="p-1")
    won = await sold(store, "s-1", wallet, 900, "take_profit")
    await bought(store, "b-2", wallet, mint="M-p-2", position_id="p-2", context=Context.SNIPER)
    lost = await sold(store, "s-2", wallet, 100, "stop_loss", "p-2")
    held = await bought(store, "b-3", wallet, mint="M-p-3", position_id="p-3")
    await store.adjust(held.id, 500, evidence="slot 9", now_ms=LATER_MS, message=message("m", wallet.user_id))
    await failed(store, "f", wallet)
    closing = close("c", wallet, "M-old")
    planned = await store.plan_closing(closing, intent_id="i-c", now_ms=NOW_MS, reserved_lamports=1)
    assert planned is not None
    await store.record_attempt(attempt("i-c", "s-c"))
    await store.mark_sent("s-c", NOW_MS)
    assert await store.settle_closing("i-c", closed("s-c", {"M-old": 2_000}), now_ms=LATER_MS + 1)
    return won + lost - held.cost_lamports // 2 - 5_000 - 6_000


async def test_whoever_did_nothing_has_empty_books(store: Store) -> None:
    ada = await enrol(store)
    assert await store.period_sums(ada.user_id, PAPER, [0, 5, 9]) == [PeriodSums()] * 2
    assert await store.result_sums(ada.user_id, PAPER, 0, 9) == ResultSums((), 0, 0, 0, 0)
    assert await store.closed_sums(ada.user_id, PAPER) == []
    assert await store.ledger_sums(ada.user_id, PAPER) == {}
    assert await store.booked(ada.user_id, PAPER, 9) == []


async def test_each_span_has_what_happened_in_it_and_together_they_are_the_result(store: Store) -> None:
    ada = await enrol(store)
    result = await a_life(store, ada)
    bounds = [0, BLOCK_MS, LATER_MS, LATER_MS + 1, LATER_MS + 2]
    before, day, next_day, last = await store.period_sums(ada.user_id, PAPER, bounds)
    assert before == PeriodSums()
    assert (day.buys, day.sells, day.failed, day.fees_lamports) == (3, 2, 0, 5 * FEES)
    assert (next_day.buys, next_day.sells, next_day.failed, next_day.fees_lamports) == (0, 0, 1, 5_000)
    assert last == PeriodSums(realized_lamports=-6_000, fees_lamports=6_000)
    assert (day + next_day + last).realized_lamports == result
    assert await store.period_sums(ada.user_id, PAPER, [0, LATER_MS + 2]) == [day + next_day + last]
    assert (await store.day(0, ada.user_id, PAPER)).realized_lamports == result


async def test_the_parts_of_a_result_are_the_result(store: Store) -> None:
    ada = await enrol(store)
    result = await a_life(store, ada)
    sums = await store.result_sums(ada.user_id, PAPER, 0, 9)
    won, lost = 890 - 410, 90 - 410
    assert sums.by_reason == (ReasonSums("stop_loss", 1, 0, lost), ReasonSums("take_profit", 1, 1, won))
    assert (sums.sold_lamports, sums.untraded_lamports, sums.closings_lamports) == (won + lost, -5_000, -6_000)
    assert sums.moved_lamports == -205
    assert sums.realized_lamports == result
    assert (await store.result_sums(ada.user_id, PAPER, 0, 1)).by_reason == sums.by_reason[:1]
    later = await store.result_sums(ada.user_id, PAPER, LATER_MS + 1, 9)
    assert later == ResultSums((), 0, 0, -6_000, 0)


async def test_closed_positions_are_summed_by_who_had_wanted_them(store: Store) -> None:
    ada = await enrol(store)
    await a_life(store, ada)
    assert await store.closed_sums(ada.user_id, PAPER) == [
        ClosedSums(Context.MANUAL_COMMAND, 1, 0, 480, 0, 0, ("M-p-1", 480), ("M-p-1", 480)),
        ClosedSums(Context.SNIPER, 0, 1, 0, -320, 0, ("M-p-2", -320), ("M-p-2", -320)),
    ]


async def test_a_position_whose_only_buy_was_taken_back_has_neither_won_nor_lost(store: Store) -> None:
    ada = await enrol(store)
    await bought(store, "b", ada)
    await store.reverse("s-b", landed_slot=77, evidence="slot 99", now_ms=LATER_MS, message=lambda _: None)
    assert await store.closed_sums(ada.user_id, PAPER) == []
    assert await store.period_sums(ada.user_id, PAPER, [0, LATER_MS * 2]) == [PeriodSums()]
    back, fill = await store.booked(ada.user_id, PAPER, 9)
    assert (back.entry.kind, back.side, back.mint, back.token_raw) == (EntryKind.REVERSAL, Side.BUY, "MintOne", 0)
    assert (fill.entry.kind, fill.token_raw, fill.at_ms) == (EntryKind.FILL, 1_000, BLOCK_MS)
    assert await store.ledger_sums(ada.user_id, PAPER) == {}


async def test_every_entry_is_told_once_newest_first_and_in_pages(store: Store) -> None:
    ada = await enrol(store)
    await store.book([deposit(ada, 1_000_000)], booked_lamports=0)
    await a_life(store, ada)
    rows = await store.booked(ada.user_id, PAPER, 99)
    kinds = [(row.entry.kind.value, "" if row.side is None else row.side.value, row.mint, row.reason) for row in rows]
    assert kinds == [
        ("closing", "close", "", "emptied accounts"),
        ("fee", "buy", "M-f", "it looked good"),
        ("adjustment", "", "M-p-3", ""),
        ("fill", "buy", "M-p-3", "it looked good"),
        ("fill", "sell", "M-p-2", "stop_loss"),
        ("fill", "buy", "M-p-2", "it looked good"),
        ("fill", "sell", "M-p-1", "take_profit"),
        ("fill", "buy", "M-p-1", "it looked good"),
        ("deposit", "", "", ""),
    ]
    assert [row.at_ms for row in rows[:2]] == [LATER_MS + 1, LATER_MS]
    assert [row.token_raw for row in rows] == [0, 0, 0, 1_000, 1_000, 1_000, 1_000, 1_000, 0]
    paged = await store.booked(ada.user_id, PAPER, 4)
    while more := await store.booked(ada.user_id, PAPER, 4, paged[-1].number):
        paged += more
    assert paged == rows
    sums = await store.ledger_sums(ada.user_id, PAPER)
    assert sums[Account.WALLET] == sum(row.entry.wallet_lamports for row in rows)
    assert sums[Account.WALLET] == (await store.wallet_ledger(ada.id)).booked_lamports
    assert sum(sums.values()) == 0
    older = await store.ledger_sums(ada.user_id, PAPER, rows[-2].number)
    assert older == {Account.WALLET: 1_000_000, Account.OUTSIDE: -1_000_000}


async def test_nobody_is_told_of_anybody_else_or_of_another_mode(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    await a_life(store, ada)
    for user_id, mode in ((bob.user_id, PAPER), (ada.user_id, Mode.LIVE), ("u-nobody", PAPER)):
        assert await store.period_sums(user_id, mode, [0, LATER_MS * 2]) == [PeriodSums()]
        assert await store.result_sums(user_id, mode, 0, 9) == ResultSums((), 0, 0, 0, 0)
        assert await store.closed_sums(user_id, mode) == []
        assert await store.ledger_sums(user_id, mode) == {}
        assert await store.booked(user_id, mode, 9) == []


async def test_how_long_a_position_was_held_and_the_earliest_of_equal_results(store: Store) -> None:
    ada = await enrol(store)
    for number in (1, 2):
        mint = f"M{number}"
        await bought(store, f"b-{number}", ada, mint=mint, position_id=f"p-{number}")
        request = sell(f"s-{number}", ada, mint=mint, token_raw=1_000)
        await sent(store, request)
        fill = replace(fill_of(request, quote_lamports=410), block_time_s=BLOCK_MS // 1000 + 60 * number)
        await store.settle(
            f"i-s-{number}",
            fill,
            legs=legs_of_fill(fill),
            position_id=f"p-{number}",
            message=told(ada.user_id, f"m-{number}"),
        )
    [sums] = await store.closed_sums(ada.user_id, PAPER)
    assert (sums.held_ms, sums.lost, sums.lost_lamports) == (180_000, 2, -20)
    assert sums.best == sums.worst == ("M1", -10)


def deposit(wallet: Wallet, lamports: int) -> Entry:
    legs = (Leg(Account.WALLET, lamports), Leg(Account.OUTSIDE, -lamports))
    return Entry(EntryKind.DEPOSIT, wallet.id, legs, signature="from-outside", slot=3, evidence="it came in")
