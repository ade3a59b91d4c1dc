"""A start while the database is away: it waits and says so, goes on when it is there, and refuses what waiting cannot cure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bot.errors import StartupError, StoreUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.start_door import DatabasePatience, StartDoor
from bot.trading.limits import UserSettings
from tests.whole.outages import state_of
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

AWAY_S = 3_600
SNIPES = replace(UserSettings(), snipe_enabled=True)


def patience_in(world: World) -> DatabasePatience:
    return DatabasePatience(StartDoor(Path("unused")), world.clock, world.told.append)


async def test_a_step_of_the_start_waits_for_the_database_and_says_so_once(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    patience = patience_in(world)
    world.database.is_away = True
    found: list[bool] = []

    async def step() -> None:
        found.append(await patience.through(world.database.users) == [])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(step)
        await trio.sleep(AWAY_S)
        assert patience.door.line.startswith("waits for its database since 20")
        assert found == []
        world.database.is_away = False
    assert found == [True]
    assert patience.door.line == ""
    assert [line.partition(" since ")[0] for line in world.told] == [
        "STARTING: waits for its database",
        f"the database answers after {AWAY_S} s",
    ]
    assert "the database is away" in world.told[0]


async def test_what_waiting_does_not_cure_is_refused_at_once_and_while_it_waits(autojump_clock: MockClock) -> None:
    errors = [StoreUnavailable("nothing listens there"), StartupError("it refuses the password")]

    async def step() -> None:
        await trio.lowlevel.checkpoint()
        raise errors.pop(0)

    patience = patience_in(make_world(InProcessChain(seed=1)))
    with pytest.raises(StartupError, match="it refuses the password"):
        await patience.through(step)
    errors.append(StartupError("it refuses the user"))
    with pytest.raises(StartupError, match="it refuses the user"):
        await patience.through(step)


async def test_a_tree_that_begins_without_the_database_hunts_once_it_is_there(autojump_clock: MockClock) -> None:
    """The database went between the last step of the start and the tree: nobody knows yet who wants a sniper."""
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("ada", SNIPES)
    world.database.is_away = True
    async with running_bot(world) as bot:
        await trio.sleep(60)
        assert bot.guard.state == "STARTING"
        snipers = bot.supervisor("hunt", "snipers")
        assert state_of(snipers, user.id) is None
        world.database.is_away = False
        await until(lambda: state_of(snipers, user.id) == "running", within_s=10)
        await open_for_entries(bot)
        assert [report.path for report in world.reports] == []
