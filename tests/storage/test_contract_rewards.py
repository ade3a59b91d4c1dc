"""The contract of `RewardStore`, held by both stores."""

from __future__ import annotations

import pytest
import trio

from bot.ports import RewardSums, Store, Wallet
from bot.trading.intent import Mode
from bot.trading.rewards import SETTLES_MS, TRADE_LEAST_LAMPORTS, Award, RewardedAction, rated, started, traded
from tests.storage.storage_samples import NOW_MS, buy, enrol, fill_of, sent, settled
from tests.storage.test_contract_books import BLOCK_MS
from tests.storage.test_contract_community import rating

LATER_MS = NOW_MS + SETTLES_MS


async def bought_for(store: Store, key: str, wallet: Wallet, lamports: int, mint: str, mode: Mode = Mode.LIVE) -> None:
    request = buy(key, wallet, mint=mint, mode=mode)
    await sent(store, request)
    await settled(store, request, fill_of(request, quote_lamports=lamports), position_id=f"p-{key}")


async def test_what_was_done_is_rewarded_once_and_shown_by_action(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for key, mint in (("b-1", "MintOne"), ("b-2", "MintOne"), ("b-3", "Other")):
        await bought_for(store, key, ada, TRADE_LEAST_LAMPORTS, mint)
    await bought_for(store, "b-4", ada, TRADE_LEAST_LAMPORTS // 2, "Small")
    await bought_for(store, "b-5", ada, TRADE_LEAST_LAMPORTS, "Paper", Mode.PAPER)
    await store.rate(rating(ada.user_id, at_ms=BLOCK_MS))
    await store.rate(rating(ada.user_id, mint="Unbought", at_ms=BLOCK_MS + 40_000))
    wanted = [traded("MintOne", BLOCK_MS), traded("Other", BLOCK_MS), rated("MintOne", BLOCK_MS)]
    got = await store.award_due(ada.user_id, LATER_MS)
    assert sorted(got, key=repr) == sorted([*wanted, started(ada.user_id, LATER_MS)], key=repr)
    assert await store.award_due(ada.user_id, LATER_MS + 9) == []
    assert await store.reward_sums(ada.user_id) == [
        RewardSums(RewardedAction.START, 1, 100),
        RewardSums(RewardedAction.TRADE, 2, 20),
        RewardSums(RewardedAction.RATING, 1, 5),
    ]
    assert await store.reward_sums(bob.user_id) == []
    with pytest.raises(LookupError):
        await store.award_due("u-nobody", NOW_MS)


async def test_a_deed_counts_when_the_network_cannot_take_it_back_any_more(store: Store) -> None:
    ada = await enrol(store)
    await bought_for(store, "b-1", ada, TRADE_LEAST_LAMPORTS, "MintOne")
    assert [one.action for one in await store.award_due(ada.user_id, BLOCK_MS + SETTLES_MS - 1)] == [
        RewardedAction.START
    ]
    assert await store.award_due(ada.user_id, BLOCK_MS + SETTLES_MS) == [traded("MintOne", BLOCK_MS)]


async def test_two_looks_at_once_earn_once(store: Store) -> None:
    ada = await enrol(store)
    got: list[Award] = []

    async def looks() -> None:
        got.extend(await store.award_due(ada.user_id, NOW_MS))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(looks)
    assert got == [started(ada.user_id, NOW_MS)]
    assert await store.reward_sums(ada.user_id) == [RewardSums(RewardedAction.START, 1, 100)]


async def test_points_stay_under_the_internal_id_when_somebody_leaves(store: Store) -> None:
    ada = await enrol(store)
    await store.award_due(ada.user_id, NOW_MS)
    await store.close_account(ada.user_id, NOW_MS)
    assert await store.reward_sums(ada.user_id) == [RewardSums(RewardedAction.START, 1, 100)]
