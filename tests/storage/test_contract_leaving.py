"""The contract of `LeavingStore`, held by both stores."""

from __future__ import annotations

import pytest

from bot.errors import Conflict
from bot.ports import ChatMessage, SealedNote, Store, Subject, Topic, TrackedWallet
from bot.trading.alerting import AlertLevel
from bot.trading.intent import IntentState
from tests.storage.books import audited
from tests.storage.storage_samples import KEY, NOW_MS, bought, buy, enrol, message, planned
from tests.storage.test_contract_standing import limit_buy


async def test_who_leaves_is_nobody_any_more_and_his_books_stay(store: Store) -> None:
    wallet, other = await enrol(store, "ada", telegram_id=42), await enrol(store, "bob", telegram_id=43)
    for one in (wallet, other):
        await store.track(TrackedWallet(one.user_id, "Leader", "my leader", NOW_MS))
        await store.set_alert_levels(one.user_id, {"expired": AlertLevel.OFF}, NOW_MS)
        await store.put_chat_message(ChatMessage(Subject(Topic.POSITION, one.user_id), one.user_id, 7, NOW_MS))
        await store.post(message(f"m-{one.user_id}", one.user_id))
        await store.keep_notes(one.user_id, {"code": SealedNote("master-1", b"note")}, "kept", NOW_MS)
    await planned(store, buy("k", wallet))
    with pytest.raises(Conflict, match="has an order on its way"):
        await store.close_account(wallet.user_id, NOW_MS)
    assert await store.user_by_telegram_id(42) is not None
    await store.close_unfilled("i-k", IntentState.CANCELLED, "no", now_ms=NOW_MS)
    await store.close_account(wallet.user_id, NOW_MS)
    assert await store.user_by_telegram_id(42) is None
    assert await store.user_by_handle("ada") is None
    [left, stays] = await store.users()
    assert (left.id, left.handle, left.telegram_id, left.has_left) == ("u-ada", "closed-u-ada", None, True)
    assert (stays.handle, stays.telegram_id, stays.has_left) == ("bob", 43, False)
    assert [one.user_id for one in await store.tracked()] == [other.user_id]
    assert [one.user_id for one in await store.chat_messages(Topic.POSITION)] == [other.user_id]
    assert list(await store.alert_levels([wallet.user_id, other.user_id])) == [other.user_id]
    assert (await store.notes(wallet.user_id), len(await store.notes(other.user_id))) == ({}, 1)
    assert [owed.id for owed in await store.due(9)] == [f"m-{other.user_id}"]
    assert await store.wallets(wallet.user_id) == [wallet]
    assert await store.sealed_key(wallet.id) == KEY
    assert (await audited(store))[-1].action == "account closed"
    with pytest.raises(Conflict, match="has left already"):
        await store.close_account(wallet.user_id, NOW_MS)
    assert (await enrol(store, "ada-again", telegram_id=42)).user_id != wallet.user_id


async def test_nobody_leaves_with_a_position_or_an_order_that_waits(store: Store) -> None:
    holder, waiter = await enrol(store, "ada"), await enrol(store, "bob")
    await bought(store, "k", holder)
    assert await store.place_standing(limit_buy(waiter), most_open=9)
    for wallet, why in ((holder, "holds a position"), (waiter, "has a standing order")):
        with pytest.raises(Conflict, match=why):
            await store.close_account(wallet.user_id, NOW_MS)
    with pytest.raises(LookupError):
        await store.close_account("u-nobody", NOW_MS)
    assert not any(user.has_left for user in await store.users())
