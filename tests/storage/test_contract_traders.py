"""The contract of `TraderStore`, held by both stores."""

from __future__ import annotations

import pytest
import trio

from bot.ports import Store, Wallet
from bot.trading.intent import Mode
from bot.trading.reputation import ClosedTrade
from bot.trading.trader import Trader
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS, bought, enrol
from tests.storage.test_contract_books import BLOCK_MS, sold

PAPER = Mode.PAPER


async def shown(store: Store, name: str, handle: str) -> Wallet:
    wallet = await enrol(store, name)
    assert await store.open_profile(Trader(wallet.user_id, handle, NOW_MS), NOW_MS)
    return wallet


async def test_who_shows_himself_is_found_by_his_handle_until_he_ends_it(store: Store) -> None:
    ada, bob = await shown(store, "ada", "ada_t"), await shown(store, "bob", "bob")
    assert await store.traders() == [Trader(ada.user_id, "ada_t", NOW_MS), Trader(bob.user_id, "bob", NOW_MS)]
    assert await store.trader_by_handle("ada_t") == await store.trader(ada.user_id)
    assert await store.close_profile(ada.user_id, NOW_MS)
    assert not await store.close_profile(ada.user_id, NOW_MS)
    assert (await store.trader_by_handle("ada_t"), await store.trader(ada.user_id)) == (None, None)
    assert [one.handle for one in await store.traders()] == ["bob"]
    assert not await store.close_profile("u-nobody", NOW_MS)
    with pytest.raises(LookupError):
        await store.open_profile(Trader("u-nobody", "nobody", NOW_MS), NOW_MS)


async def test_nobody_takes_a_handle_that_looks_like_somebody_elses(store: Store) -> None:
    ada, bob = await shown(store, "ada", "molly"), await enrol(store, "bob")
    for handle in ("molly", "m0lly", "mo_lly"):
        assert not await store.open_profile(Trader(bob.user_id, handle, NOW_MS), NOW_MS)
    assert await store.open_profile(Trader(ada.user_id, "m0lly", NOW_MS + 1), NOW_MS)
    assert await store.trader(ada.user_id) == Trader(ada.user_id, "m0lly", NOW_MS)
    await store.close_profile(ada.user_id, NOW_MS)
    assert not await store.open_profile(Trader(bob.user_id, "molly", NOW_MS), NOW_MS)
    assert await store.open_profile(Trader(ada.user_id, "molly", NOW_MS), NOW_MS)
    assert (await store.handles(ada.user_id), await store.handles(bob.user_id)) == (["molly"], [])


async def test_a_user_keeps_the_few_handles_that_he_has_had(store: Store) -> None:
    ada, bob = await shown(store, "ada", "ada_a"), await enrol(store, "bob")
    for number, handle in enumerate(("ada_b", "ada_c"), 1):
        assert await store.open_profile(Trader(ada.user_id, handle, NOW_MS), NOW_MS + number)
    assert await store.handles(ada.user_id) == ["ada_a", "ada_b", "ada_c"]
    assert not await store.open_profile(Trader(ada.user_id, "ada_d", NOW_MS), NOW_MS + 3)
    assert not await store.open_profile(Trader(bob.user_id, "ada_a", NOW_MS), NOW_MS + 3)
    assert await store.open_profile(Trader(ada.user_id, "adaa", NOW_MS), NOW_MS + 4)
    assert sorted(await store.handles(ada.user_id)) == ["ada_b", "ada_c", "adaa"]
    shown_as = await store.trader(ada.user_id)
    assert shown_as is not None
    assert shown_as.handle == "adaa"


async def test_of_two_who_want_one_handle_at_once_one_gets_it(store: Store) -> None:
    wallets = [await enrol(store, name) for name in ("ada", "bob", "eve")]
    got: list[bool] = []

    async def wants(wallet: Wallet) -> None:
        got.append(await store.open_profile(Trader(wallet.user_id, "molly", NOW_MS), NOW_MS))

    async with trio.open_nursery() as nursery:
        for wallet in wallets:
            nursery.start_soon(wants, wallet)
    assert sorted(got) == [False, False, True]


