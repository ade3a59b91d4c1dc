"""Users who hold something hear that the bot was away, once, and what of theirs was due."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.away_news import AwayNews
from bot.localnet.inprocess import InProcessChain
from bot.telegram.words import short
from bot.trading.limits import UserSettings
from bot.trading.trading_state import Cause
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

ENDS_SOON = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=60)
AWAY_S = 754


async def test_whoever_holds_something_hears_of_an_absence_and_of_what_was_due(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, "holder", KEEPS)
        due = await with_position(world, bot, crowd, "leaver", ENDS_SOON)
        await world.user("nobody", KEEPS)
    await trio.sleep(AWAY_S)
    async with running_bot(world) as bot:
        news = AwayNews(world.store, world.clock, bot.guard.causes)
        held = await news.held()
        await until(lambda: bot.reconciler.reconciled, within_s=60)
        for _ in range(2):
            await news.tell(held, AWAY_S * 1000, 2)
        await news.tell(held, 29_000, 3)
        await trio.sleep(5)
    told = {line.partition(":")[0]: line for line in world.told if "The bot was away" in line}
    assert len([line for line in world.told if "The bot was away" in line]) == 2
    assert told.keys() == {"holder", "leaver"}
    assert "The bot was away for 12 min, and nobody watched your 1 open position meanwhile." in told["holder"]
    assert "your wallet was compared with your books. No exit was due." in told["holder"]
    assert f"Due was the exit of {short(due)}: sold, or being sold now." in told["leaver"]


async def test_books_that_are_still_being_compared_are_told_as_that(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "holder", KEEPS)
        [user] = await world.store.users()
        cause = Cause("reconcile", f"user:{user.id}", 1, "reconciler", "the chain does not answer")
        news = AwayNews(world.store, world.clock, lambda: (cause,))
        await news.tell(await news.held(), AWAY_S * 1000, 2)
        await until(
            lambda: any("your books are still being compared with the chain" in line for line in world.told),
            within_s=30,
        )
