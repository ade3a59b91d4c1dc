"""A sniper that lost, whose operator lets results count."""

from __future__ import annotations

from dataclasses import replace

import structlog
import trio
from trio.testing import MockClock

from actors.sniper import REWEIGH_EVERY_S
from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.weight import TRADES_MIN
from tests.whole.crowd import Crowd
from tests.whole.virtual import make_world, open_for_entries, running_bot

SPENDS = LAMPORTS_PER_SOL // 50
BUYERS = range(2, 9)
SETTINGS = replace(
    UserSettings(),
    snipe_enabled=True,
    snipe_only_strong_buy=False,
    snipe_min_confidence_bps=0,
    snipe_max_lamports=SPENDS,
    snipe_max_daily=1_000,
    stop_loss_bps=1_500,
    max_hold_s=60,
)


async def test_after_a_row_of_losses_a_sniper_spends_less_where_results_count(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.adapts = True
    user, _ = await world.user("demo-1", SETTINGS)
    crowd = Crowd(world.chain)
    with structlog.testing.capture_logs() as lines:
        async with running_bot(world) as bot:
            await open_for_entries(bot)
            await trio.sleep(1)
            mints = await crowded(crowd, TRADES_MIN + 4)
            for mint in mints:
                for trader in BUYERS:
                    crowd.sell_all(mint, trader)
            await trio.sleep(REWEIGH_EVERY_S)
            await crowded(crowd, 1)  # behind this look the results are weighed
            await crowded(crowd, 1)
    closed = [row for row in await world.store.recent_positions(user.id, 100) if row.closed_at_ms is not None]
    assert sum(row.realized_lamports < 0 for row in closed) >= TRADES_MIN
    signals = [line["spend_lamports"] for line in lines if line["event"] == "snipe_signal"]
    assert signals[:-1] == [SPENDS] * (TRADES_MIN + 5)
    assert signals[-1] == SPENDS * 95 // 100
    told = [line for line in lines if line["event"] == "strategy_weight"]
    assert [(line["before_bps"], line["bps"]) for line in told] == [(10_000, 9_500)]


async def crowded(crowd: Crowd, launches: int) -> list[str]:
    """Launches that the rules call a buy, at the end of their observation."""
    mints = [crowd.launch() for _ in range(launches)]
    for trader in BUYERS:
        await trio.sleep(0.4)
        for mint in mints:
            crowd.buy(mint, trader, LAMPORTS_PER_SOL // 2)
    for mint in mints:
        crowd.sell_all(mint, BUYERS[0])
    await trio.sleep(8)
    return mints
