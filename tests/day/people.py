"""Who uses the bot in a day: snipers, followers of leaders, and people who talk to it on Telegram all day long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import trio

from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.day.market import LEADERS, DayMarket
from tests.telegram.telegram_bot import Talk
from tests.whole.copy_scene import CALM, CopyScene
from tests.whole.virtual import World

SNIPER = replace(
    UserSettings(),
    snipe_enabled=True,
    snipe_only_strong_buy=False,
    snipe_min_confidence_bps=5_000,
    snipe_max_daily=1_000,
    snipe_max_lamports=LAMPORTS_PER_SOL // 50,
    daily_loss_limit_lamports=1_000 * LAMPORTS_PER_SOL,
    slippage_buy_bps=1_500,
    max_hold_s=300,
    trailing_stop_bps=2_000,
    anti_rug=True,
)
# What somebody types who names no token, and what he types about one.
PLAIN = (
    "/start", "/help", "/help buy", "/status", "/settings", "/positions", "/orders", "/history", "/profit", "/profit week",
    "/stats", "/my_stats", "/performance", "/top", "/snipe", "/diag", "/track", "/rankings", "/rankings discovered",
    "/copies", "/autostatus", "/leaderboard", "/rewards", "/wallet", "/wallets", "/balance", "/health", "/version",
    "/history csv", "/blacklist", "/nonsense", "hello",
)  # fmt: skip
NAMED = ("/price {}", "/info {}", "/ai {}", "/why {}", "/community {}", "/rate_token {} 7 it was fine", "/card {}")
TRADES = (
    "/buy {} 0.02",
    "/buy {} 0.02",
    "/sell {} all",
    "/sell {} 50%",
    "/limit buy {} 0.02 0.00001 30m",
    "/open {} 0.05",
)


@dataclass(slots=True)
class Person:
    """One who types."""

    talk: Talk
    market: DayMarket
    draw: Random

    async def run(self, every_s: float) -> None:
        """Says something every so often on average; what comes of it is the bot's business. Never returns."""
        self.talk.say("/start agree")
        await trio.sleep(20)
        self.talk.say(f"/track {self.market.crowd.address(self.draw.choice(LEADERS))}")
        while True:
            await trio.sleep(self.draw.expovariate(1 / every_s))
            kind, mints = self.draw.random(), self.market.mints[-20:]
            if kind < 0.5 or not mints:
                self.talk.say(self.draw.choice(PLAIN))
            elif kind < 0.7:
                self.talk.say(self.draw.choice(NAMED).format(self.draw.choice(mints)))
            else:
                self.talk.say(self.draw.choice(TRADES).format(self.draw.choice(mints)))
                await trio.sleep(5)
                self._confirms()

    def _confirms(self) -> None:
        """Where the newest message has such a button."""
        shown = self.talk.telegram.messages(self.talk.person)[-1:]
        if any(button.label == "Confirm" for one in shown for button in one.buttons):
            self.talk.press("Confirm")


async def snipers(world: World, count: int) -> None:
    """Users whose snipers buy whatever the rules would."""
    for number in range(count):
        await world.user(f"sniper-{number}", SNIPER)


async def followers(world: World, market: DayMarket, bot: TradingBot, count: int) -> None:
    """Users who copy the first leader; their positions end by time where he does not sell."""
    scene = CopyScene(world, market.crowd, bots=[bot])
    for number in range(count):
        settings = replace(CALM, max_hold_s=600, daily_loss_limit_lamports=1_000 * LAMPORTS_PER_SOL)
        await scene.follower(f"follower-{number}", settings, amount=LAMPORTS_PER_SOL // 50)


def talkers(world: World, telegram: MemoryTelegram, market: DayMarket, draw: Random, count: int) -> list[Person]:
    """People on Telegram."""
    return [Person(Talk(world, telegram, person=100 + number), market, draw) for number in range(count)]
