"""The contract of `OverviewStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import ModeSums, Overview, Owner, Store, TrackedWallet
from bot.trading.intent import IntentState, Mode
from bot.trading.ledger import legs_of_failed, legs_of_fill
from bot.trading.limits import UserSettings
from tests.storage.storage_samples import (
    NOW_MS,
    RESERVED,
    bought,
    buy,
    enrol,
    fill_of,
    message,
    planned,
    run,
    sell,
    sent,
    settled,
)

BLOCK_MS = NOW_MS // 1000 * 1000
FEES = 10  # of one fill of the samples


def nothing(mode: Mode) -> ModeSums:
    return ModeSums(mode, *[0] * 11)


def sums(overview: Overview, mode: Mode) -> ModeSums:
    return next(one for one in overview.modes if one.mode is mode)


async def test_an_empty_database_has_counted_nothing(store: Store) -> None:
    assert await store.overview(0) == Overview(0, 0, 0, 0, 0, None, tuple(nothing(mode) for mode in Mode))


async def test_all_users_are_summed_and_the_modes_are_kept_apart(store: Store) -> None:
    ada = await enrol(store, "ada", UserSettings(snipe_enabled=True))
    bob = await enrol(store, "bob", UserSettings(snipe_enabled=False))
    first = await bought(store, "b-1", ada, position_id="p-1")
    await bought(store, "b-2", bob, position_id="p-2", mode=Mode.LIVE)
    overview = await store.overview(0)
    assert (overview.users, overview.wallets, overview.snipers, overview.last_trade_at_ms) == (2, 2, 1, BLOCK_MS)
    held = replace(
        nothing(Mode.PAPER), open_positions=1, deployed_lamports=first.cost_lamports, buys=1, fees_lamports=FEES
    )
    assert overview.modes == (held, nothing(Mode.DRY_RUN), replace(held, mode=Mode.LIVE))


async def test_a_closed_position_is_won_or_lost_on_the_day_it_closed(store: Store) -> None:
    wallet = await enrol(store)
    for number, proceeds in enumerate((900, 100)):
        mint, position_id = f"M{number}", f"p-{number}"
        await bought(store, f"b-{number}", wallet, mint=mint, position_id=position_id)
        request = sell(f"s-{number}", wallet, mint=mint, token_raw=1_000)
        await sent(store, request)
        await settled(store, request, fill_of(request, quote_lamports=proceeds), position_id=position_id)
    today = sums(await store.overview(BLOCK_MS), Mode.PAPER)
    assert (today.won, today.lost, today.buys, today.sells, today.open_positions) == (1, 1, 2, 2, 0)
    assert today.realized_lamports == (await store.day(BLOCK_MS)).realized_lamports
    assert today.fees_lamports == 4 * FEES
    tomorrow = await store.overview(BLOCK_MS + 1)
    assert sums(tomorrow, Mode.PAPER) == nothing(Mode.PAPER)
    assert tomorrow.last_trade_at_ms == BLOCK_MS


async def test_the_fee_of_a_failed_order_is_a_fee_and_a_loss(store: Store) -> None:
    wallet = await enrol(store)
    await sent(store, buy("k", wallet))
    await store.close_unfilled(
        "i-k", IntentState.FAILED, "slippage", now_ms=NOW_MS, signature="s-k", legs=legs_of_failed(5_000)
    )
    await sent(store, buy("k2", wallet, mint="M2"))
    await store.close_unfilled("i-k2", IntentState.EXPIRED, "never landed", now_ms=NOW_MS, signature="s-k2")
    today = sums(await store.overview(NOW_MS), Mode.PAPER)
    assert (today.failed, today.realized_lamports, today.fees_lamports) == (2, -5_000, 5_000)
    assert today.realized_lamports == (await store.day(NOW_MS)).realized_lamports


async def test_orders_on_their_way_reserve_and_may_be_unproven(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k1", wallet, mint="M1"))
    intent = await sent(store, buy("k2", wallet, mint="M2"))
    await store.mark_unknown(intent.id)
    moving = sums(await store.overview(0), Mode.PAPER)
    assert (moving.reserved_lamports, moving.unproven) == (2 * RESERVED, 1)


async def test_signals_are_looks_that_were_not_skipped(store: Store) -> None:
    wallet = await enrol(store)
    for number, status in enumerate(("SKIPPED", "COMPLETED", "FAILED", "MONITORING")):
        await store.open_run(
            run(f"r-{number}", wallet.user_id, mint=f"M{number}", status=status, at_ms=NOW_MS + number)
        )
    assert (await store.overview(NOW_MS)).signals == 3
    assert (await store.overview(NOW_MS + 3)).signals == 1


async def test_a_wallet_that_two_follow_is_one(store: Store) -> None:
    for name in ("ada", "bob"):
        await store.track(TrackedWallet((await enrol(store, name)).user_id, "Leader", "whale", NOW_MS))
    assert (await store.overview(0)).followed == 1


async def test_users_wallets_and_positions_have_an_owner_and_strangers_none(store: Store) -> None:
    wallet = await enrol(store)
    position = await bought(store, "b", wallet)
    asked = [wallet.user_id, wallet.id, position.id, "nobody"]
    assert await store.owners(asked) == {
        wallet.user_id: Owner("ada", None),
        wallet.id: Owner("ada", None),
        position.id: Owner("ada", position.mint),
    }
    assert await store.owners([]) == {}


async def test_the_oldest_positions_come_first_and_closed_ones_never(store: Store) -> None:
    wallet = await enrol(store)
    for number in (3, 1, 2):
        request = buy(f"b-{number}", wallet, mint=f"M{number}")
        await sent(store, request)
        fill = fill_of(request, block_time_s=number)
        await store.settle(
            f"i-b-{number}",
            fill,
            legs=legs_of_fill(fill),
            position_id=f"p-{number}",
            message=lambda _, __, number=number: message(f"m-{number}", wallet.user_id),  # type: ignore[misc]
        )
    assert [row.id for row in await store.oldest_positions(2)] == ["p-1", "p-2"]
    request = sell("s", wallet, mint="M1", token_raw=1_000)
    await sent(store, request)
    await settled(store, request, fill_of(request), position_id="p-1")
    assert [row.id for row in await store.oldest_positions(9)] == ["p-2", "p-3"]


async def test_the_latest_messages_of_some_kinds_come_newest_first_delivered_or_not(store: Store) -> None:
    wallet = await enrol(store)
    for number, kind in enumerate(("fill", "adjustment", "other", "fill")):
        await store.post(replace(message(f"m-{number}", wallet.user_id, number=number), kind=kind))
    await store.delivered("m-3", NOW_MS)
    latest = await store.latest_messages(["fill", "adjustment"], 2)
    assert [row.id for row in latest] == ["m-3", "m-1"]
    assert latest[0].payload == {"number": 3}
    assert await store.latest_messages([], 9) == []


async def test_the_pool_counts_its_connections_without_a_question(store: Store) -> None:
    await store.ping()
    pool = store.connections()
    assert 0 <= pool.used <= pool.opened <= pool.most
