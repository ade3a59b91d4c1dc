"""The contract of `MeasureStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import HourMeasure, Store
from bot.trading.intent import Context, Mode
from tests.storage.storage_samples import NOW_MS, buy, enrol, fill_of, run, sent, settled

HOUR_MS = 3_600_000
BLOCK_MS = NOW_MS // 1000 * 1000
AT_MS = NOW_MS - NOW_MS % HOUR_MS
FIRST = HourMeasure("fees live", AT_MS, 40_000, 12)


async def test_an_hour_that_is_looked_at_again_is_written_anew(store: Store) -> None:
    assert await store.measures(0) == []
    second = replace(FIRST, name="fills live", total=3, count=0)
    await store.keep_measures([second, FIRST], 0)
    assert await store.measures(0) == [FIRST, second]
    later = replace(FIRST, total=50_000, count=13)
    await store.keep_measures([later], 0)
    await store.keep_measures([later], 0)
    assert await store.measures(0) == [later, second]


async def test_hours_are_told_from_a_moment_on_oldest_first_and_old_ones_are_forgotten(store: Store) -> None:
    hours = [replace(FIRST, hour_ms=AT_MS + number * HOUR_MS) for number in (2, 0, 1)]
    await store.keep_measures(hours, 0)
    assert [one.hour_ms for one in await store.measures(AT_MS)] == [AT_MS, AT_MS + HOUR_MS, AT_MS + 2 * HOUR_MS]
    assert len(await store.measures(AT_MS + 1)) == 2
    await store.keep_measures([], AT_MS + HOUR_MS)
    assert [one.hour_ms for one in await store.measures(0)] == [AT_MS + HOUR_MS, AT_MS + 2 * HOUR_MS]


async def test_a_total_may_be_negative_and_as_large_as_all_lamports(store: Store) -> None:
    large = replace(FIRST, total=-600_000_000 * 1_000_000_000)
    await store.keep_measures([large], 0)
    assert await store.measures(0) == [large]


async def test_the_way_from_launch_to_fill_counts_live_snipes_alone(store: Store) -> None:
    wallet = await enrol(store)
    assert await store.launch_to_fill(0) == ()
    for number, (mode, seen_ms) in enumerate(
        ((Mode.LIVE, BLOCK_MS - 7_000), (Mode.LIVE, BLOCK_MS - 900), (Mode.LIVE, None), (Mode.PAPER, BLOCK_MS - 1))
    ):
        looked = replace(run(f"run-{number}", wallet.user_id, mint=f"M{number}"), seen_at_ms=seen_ms)
        assert await store.open_run(looked)
        request = replace(
            buy(f"b-{number}", wallet, mint=f"M{number}", mode=mode), context=Context.SNIPER, causation_id=looked.id
        )
        await sent(store, request)
        await settled(store, request, fill_of(request), position_id=f"p-{number}")
    by_hand = buy("hand", wallet, mint="M9", mode=Mode.LIVE)
    await sent(store, by_hand)
    await settled(store, by_hand, fill_of(by_hand), position_id="p-9")
    assert await store.launch_to_fill(BLOCK_MS) == (900, 7_000)
    assert await store.launch_to_fill(BLOCK_MS + 1) == ()
