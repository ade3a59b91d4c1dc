"""The contract of `ShareStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.ports import FollowerCounts, ShareSums, Store, Wallet
from bot.trading.copying import CopyRule, RuleState
from bot.trading.intent import Context, Mode
from bot.trading.rewards import SETTLES_MS
from bot.trading.trader import Trader
from tests.storage.storage_samples import NOW_MS, buy, enrol, fill_of, sell, sent, settled
from tests.storage.test_contract_books import BLOCK_MS
from tests.storage.test_contract_copies import copy_of, rule_of, signal

EARLY_MS = BLOCK_MS - 1
LATER_MS = NOW_MS + SETTLES_MS
COST = 410
FEES = 10


async def follows(store: Store, name: str, leader_id: str, *, mode: Mode = Mode.LIVE) -> tuple[Wallet, CopyRule]:
    """A new user with a rule for a leader; the rule is live, or what is named."""
    wallet = await enrol(store, name)
    rule = replace(rule_of(wallet), leader_user_id=leader_id, mode=mode)
    assert await store.place_copy_rule(rule, most=9)
    return wallet, rule


async def copied(store: Store, wallet: Wallet, rule: CopyRule, name: str, *quotes: int) -> None:
    """A position that a copy opened, sold in as many parts as there are quotes."""
    copy = copy_of(rule, signal(f"lead-{name}"))
    [written] = await store.decide_copies(signal(f"lead-{name}"), [copy])
    request = replace(
        buy(written.key, wallet, mint=f"M-{name}", mode=rule.mode, context=Context.COPY_TRADE), key=written.key
    )
    await sent(store, request)
    await settled(store, request, fill_of(request, quote_lamports=COST - FEES), position_id=f"p-{name}")
    for number, quote in enumerate(quotes, 1):
        share = 1_000 // len(quotes)
        sale = replace(
            sell(f"s-{name}-{number}", wallet, mint=f"M-{name}", mode=rule.mode, token_raw=share),
            position_id=f"p-{name}",
        )
        await sent(store, sale)
        await settled(store, sale, fill_of(sale, quote_lamports=quote, token_raw=share), position_id=f"p-{name}")


async def test_each_sale_of_a_copied_position_is_booked_once_above_the_best_so_far(store: Store) -> None:
    leader = await enrol(store, "leader")
    assert await store.open_profile(Trader(leader.user_id, "molly", NOW_MS), EARLY_MS)
    assert await store.set_share(leader.user_id, 1_000, EARLY_MS)
    ada, rule = await follows(store, "ada", leader.user_id)
    bob, bobs = await follows(store, "bob", leader.user_id)
    await copied(store, ada, rule, "a", COST + FEES + 1_000)
    await copied(store, ada, rule, "b", COST + FEES - 300)
    await copied(store, bob, bobs, "c", COST + FEES - 100)
    assert await store.book_shares(leader.user_id, NOW_MS) == 0
    assert await store.book_shares(leader.user_id, LATER_MS) == 3
    assert await store.book_shares(leader.user_id, LATER_MS) == 0
    assert await store.share_sums(leader.user_id) == [
        ShareSums(ada.user_id, 2, 700, 1_000, 100),
        ShareSums(bob.user_id, 1, -100, 0, 0),
    ]
    await copied(store, ada, rule, "d", COST + FEES + 350)
    assert await store.set_share(leader.user_id, 2_000, BLOCK_MS + 1)  # after the sale, which is not written down yet
    assert await store.close_profile(leader.user_id, BLOCK_MS + 2)
    assert await store.book_shares(leader.user_id, LATER_MS) == 1
    [adas, _] = await store.share_sums(leader.user_id)
    assert adas == ShareSums(ada.user_id, 3, 1_050, 1_050, 105)
    with pytest.raises(LookupError):
        await store.book_shares("u-nobody", NOW_MS)


async def test_a_position_sold_in_parts_has_a_row_for_each_and_the_share_of_the_whole(store: Store) -> None:
    leader = await enrol(store, "leader")
    await store.open_profile(Trader(leader.user_id, "molly", NOW_MS), EARLY_MS)
    await store.set_share(leader.user_id, 1_000, EARLY_MS)
    ada, rule = await follows(store, "ada", leader.user_id)
    await copied(store, ada, rule, "a", 500, 500)
    assert await store.book_shares(leader.user_id, LATER_MS) == 2
    [sums] = await store.share_sums(leader.user_id)
    assert sums == ShareSums(ada.user_id, 2, 1_000 - 2 * FEES - COST, 570, 57)


async def test_paper_copies_and_who_is_not_shown_have_no_share(store: Store) -> None:
    leader = await enrol(store, "leader")
    ada, rule = await follows(store, "ada", leader.user_id)
    await copied(store, ada, rule, "a", COST + FEES + 1_000)
    bob, bobs = await follows(store, "bob", leader.user_id, mode=Mode.PAPER)
    await copied(store, bob, bobs, "b", COST + FEES + 1_000)
    assert await store.book_shares(leader.user_id, LATER_MS) == 1
    assert await store.share_sums(leader.user_id) == [ShareSums(ada.user_id, 1, 1_000, 1_000, 0)]


async def test_two_who_book_at_once_write_each_sale_once(store: Store) -> None:
    leader = await enrol(store, "leader")
    ada, rule = await follows(store, "ada", leader.user_id)
    await copied(store, ada, rule, "a", COST + FEES + 1_000)
    booked: list[int] = []

    async def books() -> None:
        booked.append(await store.book_shares(leader.user_id, LATER_MS))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(books)
    assert sorted(booked) == [0, 0, 1]


async def test_followers_are_counted_as_they_come_and_go(store: Store) -> None:
    leader, other = await enrol(store, "leader"), await enrol(store, "other")
    _, adas = await follows(store, "ada", leader.user_id)
    await follows(store, "bob", leader.user_id)
    await follows(store, "cyd", leader.user_id, mode=Mode.PAPER)
    both = [leader.user_id, other.user_id]
    assert await store.followers(both, Mode.LIVE) == {leader.user_id: 2}
    assert await store.followers(both, Mode.PAPER) == {leader.user_id: 1}
    assert await store.followers(both, Mode.DRY_RUN) == {}
    stopped = replace(adas, state=RuleState.STOPPED, version=1, closed_at_ms=NOW_MS + 1, why="enough")
    assert await store.move_copy_rule(stopped)
    assert await store.followers([leader.user_id], Mode.LIVE) == {leader.user_id: 1}
    assert await store.followers([], Mode.LIVE) == {}
    day_ms = 86_400_000
    assert await store.follower_counts(NOW_MS, 7) == FollowerCounts(1, 2, 7, 0, 0)
    assert await store.follower_counts(NOW_MS + 7 * day_ms, 7) == FollowerCounts(1, 2, 7, 2, 1)
