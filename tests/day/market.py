"""A day's market on the local chain: launches that die at once, live for a while, run, or are sold out by their creator."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import trio

from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd

LEADERS = (7, 8, 9)
FIRST_STRANGER = 1_000  # traders and creators from here on come once and never again, as most do
KEPT = 200  # tokens that somebody may still name
CENT = LAMPORTS_PER_SOL // 100


@dataclass(slots=True)
class DayMarket:
    """Draws what happens; `mints` are the latest tokens, the newest last."""

    crowd: Crowd
    draw: Random
    mints: list[str] = field(default_factory=list)
    launched: int = 0
    _strangers: int = FIRST_STRANGER

    async def run(self, every_s: float) -> None:
        """A launch every so often on average, each with a life of its own; never returns."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self.draw.expovariate(1 / every_s))
                nursery.start_soon(self._life)

    def stranger(self) -> int:
        """Somebody who was never here before."""
        self._strangers += 1
        return self._strangers

    async def _life(self) -> None:
        creator = self.stranger() if self.draw.random() < 0.8 else self.draw.randrange(20, 40)
        mint = self.crowd.launch(creator=creator)
        self.launched += 1
        self.mints = [*self.mints[1 - KEPT :], mint]
        await trio.sleep(0.5)
        kind = self.draw.random()
        if kind < 0.3:  # nobody comes
            return
        if kind < 0.6:  # some come and go
            await self._come_and_go(mint, creator, self.draw.randrange(2, 8), 20.0)
        elif kind < 0.8:  # a crowd that the rules may buy
            crowd = [self.stranger() for _ in range(12)]
            await self._rush(mint, crowd, creator)
            await self._come_and_go(mint, creator, 6, 60.0)
        else:  # the creator takes what others put in
            self.crowd.buy(mint, creator, LAMPORTS_PER_SOL, creator=creator)
            await self._come_and_go(mint, creator, 6, 10.0)
            self.crowd.sell_all(mint, creator, creator=creator)

    async def _rush(self, mint: str, crowd: list[int], creator: int) -> None:
        for place, trader in enumerate(crowd):
            self.crowd.buy(mint, trader, LAMPORTS_PER_SOL // 2, creator=creator)
            await trio.sleep(0.2)
            if place in {6, 8}:
                self.crowd.sell_all(mint, crowd[place - 6], creator=creator)
        for leader in LEADERS:
            if self.draw.random() < 0.3:
                self.crowd.buy(mint, leader, 20 * CENT, creator=creator)
                await trio.sleep(self.draw.uniform(1, 40))
                self.crowd.sell_all(mint, leader, creator=creator)

    async def _come_and_go(self, mint: str, creator: int, count: int, over_s: float) -> None:
        came = []
        for _ in range(count):
            trader = self.stranger()
            self.crowd.buy(mint, trader, self.draw.randrange(2, 60) * CENT, creator=creator)
            came.append(trader)
            await trio.sleep(self.draw.uniform(0, 2 * over_s / count))
            if len(came) > 2 and self.draw.random() < 0.5:
                self.crowd.sell_all(mint, came.pop(0), creator=creator)
