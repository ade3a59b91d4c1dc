"""Every key that changes at runtime is changed while the bot trades: no order is lost or doubled, and each counts at once."""

from __future__ import annotations

from typing import cast

import trio
from trio.testing import MockClock

from bot.compose import policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Store, Submitted, User, Wallet
from bot.runtime_config import RuntimeConfig
from bot.settings import Settings
from bot.settings.runtime import RUNTIME, value_of
from bot.trading.intent import IntentState
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, make_world, open_for_entries, running_bot

HUNDREDTH = LAMPORTS_PER_SOL // 100
FREE = UserSettings(
    take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, trailing_stop_bps=None, daily_loss_limit_lamports=10**12
)
ENDED = {IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED}
# Another valid value of each kind; what is not here is a number, of which half is taken.
OTHERS = {
    "none": "0.5",
    "true": "false",
    "false": "true",
    "trading.flatten_at_loss_percent": "900",
    "trading.blacklist": "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P",
    "trading.snipe_min_confidence_percent": "80",
    "trading.snipe_min_momentum": "40",
    "trading.min_curve_sol": "0.1",
    "logs.level": "warning",
}


def other(key: str) -> str:
    """A value of this key that it does not have at the start."""
    text = value_of(Settings(), key)
    if (found := OTHERS.get(key) or OTHERS.get(text)) is not None:
        return found
    number = float(text)
    return str(max(int(number // 2), 1)) if text.isdigit() and number > 1 else f"{number / 2:g}"


class Trader:
    """Buys and sells one token, as fast as he is answered, until he is told to stop."""

    def __init__(self, bot: TradingBot, user: User, wallet: Wallet, mint: str) -> None:
        self.bot, self.user, self.wallet, self.mint = bot, user, wallet, mint
        self.given: dict[str, str] = {}
        self.refused: list[str] = []
        self.stops = False

    async def trade(self) -> None:
        number = 0
        while not self.stops:
            number += 1
            key = f"{self.user.handle}-{number}"
            wanted = (
                order(self.user, self.wallet, self.mint, key=key, spend_lamports=HUNDREDTH)
                if number % 2
                else order(self.user, self.wallet, self.mint, key=key, share_bps=10_000)
            )
            answer = await self.bot.desk.submit(wanted)
            if isinstance(answer, Refused):
                self.refused.append(answer.code)
            else:
                self.given[key] = answer.intent.id
            await trio.sleep(0.7)


async def change_everything(config: RuntimeConfig, bot: TradingBot) -> None:
    """Each key by itself, then the way back from all of them at once; every change counts before it is answered."""
    for key in RUNTIME:
        version = await config.set({key: other(key)}, "operator ada", "a test")
        assert set(version.changed) == {key}
        assert bot.policy.ceilings == policy(config.current).ceilings
        assert bot.policy.priority_fee_lamports == config.current.trading.priority_fee_lamports
        await trio.sleep(0.5)
        if key != RUNTIME[-1]:
            await config.rollback(None, "operator ada", "")
            await trio.sleep(0.2)
    await config.rollback(0, "operator ada", "")
    assert bot.policy.ceilings == policy(Settings()).ceilings


async def test_an_order_that_is_given_while_settings_change_is_done_once_or_refused(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=policy(Settings())) as bot:
        await open_for_entries(bot)
        crowd.buy(mint := crowd.launch(), 7, 2 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        traders = [Trader(bot, *await world.user(f"demo-{number}", FREE), mint) for number in (1, 2, 3)]
        config = RuntimeConfig(cast(Store, world.store), world.clock, Settings())
        config.apply = lambda chosen: bot.policy.take(policy(chosen))
        async with trio.open_nursery() as nursery:
            for trader in traders:
                nursery.start_soon(trader.trade)
            await change_everything(config, bot)
            for trader in traders:
                trader.stops = True
        await settled(world, traders)
        for trader in traders:
            ids = list(trader.given.values())
            assert len(ids) == len(set(ids)) > 10, "a key is one order"
            fills = [await world.store.order_story(one) for one in ids]
            states = [None if story is None else story.intent.state for story in fills]
            assert set(states) <= ENDED, states
            landed = [story.landed.signature for story in fills if story is not None and story.landed is not None]
            assert len(landed) == len(set(landed))
            assert states.count(IntentState.FILLED) == len(landed)
            kept = [one.id for one in world.store._intents.values() if one.request.user_id == trader.user.id]
            assert sorted(kept) == sorted(ids), "nothing was ordered that nobody gave"
            assert "blacklist" not in trader.refused, "that was another token"
        assert await world.books_equal_chain()
        assert (await world.store.config_version()).number == config.number  # type: ignore[union-attr]


async def test_what_was_lowered_refuses_the_very_next_order_and_what_was_raised_again_admits_it(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=policy(Settings())) as bot:
        await open_for_entries(bot)
        crowd.buy(mint := crowd.launch(), 7, 2 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        user, wallet = await world.user("demo-1", FREE)
        config = RuntimeConfig(cast(Store, world.store), world.clock, Settings())
        config.apply = lambda chosen: bot.policy.take(policy(chosen))
        for number, (key, value, code) in enumerate(
            (
                ("trading.max_trade_sol", "0.005", "trade_size"),
                ("trading.min_trade_sol", "0.1", "trade_floor"),
                ("trading.blacklist", mint, "blacklist"),
                ("roles.basic_max_trade_sol", "0.005", "trade_size"),
            )
        ):
            await config.set({key: value}, "operator ada", "a test")
            refused = await bot.desk.submit(order(user, wallet, mint, key=f"no-{number}", spend_lamports=HUNDREDTH))
            assert isinstance(refused, Refused), key
            assert refused.code == code
            await config.rollback(None, "operator ada", "")
            assert isinstance(
                await bot.desk.submit(order(user, wallet, mint, key=f"yes-{number}", spend_lamports=HUNDREDTH)),
                Submitted,
            ), key
            await trio.sleep(3)


async def settled(world: World, traders: list[Trader]) -> None:
    with trio.fail_after(120):
        while (await world.store.in_flight()) or not all(trader.given for trader in traders):
            await trio.sleep(0.5)
    await trio.sleep(5)
