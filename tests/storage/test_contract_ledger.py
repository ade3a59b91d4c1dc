"""The contract of the ledger, held by both stores: a wallet's entries sum to what it holds, wherever that came from."""

from __future__ import annotations

import pytest
import trio

from bot.ports import LedgerCheck, Store, WalletLedger
from bot.trading.ledger import Account, Entry, EntryKind, Leg, legs_of_outside
from tests.storage.books import entries
from tests.storage.storage_samples import NOW_MS, bought, enrol, fill_of, message, sell, sent, settled

COST = 410  # what a wallet pays for a buy of the samples


def opening(lamports: int, *, wallet_id: str = "w-ada") -> Entry:
    return Entry(EntryKind.OPENING, wallet_id, legs_of_outside(lamports), slot=5, evidence="held at slot 5")


def outside(lamports: int, signature: str, *, wallet_id: str = "w-ada") -> Entry:
    kind = EntryKind.DEPOSIT if lamports > 0 else EntryKind.OUTFLOW
    legs = legs_of_outside(lamports)
    return Entry(kind, wallet_id, legs, signature=signature, slot=9, evidence=f"transaction {signature}")


async def test_a_wallet_without_entries_holds_nothing(store: Store) -> None:
    await enrol(store)
    assert await store.wallet_ledger("w-ada") == WalletLedger(0, opened_slot=None, check=None)
    assert await store.wallet_ledger("w-none") == WalletLedger(0, opened_slot=None, check=None)


async def test_orders_and_what_came_from_outside_sum_to_the_wallet(store: Store) -> None:
    wallet = await enrol(store)
    assert await store.book([opening(1_000)], booked_lamports=0)
    await bought(store, "k", wallet)
    assert await store.book([outside(300, "in"), outside(-50, "out")], booked_lamports=1_000 - COST)
    ledger = await store.wallet_ledger("w-ada")
    assert (ledger.booked_lamports, ledger.opened_slot) == (1_000 - COST + 250, 5)
    request = sell("sale", wallet)
    await sent(store, request)
    await settled(store, request, fill_of(request, quote_lamports=600))
    assert (await store.wallet_ledger("w-ada")).booked_lamports == 1_250 - COST + 590


async def test_nothing_is_booked_on_a_sum_that_has_moved(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    assert not await store.book([opening(1_000)], booked_lamports=0)
    assert (await store.wallet_ledger("w-ada")).opened_slot is None


async def test_a_transaction_is_explained_once(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    assert not await store.book([outside(300, "s-k")], booked_lamports=-COST), "an order of ours explains it"
    assert await store.book([outside(300, "in")], booked_lamports=-COST)
    assert not await store.book([outside(300, "in")], booked_lamports=300 - COST)
    assert await store.ours("w-ada", ["s-k", "in", "foreign"]) == {"s-k", "in"}


async def test_one_transaction_moves_sol_between_two_wallets_of_ours(store: Store) -> None:
    await enrol(store, "ada")
    await enrol(store, "bob")
    assert await store.book([outside(-70, "gift")], booked_lamports=0)
    assert await store.book([outside(70, "gift", wallet_id="w-bob")], booked_lamports=0)
    assert (await store.wallet_ledger("w-ada")).booked_lamports == -70
    assert (await store.wallet_ledger("w-bob")).booked_lamports == 70


async def test_what_another_wallets_order_brought_came_from_outside(store: Store) -> None:
    wallet = await enrol(store, "ada")
    await enrol(store, "bob")
    await bought(store, "k", wallet)
    assert await store.ours("w-bob", ["s-k"]) == set()
    assert await store.book([outside(70, "s-k", wallet_id="w-bob")], booked_lamports=0)
    assert await store.ours("w-bob", ["s-k"]) == {"s-k"}
    assert (await store.wallet_ledger("w-bob")).booked_lamports == 70
    assert (await store.wallet_ledger("w-ada")).booked_lamports == -COST


async def test_two_lookers_at_once_book_once(store: Store) -> None:
    await enrol(store)
    done: list[bool] = []

    async def look() -> None:
        done.append(await store.book([outside(5, "in")], booked_lamports=0))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(look)
    assert sorted(done) == [False, False, False, True]
    assert (await store.wallet_ledger("w-ada")).booked_lamports == 5


async def test_what_does_not_balance_or_has_no_wallet_is_refused(store: Store) -> None:
    await enrol(store)
    lopsided = Entry(EntryKind.DEPOSIT, "w-ada", (Leg(Account.WALLET, 5),), signature="in", evidence="transaction in")
    with pytest.raises(ValueError, match="not to zero"):
        await store.book([lopsided], booked_lamports=0)
    with pytest.raises(LookupError):
        await store.book([opening(5, wallet_id="w-none")], booked_lamports=0)
    assert await entries(store) == []


async def test_a_check_is_kept_until_a_newer_one(store: Store) -> None:
    await enrol(store)
    exact = LedgerCheck("w-ada", 50, 7, 7, NOW_MS)
    await store.keep_check(exact)
    await store.keep_check(LedgerCheck("w-ada", 40, 1, 2, NOW_MS + 5))
    assert (await store.wallet_ledger("w-ada")).check == exact
    newer = LedgerCheck("w-ada", 60, 8, 7, NOW_MS + 9)
    await store.keep_check(newer)
    assert (await store.wallet_ledger("w-ada")).check == newer
    assert (exact.is_exact, newer.is_exact) == (True, False)
    with pytest.raises(LookupError):
        await store.keep_check(LedgerCheck("w-none", 1, 1, 1, 1))


async def test_sales_leave_the_rest_at_its_cost_and_book_what_they_gained(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    part, rest = sell("part", wallet, token_raw=250), sell("rest", wallet)
    await sent(store, part)
    await settled(store, part, fill_of(part, token_raw=250, quote_lamports=160))
    await sent(store, rest)
    await settled(store, rest, fill_of(rest, token_raw=750, quote_lamports=200))
    of_tokens = [lamports_of(Account.TOKENS, legs) for _, _, legs in await entries(store)]
    of_result = [lamports_of(Account.RESULT, legs) for _, _, legs in await entries(store)]
    assert of_tokens == [400, -100, -300]
    assert of_result == [0, -60, 100]


async def test_tokens_that_vanished_are_booked_as_lost(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    await store.adjust("p-1", 750, evidence="slot 9", now_ms=NOW_MS, message=message("m1", wallet.user_id))
    await store.adjust("p-1", 900, evidence="slot 10", now_ms=NOW_MS, message=message("m2", wallet.user_id))
    await store.adjust("p-1", 0, evidence="slot 11", now_ms=NOW_MS, message=message("m3", wallet.user_id))
    written = [legs for intent_id, _, legs in await entries(store) if intent_id is None]
    assert [lamports_of(Account.LOST, legs) for legs in written] == [100, 300]
    assert [lamports_of(Account.TOKENS, legs) for legs in written] == [-100, -300]
    assert (await store.wallet_ledger("w-ada")).booked_lamports == -COST


def lamports_of(account: Account, legs: tuple[Leg, ...]) -> int:
    return sum(leg.lamports for leg in legs if leg.account is account)
