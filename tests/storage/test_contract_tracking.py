"""The contract of `TrackingStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import Store, TrackedWallet, WalletCursor, WalletSignal
from bot.trading.intent import Side
from tests.storage.storage_samples import NOW_MS, enrol

LEADER = "LeaderAddress"
SWAP = WalletSignal(
    address=LEADER,
    mint="MintOne",
    side=Side.BUY,
    token_raw=2**64 - 1,
    quote_lamports=5,
    slot=7,
    block_time_s=NOW_MS // 1000,
    signature="sig-1",
    instruction=3,
    held_before_raw=2**64 - 1,
    seen_at_ms=NOW_MS + 7,
)


async def follow(store: Store, name: str, label: str = "whale") -> TrackedWallet:
    wallet = TrackedWallet((await enrol(store, name)).user_id, LEADER, label, NOW_MS)
    assert await store.track(wallet)
    return wallet


async def test_a_followed_wallet_is_listed_for_its_user_and_for_all(store: Store) -> None:
    ada, bob = await follow(store, "ada"), await follow(store, "bob", "odd \0 label")
    assert await store.tracked(ada.user_id) == [ada]
    assert await store.tracked() == [ada, replace(bob, label="odd \ufffd label")]
    assert not await store.track(replace(ada, label="other"))
    assert await store.tracked(ada.user_id) == [ada]


async def test_nobody_follows_for_a_user_who_does_not_exist(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.track(TrackedWallet("u-none", LEADER, "", NOW_MS))
    assert await store.tracked() == []


async def test_the_cursor_goes_with_the_last_follower_and_signals_stay(store: Store) -> None:
    ada, bob = await follow(store, "ada"), await follow(store, "bob")
    await store.move_cursor(WalletCursor(LEADER, "sig-1", 7))
    await store.record_signal(SWAP)
    assert await store.untrack(ada.user_id, LEADER)
    assert not await store.untrack(ada.user_id, LEADER)
    assert await store.cursor(LEADER) == WalletCursor(LEADER, "sig-1", 7)
    assert await store.untrack(bob.user_id, LEADER)
    assert await store.cursor(LEADER) is None
    assert await store.signals(LEADER, 9) == [SWAP]


async def test_a_cursor_never_goes_back(store: Store) -> None:
    assert await store.cursor(LEADER) is None
    for signature, slot in ((None, 0), ("b", 9), ("a", 8), ("c", 9)):
        await store.move_cursor(WalletCursor(LEADER, signature, slot))
    assert await store.cursor(LEADER) == WalletCursor(LEADER, "c", 9)
    assert await store.cursor("Other") is None


async def test_a_swap_is_recorded_once_and_both_sides_of_a_transaction_are(store: Store) -> None:
    assert await store.record_signal(SWAP)
    assert not await store.record_signal(SWAP)
    assert not await store.record_signal(replace(SWAP, token_raw=1))
    sale = replace(SWAP, side=Side.SELL, quote_lamports=0)
    assert await store.record_signal(sale)
    assert await store.record_signal(replace(SWAP, mint="MintTwo"))
    assert await store.record_signal(replace(SWAP, address="Other"))
    assert await store.signals(LEADER, 2) == [replace(SWAP, mint="MintTwo"), sale]


async def test_the_newest_swaps_come_first_whenever_they_were_written(store: Store) -> None:
    for slot in (8, 6, 7):
        await store.record_signal(replace(SWAP, slot=slot, signature=f"sig-{slot}"))
    assert [signal.slot for signal in await store.signals(LEADER, 9)] == [8, 7, 6]


@pytest.mark.parametrize("broken", [replace(SWAP, token_raw=0), replace(SWAP, quote_lamports=-1)])
async def test_a_swap_without_a_price_is_refused(store: Store, broken: WalletSignal) -> None:
    with pytest.raises(ValueError, match="swapped"):
        await store.record_signal(broken)
    assert await store.signals(LEADER, 9) == []
