"""The contract of what an exit plan remembers between two looks: the peak, and that the take-profit sold its part."""

from __future__ import annotations

import pytest

from bot.ports import Store
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.position import Position
from tests.storage.storage_samples import NOW_MS, bought, enrol, fill_of, message, sell, sent, settled


async def held(store: Store) -> Position:
    position = await store.position("p-1")
    assert position is not None
    return position


async def test_a_position_is_opened_with_the_whole_exit_plan(store: Store) -> None:
    settings = UserSettings(
        trailing_stop_bps=700,
        take_profit_share_bps=2_500,
        take_profit_levels=(5_000, 2_500),
        anti_rug=True,
        anti_rug_share_bps=300,
        anti_rug_within_s=7,
    )
    position = await bought(store, "k", await enrol(store, settings=settings))
    assert position.plan == settings.exit_plan
    assert (position.peak_lamports, position.took_profit) == (0, False)
    assert await held(store) == position


async def test_the_peak_rises_and_never_falls(store: Store) -> None:
    await bought(store, "k", await enrol(store))
    for quote in (300, 900, 500, -4):
        await store.note_peak("p-1", quote, token_raw=1_000)
    assert (await held(store)).peak_lamports == 900


async def test_a_quote_for_what_was_held_before_is_left_out(store: Store) -> None:
    await bought(store, "k", await enrol(store))
    await store.note_peak("p-1", 900, token_raw=999)
    assert (await held(store)).peak_lamports == 0
    with pytest.raises(LookupError):
        await store.note_peak("p-none", 900, token_raw=1_000)


async def test_a_sale_of_a_part_leaves_its_share_of_the_peak(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    await store.note_peak("p-1", 901, token_raw=1_000)
    part = sell("out", wallet, token_raw=500, reason="time")
    await sent(store, part)
    await settled(store, part, fill_of(part, token_raw=500))
    assert ((await held(store)).peak_lamports, (await held(store)).took_profit) == (450, False)


async def test_an_adjustment_leaves_the_share_of_the_peak_and_tokens_from_outside_raise_nothing(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    await store.note_peak("p-1", 800, token_raw=1_000)
    for number, (chain_raw, peak) in enumerate(((250, 200), (5_000, 200), (0, 0))):
        note = message(f"m-{number}", wallet.user_id)
        await store.adjust("p-1", chain_raw, evidence="slot 9", now_ms=NOW_MS, message=note)
        assert (await held(store)).peak_lamports == peak


@pytest.mark.parametrize(
    ("context", "reason", "took"),
    [
        (Context.AUTOMATED, "take_profit", True),
        (Context.AUTOMATED, "stop_loss", False),
        (Context.MANUAL_COMMAND, "take_profit", False),
    ],
)
async def test_only_a_monitors_take_profit_counts_as_taken(
    store: Store, context: Context, reason: str, took: bool
) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    part = sell("out", wallet, token_raw=400, context=context, reason=reason)
    await sent(store, part)
    assert not (await held(store)).took_profit
    done = await settled(store, part, fill_of(part, token_raw=400))
    assert done.position.took_profit is took
    assert (done.position.levels_taken, done.position.bought_raw) == (int(took), 1_000)
    assert await held(store) == done.position


async def test_a_closed_position_has_no_peak_to_note(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    whole = sell("out", wallet)
    await sent(store, whole)
    closed = (await settled(store, whole, fill_of(whole))).position
    await store.note_peak("p-1", 900, token_raw=0)
    assert await held(store) == closed
