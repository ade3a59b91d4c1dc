"""The contract of what the books keep for a time, held by both stores."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import BROADCAST, Store, Verdict
from bot.storage.wallet_book_rules import ledger_swap
from bot.trading.copying import CopyState
from bot.trading.intent import Side
from bot.trading.wallet_ledger import book_of, record_of
from tests.storage.storage_samples import NOW_MS, enrol, message, run
from tests.storage.test_contract_auto_trading import decision
from tests.storage.test_contract_copies import LEADER, copy_of, placed, signal
from tests.storage.test_contract_wallet_books import BOOKS, NOW_S, SWAPS, traded


async def test_looks_that_came_to_nothing_are_dropped_by_their_age_and_others_stay(store: Store) -> None:
    wallet = await enrol(store)
    looks = (
        ("old-1", "SKIPPED", 10),
        ("old-2", "EXPIRED", 20),
        ("bought", "COMPLETED", 10),
        ("open", "MONITORING", 10),
        ("new", "SKIPPED", 30),
    )
    for name, status, at_ms in looks:
        await store.open_run(run(name, wallet.user_id, mint=f"M-{name}", status=status, at_ms=at_ms))
    assert await store.forget_runs(30, 1) == 1
    assert {one.id for one in await store.runs_since(wallet.user_id, 0)} == {"old-2", "bought", "open", "new"}
    assert await store.forget_runs(30, 10) == 1
    assert await store.forget_runs(30, 10) == 0
    assert {one.id for one in await store.runs_since(wallet.user_id, 0)} == {"bought", "open", "new"}


async def test_messages_are_dropped_once_they_are_old_and_owed_no_more(store: Store) -> None:
    wallet = await enrol(store)
    for name, at_ms in (("told", 10), ("given-up", 20), ("owed", 10), ("young", 30)):
        await store.post(message(name, wallet.user_id, at_ms=at_ms))
    await store.delivered("told", NOW_MS)
    await store.undeliverable("given-up", "he left", NOW_MS)
    await store.delivered("young", NOW_MS)
    assert await store.forget_messages(30, 1) == 1
    assert await store.forget_messages(30, 10) == 1
    assert await store.forget_messages(30, 10) == 0
    assert [one.id for one in await store.due(10)] == ["owed"]
    left = {one.id for one in (await store.latest_messages(["fill", BROADCAST], 10))}
    assert left == {"owed", "young"}


async def test_decisions_that_became_no_order_are_dropped_and_those_that_did_or_may_stay(store: Store) -> None:
    await enrol(store, "ada")
    verdicts = (Verdict.PASSED, Verdict.REFUSED, Verdict.ENTERED, Verdict.PLANNED, Verdict.PASSED)
    told = [decision(number, verdict) for number, verdict in enumerate(verdicts)]
    for one in told:
        await store.record_decision(one)
    assert await store.forget_decisions(NOW_MS + 4, 1) == 1
    assert await store.decisions("u-ada", 9) == told[:0:-1]
    assert await store.forget_decisions(NOW_MS + 4, 9) == 1
    assert await store.forget_decisions(NOW_MS + 4, 9) == 0
    assert await store.decisions("u-ada", 9) == told[:1:-1]


async def test_refused_copies_are_dropped_by_their_age_and_no_other(store: Store) -> None:
    rule = await placed(store)
    refused = [
        copy_of(rule, signal(f"lead-{number}"), state=CopyState.REFUSED, decided_at_ms=NOW_MS + number)
        for number in range(3)
    ]
    owed = copy_of(rule, signal("lead-owed"), decided_at_ms=NOW_MS)
    await store.add_copies([*refused, owed])
    assert await store.forget_refusals(NOW_MS + 2, 1) == 1
    assert await store.forget_refusals(NOW_MS + 2, 9) == 1
    assert await store.forget_refusals(NOW_MS + 2, 9) == 0
    assert [one.copy for one in await store.copies_of(rule.user_id, 9)] == [owed, refused[2]]


async def test_swaps_are_dropped_and_their_books_stand_as_if_they_were_there(store: Store) -> None:
    for swap in SWAPS:
        await store.record_signal(swap)
    assert await store.forget_swaps((NOW_S + 4) * 1000, 2) == 2
    assert await store.forget_swaps((NOW_S + 4) * 1000, 9) == 1
    assert await store.forget_swaps((NOW_S + 4) * 1000, 9) == 0
    assert await store.signals("Leader", 9) == [SWAPS[4], SWAPS[3]]
    assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", BOOKS)}
    newer = [traded(7, Side.BUY, 50, 10**9), traded(8, Side.SELL, 50, 2 * 10**9)]
    for swap in reversed(newer):  # the later one first, so that the book is folded anew for the other
        await store.record_signal(swap)
    told = [ledger_swap(one) for one in (*SWAPS, *newer)]
    books = [book_of(mint, told) for mint in ("MintTwo", "MintOne")]
    assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", books)}


async def test_a_book_goes_on_however_often_its_swaps_are_dropped(store: Store) -> None:
    told = [traded(number, Side.SELL if number % 3 == 0 else Side.BUY, 100, number * 10**8) for number in range(1, 13)]
    for number, swap in enumerate(told):
        await store.record_signal(swap)
        if number % 4 == 3:
            assert await store.forget_swaps(swap.block_time_s * 1000, 9) == (3 if number == 3 else 4)
    assert await store.signals("Leader", 99) == told[-1:]
    books = [book_of("MintOne", [ledger_swap(one) for one in told])]
    assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", books)}


async def test_a_swap_of_which_nobody_has_decided_what_to_copy_stays(store: Store) -> None:
    rule = await placed(store)
    due = signal()
    assert await store.record_signal(due)
    assert await store.record_signal(replace(due, address="Other"))
    assert await store.forget_swaps(NOW_MS + 10_000, 9) == 1
    assert await store.swaps_due(9) == [due]
    await store.decide_copies(due, [copy_of(rule, due)])
    assert await store.forget_swaps(NOW_MS + 10_000, 9) == 1
    assert await store.signals(LEADER, 9) == []


async def test_books_that_rest_are_dropped_once_none_of_their_swaps_is_kept(store: Store) -> None:
    for swap in SWAPS:
        await store.record_signal(swap)
    all_ms = (NOW_S + 99) * 1000
    assert await store.forget_books(all_ms, 9) == 0
    assert await store.forget_swaps((NOW_S + 5) * 1000, 9) == 4
    assert await store.forget_books(all_ms, 9) == 1
    assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", BOOKS[:1])}
    assert await store.forget_swaps(all_ms, 9) == 1
    assert await store.forget_books((NOW_S + 5) * 1000, 9) == 0
    assert await store.forget_books(all_ms, 9) == 1
    assert await store.wallet_records(["Leader"], 0) == {}
