"""Conversations on the console in virtual time, over a database that goes away in their middle."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from bot.chat_door import chat_of
from bot.console import Console, ConsoleMessenger
from bot.errors import BotError
from bot.localnet.inprocess import InProcessChain
from bot.runtime_config import RuntimeConfig
from bot.settings import Settings
from bot.status import StatusBoard
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.offer import offer_key
from bot.trading.trading_state import OUTFLOW
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.users import Registrar
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, pausing, running_bot, until

MODES = (Mode.LIVE, Mode.DRY_RUN)
NO_DATABASE = "That cannot be answered right now: the database is away."


@asynccontextmanager
async def console_of(world: World) -> AsyncIterator[tuple[TradingBot, Console]]:
    """The console of a bot that is open for entries and has the user demo-1."""
    await world.user("demo-1", UserSettings())
    async with running_bot(world) as bot:
        store, clock = bot.adapters.store, bot.adapters.clock
        registrar = Registrar(store, bot.adapters.vault, clock, Mode.LIVE, world._fund)
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        chat = chat_of(bot, board, registrar, MODES, RuntimeConfig(store, clock, Settings()))
        await open_for_entries(bot)
        yield bot, Console(store, clock, chat, ConsoleMessenger(world.told.append))


async def test_an_open_conversation_outlives_the_database(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with console_of(world) as (bot, console):
        reply = await console.open({"as": "demo-1"}, world.told.append)
        assert "entries are open for you" in await reply("/status")
        world.database.is_away = True
        await until(lambda: "database" in pausing(bot), within_s=10)
        status = await reply("/status")
        assert "entries are paused for you by database; exits go on from memory" in status
        assert "not known: the database is away" in status
        assert NO_DATABASE in await reply("/positions")
        [user] = await world.store.users()
        bot.guard.pause(OUTFLOW, by="reconciler", why="not signed here", scope=f"user:{user.id}")
        assert (await reply("/positions")).endswith("nothing of yours can be sold until you give /ack_outflow.")
        bot.guard.resume(OUTFLOW, scope=f"user:{user.id}")
        world.database.is_away = False
        await until(lambda: "database" not in pausing(bot), within_s=60)
        assert "entries are open for you" in await reply("/status")


async def test_a_conversation_can_begin_while_the_database_is_away(autojump_clock: MockClock) -> None:
    """Who is known is known from memory; a name that nobody knows is believed until somebody can look it up."""
    world = make_world(InProcessChain(seed=1))
    async with console_of(world) as (bot, console):
        world.database.is_away = True
        await until(lambda: not bot.health["database"].healthy, within_s=10)
        nameless = await console.open({}, world.told.append)
        known = await console.open({"as": "demo-1"}, world.told.append)
        stranger = await console.open({"as": "nobody"}, world.told.append)
        assert await nameless("/wallet") == await known("/wallet")
        assert "live" in await known("/wallet")
        assert NO_DATABASE in await stranger("/wallet")
        assert NO_DATABASE in await known("/positions")
        world.database.is_away = False
        await until(lambda: bot.health["database"].healthy, within_s=10)
        assert "send /start first" in await stranger("/wallet")
        with pytest.raises(BotError, match="there is no user 'nobody'"):
            await console.open({"as": "nobody"}, world.told.append)


async def test_a_card_that_waits_for_its_turn_is_told_to_be_confirmed_and_not_to_be_gone(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with console_of(world) as (_, console):
        crowd = Crowd(world.chain)
        mint = crowd.launch()
        await trio.sleep(2)
        one, other = [await console.open({"as": "demo-1"}, world.told.append) for _ in range(2)]
        card = await one(f"/buy {mint} 0.05")
        code = re.search(r"/confirm (\w{8})", card)
        assert code is not None, card
        world.chain.set_fault("rpc-slow", for_s=90, delay_ms=1_500)
        answers: list[str] = []
        async with trio.open_nursery() as nursery:

            async def confirm() -> None:
                answers.append(await one(f"/confirm {code[1]}"))

            nursery.start_soon(confirm)
            await trio.sleep(0.1)
            assert not answers
            assert "You have confirmed that already" in await other(f"/cancel {code[1]}")
        assert await world.store.intent_of(offer_key((await world.store.users())[0].id, code[1])) is not None


async def test_another_time_zone_forgets_no_loss_of_the_day(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with console_of(world) as (bot, console):
        mint = Crowd(world.chain).launch()
        await trio.sleep(2)
        reply = await console.open({"as": "demo-1"}, world.told.append)
        assert "timezone = Europe/Berlin" in await reply("/settings timezone Europe/Berlin")
        [user] = await world.store.users()
        [wallet] = await world.store.wallets()
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 100))
        await bought(world, 1)
        assert "Not changed: you have traded" in await reply("/settings timezone Australia/Eucla")
        assert (await world.store.settings(user.id)).timezone == "Europe/Berlin"
