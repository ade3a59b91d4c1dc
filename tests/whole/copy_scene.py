"""A leader outside of the bot, followers who copy him, and what became of it, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import trio

from bot.chain.transport import Transport
from bot.execution.copy_book import CopyBook
from bot.localnet.inprocess import InProcessChain
from bot.ports import CopyTold, Wallet
from bot.trading.copying import CopyCaps, CopyFilter, CopyRule, CopyState, Sizing
from bot.trading.limits import UserSettings
from bot.trading.position import Position
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.chain.chain_doubles import InProcessTransport
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world, open_for_entries, running_bot

Door = Callable[[InProcessChain, str, int], Transport]

LEADER = 7
TENTH = LAMPORTS_PER_SOL // 10
CALM = UserSettings(
    take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, slippage_buy_bps=3_000, slippage_sell_bps=3_000
)
WIDE = CopyCaps(*(6 * [10 * LAMPORTS_PER_SOL]))
ANY = CopyFilter(least_lamports=0, again=True)


@dataclass(slots=True)
class CopyScene:
    """One bot at a time in a world with one leader, and the followers' rules."""

    world: World
    crowd: Crowd
    rules: dict[str, CopyRule] = field(default_factory=dict)
    bots: list[TradingBot] = field(default_factory=list)

    @property
    def bot(self) -> TradingBot:
        return self.bots[-1]

    @property
    def leader(self) -> str:
        return self.crowd.address(LEADER)

    @property
    def book(self) -> CopyBook:
        return self.bot.hunt.copies.book

    async def follower(self, handle: str, settings: UserSettings = CALM, **rule: object) -> CopyRule:
        """A funded user who copies the leader from now on, with a fixed amount unless the rule says otherwise."""
        _, wallet = await self.world.user(handle, settings)
        made = self._rule(handle, wallet)
        made = replace(made, **rule)  # type: ignore[arg-type]
        assert await self.book.begin(made)
        self.rules[handle] = made
        await self.is_followed()
        return made

    def _rule(self, handle: str, wallet: Wallet) -> CopyRule:
        return CopyRule(
            id=f"rule-{handle}",
            code=handle,
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            leader=self.leader,
            label="the leader",
            sizing=Sizing.FIXED,
            amount=TENTH,
            caps=WIDE,
            filter=ANY,
            since_ms=self.world.clock.now_ms(),
        )

    async def is_followed(self) -> None:
        """Until the leader's scanner has read to the end."""
        with trio.fail_after(60):
            while True:
                scanner = self.bot.hunt.followed.scanners.get(self.leader)
                if scanner is not None and scanner.look.checked_at_ms:
                    return
                await trio.sleep(0.1)

    async def token(self) -> str:
        """A token that somebody has put 8 SOL into."""
        mint = self.crowd.launch()
        await trio.sleep(2)
        self.crowd.buy(mint, 2, 8 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        return mint

    async def copies(self, handle: str, count: int, *, within_s: float = 60) -> list[CopyTold]:
        """A follower's copies, oldest first, once there are so many and none is owed."""
        with trio.fail_after(within_s):
            while True:
                told = await self.world.store.copies_of(self.rules[handle].user_id, 1_000)
                if len(told) >= count and all(one.copy.state is not CopyState.OWED for one in told):
                    assert len(told) == count
                    return told[::-1]
                await trio.sleep(0.1)

    async def holds(self, handle: str, *, within_s: float = 60) -> Position:
        """A follower's one open position, once nothing of his is on its way."""
        with trio.fail_after(within_s):
            while True:
                rule = self.rules[handle]
                held = await self.world.store.open_positions(rule.user_id)
                if held and not self.bot.in_flight.follows(rule.wallet_id):
                    [position] = held
                    return position
                await trio.sleep(0.1)

    async def settled(self, handles: Sequence[str], *, within_s: float = 60) -> None:
        """Until no order of these followers is on its way."""
        with trio.fail_after(within_s):
            while any(self.bot.in_flight.follows(self.rules[handle].wallet_id) for handle in handles):
                await trio.sleep(0.1)


@asynccontextmanager
async def copy_scene(seed: int, door: Door = InProcessTransport) -> AsyncIterator[CopyScene]:
    """An open bot and a leader with SOL; `door` is how the bot reaches its endpoints."""
    world = make_world(InProcessChain(seed=seed))
    world.door = door
    crowd = Crowd(world.chain)
    for trader in (1, 2, LEADER):
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        here = CopyScene(world, crowd, bots=[bot])
        yield here
        assert await world.books_equal_chain()
    assert world.reports == []
