"""Launches from every source through the whole bot: one launch is one buy, and the silence of one source is no outage."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.stream_record import sources_record
from bot.trading.intent import Mode
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import SETTINGS
from tests.whole.virtual import World, bought, make_world, open_for_entries, pausing, running_bot

PATIENT = replace(SETTINGS, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)


async def _sniped(world: World, crowd: Crowd) -> str:
    """A coin that everybody wants, bought by the one sniper; its mint."""
    buys = (await world.store.day(0)).buys
    mint = crowd.launch()
    await trio.sleep(1)
    await crowd.rush(mint, range(2, 16), LAMPORTS_PER_SOL // 2)
    await bought(world, buys + 1)
    return mint


@asynccontextmanager
async def launching_world(*sources: str) -> AsyncIterator[tuple[World, Crowd]]:
    """A chain where a coin that nobody wants is launched every few seconds, with a user who snipes."""
    world = replace(make_world(InProcessChain(seed=1)), sources=sources)
    await world.user("demo-1", PATIENT)
    crowd = Crowd(world.chain)
    for trader in range(1, 16):
        crowd._trader(trader)

    async def go_on() -> None:
        while True:
            await trio.sleep(3)
            crowd.launch()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        yield world, crowd
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _trading(*sources: str) -> AsyncIterator[tuple[World, TradingBot, Crowd]]:
    """A bot that is open for entries on such a chain."""
    async with launching_world(*sources) as (world, crowd), running_bot(world) as bot:
        await trio.sleep(20)
        await open_for_entries(bot)
        yield world, bot, crowd


def _states(bot: TradingBot) -> dict[str, str]:
    return {one["name"]: one["state"] for one in sources_record(bot.adapters.stream)}


@pytest.mark.parametrize(
    "sources", [("logs",), ("grpc",), ("pumpportal",), ("polling",), ("logs", "grpc", "pumpportal")]
)
async def test_a_launch_leads_to_one_buy_whoever_tells_of_it(
    autojump_clock: MockClock, sources: tuple[str, ...]
) -> None:
    async with _trading(*sources) as (world, bot, crowd):
        mint = await _sniped(world, crowd)
        await trio.sleep(20)
        assert (await world.store.day(0)).buys == 1
        assert [position.mint for position in await world.store.open_positions()] == [mint]
        assert await world.books_equal_chain()
        assert set(_states(bot).values()) == {"up"}
    assert world.reports == []


async def test_the_silence_of_one_source_keeps_nobody_from_buying(autojump_clock: MockClock) -> None:
    async with _trading("logs", "pumpportal") as (world, bot, crowd):
        world.chain.set_fault("stream-silent", for_s=60, endpoint="logs")
        await trio.sleep(5)
        assert _states(bot) == {"logs": "down", "pumpportal": "up"}
        await _sniped(world, crowd)
        await trio.sleep(60)
        assert _states(bot) == {"logs": "up", "pumpportal": "up"}
        assert pausing(bot) == set()
        assert (await world.store.day(0)).buys == 1


async def test_the_silence_of_all_sources_pauses_what_buys_by_itself(autojump_clock: MockClock) -> None:
    async with _trading("logs", "pumpportal") as (world, bot, _):
        world.chain.set_fault("stream-silent", for_s=60)
        await trio.sleep(30)
        assert "stream" in pausing(bot)
        assert "up" not in _states(bot).values()
        await trio.sleep(60)
        assert pausing(bot) == set()


async def test_polling_goes_on_while_every_stream_is_silent_and_stops_when_one_is_back(
    autojump_clock: MockClock,
) -> None:
    async with _trading("logs", "pumpportal", "polling") as (world, bot, crowd):
        assert _states(bot) == {"logs": "up", "pumpportal": "up", "polling": "waiting"}
        world.chain.set_fault("stream-silent", for_s=60)
        await trio.sleep(10)
        assert _states(bot) == {"logs": "down", "pumpportal": "up", "polling": "up"}  # the service may be only quiet
        text = status_text(await StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None).status())
        assert re.search(r"    polling up, heard [01]\.\d s ago, \d launch", text)
        assert re.search(r"    logs down, heard 10 s ago, .*: in-process:2: nothing heard for 2 s", text)
        await trio.sleep(15)
        assert _states(bot) == {"logs": "down", "pumpportal": "down", "polling": "up"}
        mint = await _sniped(world, crowd)
        assert pausing(bot) == set()
        await trio.sleep(40)
        assert _states(bot) == {"logs": "up", "pumpportal": "up", "polling": "waiting"}
        assert [position.mint for position in await world.store.open_positions()] == [mint]
        assert (await world.store.day(0)).buys == 1
    assert world.reports == []
