"""An operator who starts one supervisor after the other again while the bot trades: nobody else crashes over it."""

from __future__ import annotations

import random
from contextlib import suppress

import trio
from trio.testing import MockClock

from bot.errors import Unavailable
from bot.localnet.inprocess import InProcessChain
from bot.refusal import CannotError
from bot.supervision.verbs import SupervisionVerbs
from bot.trading.limits import UserSettings
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

TRADES = UserSettings(
    snipe_enabled=True, take_profit_bps=2_000, stop_loss_bps=1_000, max_hold_s=5, slippage_buy_bps=1_500
)
PATHS = (
    "root/money",
    "root/money/executors",
    "root/money/position_monitors",
    "root/hunt",
    "root/hunt/snipers",
    "root/hunt/token_trackers",
    "root/hunt/launch_watcher",
    "root/links",
    "root/guard",
    "root/guard/flatten",
    "root/money/reconciler",
)
RESTARTS = 100
TENTH = LAMPORTS_PER_SOL // 10


async def test_a_storm_of_ordered_restarts_makes_nobody_else_fail(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    users = [await world.user(f"demo-{number}", TRADES) for number in range(6)]
    crowd, chance = Crowd(world.chain), random.Random(1)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault("rpc-slow", for_s=80_000, delay_ms=100)
        verbs = SupervisionVerbs(bot, lambda: None)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def launches() -> None:
                while True:
                    mint = crowd.launch()
                    await crowd.rush(mint, range(2, 16), LAMPORTS_PER_SOL // 2, gap_s=0.1)
                    for number, (user, wallet) in enumerate(users):
                        nursery.start_soon(
                            bot.desk.submit, order(user, wallet, mint, key=f"{mint}{number}", spend_lamports=TENTH)
                        )
                        with suppress(Unavailable):
                            await bot.hunt.sniper_changed(user.id)

            for _ in range(RESTARTS):
                with suppress(CannotError, LookupError):
                    await verbs.restart(chance.choice(PATHS), "a storm", "operator ada", confirmed=True)
                await trio.sleep(chance.random() / 2)
            nursery.cancel_scope.cancel()
        # What was cut short belongs to what was ordered; everything else would be somebody's crash.
        failures = [f"{one.path} {one.kind} {one.reason}" for one in world.reports if one.kind != "killed"]
        assert not failures, "\n".join(failures)
        await until(lambda: bot.guard.state is State.OPEN, within_s=120)
    assert (await world.store.day(0)).buys > 10
