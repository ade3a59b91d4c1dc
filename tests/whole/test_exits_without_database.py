"""Exits while the database is away: made from memory, in the journal before they leave, settled once when it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import trio
from trio.testing import MockClock

from bot.commands import COMMANDS, Command
from bot.errors import JournalUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.state_words import StateWords
from bot.storage.spool_codec import Record, encode
from bot.storage.spool_header import OLD_HEADER as HEADER
from bot.storage.spool_journal import MemoryJournal
from bot.telegram.chat import Incoming
from bot.telegram.handlers import TradeHandlers
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Halt
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import (
    World,
    bought,
    living_bot,
    make_world,
    nothing_stands,
    open_for_entries,
    pausing,
    running_bot,
    until,
)

KEEPS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, require_confirmation=False)
STOPS = replace(KEEPS, stop_loss_bps=1_000)
LEAVES_SOON = replace(KEEPS, max_hold_s=5)
TENTH = LAMPORTS_PER_SOL // 10
WHALE = 50


@dataclass(slots=True)
class Scene:
    """A user of a bot that is open for entries, and a token."""

    world: World
    bot: TradingBot
    crowd: Crowd
    user: User
    wallet: Wallet
    mint: str

    async def buys(self, key: str = "buy", lamports: int = TENTH) -> Submitted | Refused:
        return await self.bot.desk.submit(order(self.user, self.wallet, self.mint, key=key, spend_lamports=lamports))

    async def holds(self) -> None:
        assert isinstance(await self.buys(), Submitted)
        await bought(self.world, 1)

    async def sells(self, key: str, share_bps: int = BPS) -> Submitted | Refused:
        return await self.bot.desk.submit(order(self.user, self.wallet, self.mint, key=key, share_bps=share_bps))

    async def held_raw(self) -> int:
        return await held_raw(self.world, self.wallet, self.mint)

    async def until_sold_on_the_chain(self, within_s: float = 30) -> None:
        with trio.fail_after(within_s):
            while await self.held_raw():
                await trio.sleep(0.1)

    async def database_goes(self) -> None:
        self.world.database.is_away = True
        await until(lambda: "database" in pausing(self.bot), within_s=10)

    async def database_comes(self) -> None:
        self.world.database.is_away = False
        await until(lambda: not self.waits(), within_s=10)

    def waits(self) -> bool:
        assert self.bot.adapters.spool is not None
        return self.bot.adapters.spool.spool().from_memory


async def held_raw(world: World, wallet: Wallet, mint: str) -> int:
    balances = await world.cluster().balances(wallet.address)
    return balances.token_raw.get(mint, 0)


@asynccontextmanager
async def scene(settings: UserSettings) -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", settings)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        yield Scene(world, bot, crowd, user, wallet, mint)
    assert world.reports == []


async def assert_traded(world: World, *, buys: int, sells: int) -> None:
    """Soon nothing is on its way; these are the trades and no other, and the books equal the chain."""
    assert world.journal.records() == ()
    with trio.fail_after(10):
        while await world.store.in_flight():
            await trio.sleep(0.1)
    day = await world.store.day(0)
    assert (day.buys, day.sells) == (buys, sells)
    assert await world.books_equal_chain()


async def test_a_stop_loss_that_fires_while_away_is_sold_and_settled_once(autojump_clock: MockClock) -> None:
    async with scene(STOPS) as here:
        here.crowd.buy(here.mint, WHALE, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(1)
        await here.holds()
        await here.database_goes()
        here.crowd.sell_all(here.mint, WHALE)
        await here.until_sold_on_the_chain()
        await trio.sleep(5)
        assert len(await here.world.store.open_positions()) == 1
        assert here.world.journal.data != b""
        assert not any("Sold" in line for line in here.world.told)
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=1)
        await trio.sleep(3)
    assert sum("Sold" in line and "stop-loss" in line for line in here.world.told) == 1


async def test_a_buy_that_lands_while_away_is_watched_and_sold(autojump_clock: MockClock) -> None:
    async with scene(LEAVES_SOON) as here:
        assert isinstance(await here.buys(), Submitted)
        here.world.database.is_away = True
        with trio.fail_after(20):
            while not await here.held_raw():
                await trio.sleep(0.1)
        await here.until_sold_on_the_chain()
        assert (await here.world.store.day(0)).buys == 0
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=1)


async def test_an_exit_in_the_middle_of_which_the_database_goes_is_one_exit(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        here.world.chain.set_fault("rpc-slow", for_s=3, delay_ms=300)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.sells, "sell")
            with trio.fail_after(20):
                while not await here.world.store.in_flight():
                    await trio.sleep(0.01)
            here.world.database.is_away = True
        await here.until_sold_on_the_chain()
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=1)


async def test_parts_are_sold_by_hand_while_away_and_no_part_twice(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        whole_raw = await here.held_raw()
        await here.database_goes()
        for key, left_bps in (("first", 5_000), ("first", 5_000), ("second", 2_500)):
            await here.sells(key, 5_000)
            await trio.sleep(5)
            assert await here.held_raw() * BPS // whole_raw in range(left_bps - 1, left_bps + 1)
        refused = await here.buys("another")
        assert isinstance(refused, Refused)
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=2)


async def test_panic_while_away_sells_and_outlives_the_process(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        await here.database_goes()
        chat = TradeHandlers(
            here.bot.adapters.store,
            here.bot.adapters.chain,
            here.bot.desk,
            here.world.clock,
            here.bot.panic,
            here.bot.hunt.sniper_changed,
            StateWords(here.bot.guard, here.bot.adapters.spool),
            (),
            nothing_stands,
        )
        told = await chat.panic(Incoming(here.user, None, "/panic", "key"), (), _command("panic"))
        assert "1 position to sell, at any price" in told
        assert "could not be switched off for good" in told
        assert "this is on this disk alone until that answers, and a standby that takes over" in told
        await here.until_sold_on_the_chain()
    here.world.database.is_away = False
    async with running_bot(here.world) as bot:
        await until(lambda: bot.reconciler.reconciled, within_s=20)
        assert bot.guard.panics(here.user.id)
        await assert_traded(here.world, buys=1, sells=1)


def _command(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)


async def test_a_halt_while_away_flattens_everything(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        await here.database_goes()
        here.bot.guard.latch(Halt("operator", here.world.clock.now_ms(), "operator", "a drill"))
        await until(lambda: here.bot.guard.flattened, within_s=30)
        assert await here.held_raw() == 0
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=1)


async def test_while_the_journal_cannot_be_written_nothing_leaves_and_operators_are_told(
    autojump_clock: MockClock,
) -> None:
    async with scene(LEAVES_SOON) as here:
        await here.holds()
        await here.database_goes()
        here.world.journal.full = True
        await trio.sleep(20)
        assert await here.held_raw() > 0
        [alert] = [line for line in here.world.alerts if "No exit can be signed" in line]
        assert "runbooks/database.md" in alert
        here.world.journal.full = False
        await here.until_sold_on_the_chain()
        await here.database_comes()
        await assert_traded(here.world, buys=1, sells=1)


# ---------------------------------------------------------------------------------------------------------- crashes


class DeadlyJournal(MemoryJournal):
    """Ends the process around one of its own steps, as kill -9 does."""

    def __init__(self) -> None:
        super().__init__()
        self.at = ""
        self.process = trio.CancelScope()

    async def append(self, record: Record) -> None:
        if self.at == "in the middle of the append":
            self.data = (self.data or HEADER) + encode(record)[:-9]
            self.process.cancel()
            raise JournalUnavailable("nobody hears this")
        await super().append(record)
        if self.at == "after the append":
            self.process.cancel()

    async def clear(self) -> None:
        if self.at == "before it is cleared":
            self.process.cancel()
            await trio.lowlevel.checkpoint()
        await super().clear()
        if self.at == "after it is cleared":
            self.process.cancel()


@pytest.mark.parametrize(
    "at",
    [
        "in the middle of the append",
        "after the append",
        "after the send",
        "before it is cleared",
        "after it is cleared",
    ],
)
async def test_a_kill_at_any_step_neither_loses_nor_doubles_an_exit(autojump_clock: MockClock, at: str) -> None:
    world = make_world(InProcessChain(seed=1))
    world.journal = deadly = DeadlyJournal()
    user, wallet = await world.user("demo-1", KEEPS)
    crowd = Crowd(world.chain)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        with deadly.process:
            async with living_bot(world) as bot:
                await open_for_entries(bot)
                mint = crowd.launch()
                await trio.sleep(1)
                here = Scene(world, bot, crowd, user, wallet, mint)
                await here.holds()
                await here.database_goes()
                deadly.at = at
                whole_raw = await here.held_raw()
                await here.sells("sell", 5_000)
                if at == "after the send":
                    deadly.process.cancel()
                await here.database_comes()
                await trio.sleep_forever()
        assert deadly.process.cancelled_caught
        deadly.at = ""
        world.database.is_away = False
        async with living_bot(world) as bot:
            await until(lambda: bot.reconciler.reconciled, within_s=120)
            lost = at == "in the middle of the append"
            await trio.sleep(2)
            assert await held_raw(world, wallet, mint) == (whole_raw if lost else whole_raw - whole_raw // 2)
            await assert_traded(world, buys=1, sells=0 if lost else 1)
        nursery.cancel_scope.cancel()
