"""The contract of `StandingStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import OutboxMessage, Store, Wallet
from bot.trading.intent import Side
from bot.trading.standing import StandingKind, StandingOrder, came_to_nothing, cancelled, fired, refused, traded
from tests.storage.storage_samples import NOW_MS, ask, enrol, sell

MOST = 3


def limit_buy(wallet: Wallet, name: str = "one") -> StandingOrder:
    return StandingOrder(
        id=f"standing-{wallet.user_id}-{name}",
        code=name,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        kind=StandingKind.LIMIT_BUY,
        mint="MintOne",
        price_lamports=30_000_000,
        created_at_ms=NOW_MS,
        due_at_ms=NOW_MS,
        spend_lamports=10**9,
        lapses_at_ms=NOW_MS + 60_000,
    )


def limit_sale(wallet: Wallet, name: str = "two") -> StandingOrder:
    order = limit_buy(wallet, name)
    return replace(
        order, kind=StandingKind.LIMIT_SELL, spend_lamports=0, token_raw=2**64 - 1, sells_all=True, lapses_at_ms=None
    )


def repeated(wallet: Wallet, name: str = "three") -> StandingOrder:
    order = limit_buy(wallet, name)
    return replace(
        order, kind=StandingKind.DCA, price_lamports=0, lapses_at_ms=None, turns=3, interval_ms=7 * 86_400_000
    )


def message(wallet: Wallet, message_id: str) -> OutboxMessage:
    return OutboxMessage(message_id, wallet.user_id, "standing_waits", {"why": "a pause"}, False, "trace", NOW_MS)


async def test_standing_orders_are_listed_for_their_user_and_for_all_as_they_were_placed(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    breakout = replace(limit_buy(ada, "breakout"), kind=StandingKind.BREAKOUT_BUY)
    placed = [limit_buy(ada), limit_sale(bob), repeated(ada), breakout]
    for order in placed:
        assert await store.place_standing(order, most_open=MOST)
    assert await store.standing_orders() == placed
    assert await store.standing_orders(ada.user_id) == [placed[0], *placed[2:]]
    assert await store.standing_order(placed[1].id) == placed[1]
    assert await store.standing_order("none") is None


async def test_the_same_order_again_changes_nothing(store: Store) -> None:
    ada = await enrol(store)
    order = limit_buy(ada)
    assert await store.place_standing(order, most_open=MOST)
    assert await store.place_standing(replace(order, spend_lamports=7), most_open=0)
    assert await store.standing_orders() == [order]


async def test_nobody_has_more_open_ones_than_the_most_and_ended_ones_do_not_count(store: Store) -> None:
    ada = await enrol(store)
    orders = [limit_buy(ada, str(number)) for number in range(MOST + 1)]
    for order in orders[:MOST]:
        assert await store.place_standing(order, most_open=MOST)
    assert not await store.place_standing(orders[MOST], most_open=MOST)
    assert await store.standing_order(orders[MOST].id) is None
    assert await store.move_standing(cancelled(orders[0], NOW_MS))
    assert await store.place_standing(orders[MOST], most_open=MOST)


async def test_nobody_places_one_for_a_wallet_of_somebody_else(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for order in (replace(limit_buy(ada), wallet_id=bob.id), replace(limit_buy(ada), wallet_id="none")):
        with pytest.raises(LookupError):
            await store.place_standing(order, most_open=MOST)


async def test_each_version_is_written_once_with_its_message(store: Store) -> None:
    ada = await enrol(store)
    order = limit_buy(ada)
    await store.place_standing(order, most_open=MOST)
    firing = fired(order)
    assert await store.move_standing(firing)
    assert not await store.move_standing(firing)
    waits = refused(firing, "paused", "a pause \0", NOW_MS)
    assert not await store.move_standing(replace(waits, version=waits.version + 1), message(ada, "early"))
    assert await store.move_standing(waits, message(ada, "m-1"))
    assert not await store.move_standing(cancelled(firing, NOW_MS), message(ada, "late"))
    kept = replace(waits, why="a pause \ufffd")
    assert await store.standing_order(order.id) == kept
    assert [one.id for one in await store.due(9)] == ["m-1"]
    failed = came_to_nothing(fired(kept), "it landed with an error", NOW_MS)
    assert not await store.move_standing(failed)
    assert await store.move_standing(fired(kept))
    assert await store.move_standing(failed)
    assert await store.standing_orders() == [failed]


async def test_what_has_ended_is_listed_no_more_and_never_changes(store: Store) -> None:
    ada = await enrol(store)
    order = limit_sale(ada)
    await store.place_standing(order, most_open=MOST)
    assert await store.move_standing(fired(order))
    done = traded(fired(order), NOW_MS + 5)
    assert await store.move_standing(done)
    assert await store.standing_orders() == []
    assert await store.standing_order(order.id) == done
    assert not await store.move_standing(cancelled(done, NOW_MS))
    assert await store.standing_order(order.id) == done
    assert not await store.move_standing(fired(replace(order, id="none")))


async def test_a_repeated_buy_counts_what_has_traded(store: Store) -> None:
    ada = await enrol(store)
    order = repeated(ada)
    await store.place_standing(order, most_open=MOST)
    assert await store.move_standing(fired(order))
    after = traded(fired(order), NOW_MS)
    assert await store.move_standing(after)
    assert after.filled == 1
    assert await store.standing_orders() == [after]


async def test_the_least_that_a_sale_brings_is_kept_with_its_order(store: Store) -> None:
    ada = await enrol(store)
    request = replace(sell("k", ada, token_raw=5), min_lamports=123, evidence="it was sold: 'a'")
    assert request.side is Side.SELL
    await ask(store, request)
    kept = await store.intent_of("k")
    assert kept is not None
    assert kept.request == request