async def test_who_is_delisted_stays_so_and_keeps_his_share(store: Store) -> None:
    ada = await shown(store, "ada", "ada")
    assert await store.set_share(ada.user_id, 1_000, NOW_MS)
    assert await store.set_delisted(ada.user_id, "self-dealing \0", "u-admin", NOW_MS)
    await store.close_profile(ada.user_id, NOW_MS)
    assert not await store.set_share(ada.user_id, 5, NOW_MS)
    assert await store.open_profile(Trader(ada.user_id, "adalove", NOW_MS + 5), NOW_MS)
    back = await store.trader(ada.user_id)
    assert back == Trader(ada.user_id, "adalove", NOW_MS, 1_000, "self-dealing \ufffd")
    assert not back.is_listed
    assert await store.set_delisted(ada.user_id, "", "u-admin", NOW_MS)
    again = await store.trader(ada.user_id)
    assert again is not None
    assert again.is_listed
    assert not await store.set_delisted("u-nobody", "why", "u-admin", NOW_MS)
    acts = [(one.by, one.action, one.detail["user"]) for one in await audited(store)]
    assert acts == [("u-admin", "trader delisted", ada.user_id), ("u-admin", "trader listed", ada.user_id)]


async def test_closed_positions_are_told_with_what_they_cost_oldest_first(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for number, quote in enumerate((900, 100, 700), 1):
        await bought(store, f"b-{number}", ada, mint=f"M-p-{number}", position_id=f"p-{number}")
        await sold(store, f"s-{number}", ada, quote, "take_profit", f"p-{number}")
    await bought(store, "b-4", ada, mint="M-p-4", position_id="p-4")
    won, lost, second = (ClosedTrade(f"M-p-{n}", 410, r, BLOCK_MS) for n, r in ((1, 480), (2, -320), (3, 280)))
    ids = [ada.user_id, bob.user_id]
    assert await store.closed_trades(ids, PAPER, 0, 9) == {ada.user_id: [won, lost, second], bob.user_id: []}
    assert await store.closed_trades([ada.user_id], PAPER, 0, 2) == {ada.user_id: [lost, second]}
    assert await store.closed_trades([ada.user_id], Mode.LIVE, 0, 9) == {ada.user_id: []}
    assert await store.closed_trades([ada.user_id], PAPER, BLOCK_MS + 1, 9) == {ada.user_id: []}
    assert await store.closed_trades([], PAPER, 0, 9) == {}


async def test_nothing_of_a_trader_is_left_when_he_leaves(store: Store) -> None:
    ada, bob = await shown(store, "ada", "molly"), await enrol(store, "bob")
    await store.close_account(ada.user_id, NOW_MS)
    assert (await store.trader(ada.user_id), await store.traders(), await store.handles(ada.user_id)) == (None, [], [])
    assert not await store.open_profile(Trader(bob.user_id, "m0lly", NOW_MS), NOW_MS)
    assert await store.open_profile(Trader(bob.user_id, "mollybee", NOW_MS), NOW_MS)


async def test_who_was_delisted_and_left_comes_back_delisted_until_an_admin_lists_him(store: Store) -> None:
    before = await enrol(store, "ada", telegram_id=42)
    assert await store.open_profile(Trader(before.user_id, "molly", NOW_MS), NOW_MS)
    assert await store.set_delisted(before.user_id, "sells into his followers", "boss", NOW_MS)
    await store.close_account(before.user_id, NOW_MS)
    again, other = await enrol(store, "ada-again", telegram_id=42), await enrol(store, "bob", telegram_id=43)
    for wallet, handle in ((again, "polly"), (other, "bob")):
        assert await store.open_profile(Trader(wallet.user_id, handle, NOW_MS), NOW_MS)
    assert await store.delisted_why(again.user_id) == "sells into his followers"
    assert await store.delisted_why(other.user_id) == ""
    assert (await audited(store))[-1].action == "trader delisted"
    assert await store.set_delisted(again.user_id, "", "boss", NOW_MS)
    await store.close_account(again.user_id, NOW_MS)
    third = await enrol(store, "ada-once-more", telegram_id=42)
    assert await store.open_profile(Trader(third.user_id, "dolly", NOW_MS), NOW_MS)
    assert await store.delisted_why(third.user_id) == ""
