"""One endpoint shows a wallet more than it holds, on the whole bot: nothing is adjusted, and every exit sells."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.ports import Submitted, User, Wallet
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.lying import Lie, LyingWorld, lying_world, more_lamports, more_tokens
from tests.whole.test_exits_in_a_crash import HOLD, TENTH
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, open_for_entries, running_bot

STOP = replace(HOLD, stop_loss_bps=1_500)
AUDITED_S = 60.0
HELD = ("getTokenAccountsByOwner", "getMultipleAccounts")
PAID = ("getBalance", "getMultipleAccounts")
LIES: dict[str, dict[str, Lie]] = {
    "a raw unit more": dict.fromkeys(HELD, more_tokens(1, 1)),
    "twice the tokens": dict.fromkeys(HELD, more_tokens(2, 0)),
    "a lamport more": dict.fromkeys(PAID, more_lamports(1)),
}


async def holding(world: LyingWorld, bot: TradingBot, user: User, wallet: Wallet, crowd: Crowd) -> str:
    """A token of which the user holds a tenth of a SOL's worth, and others much more."""
    await open_for_entries(bot)
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 7, 9 * LAMPORTS_PER_SOL)
    await trio.sleep(2)
    assert isinstance(await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH)), Submitted)
    await bought(world, 1)
    return mint


def states(bot: TradingBot) -> list[str]:
    return [health.state for health in bot.adapters.chain.health()]


def nothing_false_was_said(world: LyingWorld) -> None:
    said = " ".join((*world.told, *world.alerts))
    for false in ("came into your wallet", "does not explain", "landed with an error", "The books"):
        assert false not in said, said


@pytest.mark.parametrize("endpoints", [3, 2])
@pytest.mark.parametrize("lie", LIES)
async def test_more_than_is_held_is_not_believed_of_one_endpoint_and_the_stop_sells(
    autojump_clock: MockClock, lie: str, endpoints: int
) -> None:
    world = lying_world(endpoints)
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        [before] = await world.store.open_positions()
        world.lies = LIES[lie]
        was_distrusted = False
        with trio.move_on_after(AUDITED_S):
            while True:
                await trio.sleep(0.5)
                liar, *honest = states(bot)
                was_distrusted |= liar == "distrusted"
                assert "distrusted" not in honest
        assert was_distrusted is (endpoints == 3)
        assert await world.store.open_positions() == [before]
        crowd.sell_all(mint, 7)
        await closed(world, 1, within_s=10)
        nothing_false_was_said(world)
        world.lies = {}
        await exact(bot, world)
        assert await world.books_equal_chain()


@pytest.mark.parametrize("lie", ["a raw unit more", "twice the tokens"])
async def test_a_sale_by_hand_while_one_endpoint_shows_too_much_sells_what_is_there_the_first_time(
    autojump_clock: MockClock, lie: str
) -> None:
    world = lying_world()
    user, wallet = await world.user("demo-1", HOLD)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        world.lies = LIES[lie]
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS)), Submitted)
        await closed(world, 1, within_s=8)
        nothing_false_was_said(world)


async def test_tokens_that_came_from_outside_are_adopted_once_two_endpoints_show_them(
    autojump_clock: MockClock,
) -> None:
    world = lying_world()
    user, wallet = await world.user("demo-1", HOLD)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
        [before] = await world.store.open_positions()
        world.lies = LIES["a raw unit more"]
        crowd.give(mint, 7, wallet.address, 1_000_000)
        with trio.fail_after(120):
            while (await world.store.open_positions())[0].token_raw != before.token_raw + 1_000_000:
                await trio.sleep(0.5)
