"""Users hear of a halt and of its end once, with what it means for them, over restarts too."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.trading_state import Halt, State
from tests.whole.crowd import Crowd
from tests.whole.test_levels import HOLDS, KEEPS, with_position
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

SNIPES = UserSettings(snipe_enabled=True)


def heard(world: World, handle: str, words: str) -> list[str]:
    return [line for line in world.told if line.startswith(f"{handle}:") and words in line]


async def test_whoever_a_halt_concerns_hears_of_it_once_and_of_its_end(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, "seller", KEEPS)
        await with_position(world, bot, crowd, "holder", HOLDS)
        await world.user("sniper", SNIPES)
        await world.user("nobody", UserSettings())
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "the launchpad is being upgraded"))
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        await trio.sleep(5)
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        await trio.sleep(60)
        [told] = heard(world, "seller", "Trading is halted")
        assert "an operator ordered it (the launchpad is being upgraded)" in told
        assert "1 open position: sold as soon as the chain takes it" in told
        [told] = heard(world, "holder", "Trading is halted")
        assert "1 open position: kept, the exit plan too" in told
        [told] = heard(world, "sniper", "Trading is halted")
        assert "Your sniper buys nothing either. You hold no position." in told
        assert not heard(world, "holder", "The halt is over")
        assert await bot.guard.rearm("operator")
        await trio.sleep(10)
        assert len(heard(world, "holder", "The halt is over")) == 1
        [told] = heard(world, "sniper", "The halt is over")
        assert "Your sniper may buy again." in told
    assert not heard(world, "nobody", "halt")


async def test_a_halt_of_the_chain_is_told_in_words(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd)
        world.chain.set_fault("rpc-down", for_s=60)
        await until(lambda: bot.guard.level == 3, within_s=50)
        await until(lambda: bool(heard(world, "demo-1", "Trading is halted")), within_s=5)
    [told] = heard(world, "demo-1", "Trading is halted")
    assert "the chain has not answered for too long" in told
    assert "Error" not in told
