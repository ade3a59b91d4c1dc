"""A sign of life to somebody outside: while all is green and not otherwise, and operators hear when it does not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from actors.heartbeat import LOST_AFTER, Beats, Heartbeat
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.errors import ChatUnavailable, Undeliverable
from bot.execution.alerts import Alert, Turn
from bot.localnet.inprocess import InProcessChain
from bot.trading.runbooks import WATCHING
from bot.watching import UNJUDGED_MS, unwatched
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.virtual import make_world, open_for_entries, running_bot

EVERY_S = 60.0


@dataclass(slots=True)
class Outside:
    """Who is told, and what the bot says of itself."""

    heard_s: list[float] = field(default_factory=list)
    red: list[str] = field(default_factory=list)
    away: Exception | None = None
    alerts: list[Alert] = field(default_factory=list)
    beats: Beats = field(default_factory=Beats)

    async def send(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away is not None:
            raise self.away
        self.heard_s.append(trio.current_time())

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        heart = Heartbeat(self.send, lambda: self.red, EVERY_S, self.alerts.append, self.beats)
        async with open_supervisor(SupervisorSpec("ops", "one_for_one", (ChildSpec("heartbeat", heart.run),))):
            yield


async def test_beats_come_while_all_is_green_and_none_while_something_is_red(autojump_clock: MockClock) -> None:
    outside = Outside()
    async with outside.told():
        await trio.sleep(3 * EVERY_S - 1)
        assert len(outside.heard_s) == 3
        outside.red = ["open positions have no monitor, or no price"]
        await trio.sleep(5 * EVERY_S)
        assert len(outside.heard_s) == 3
        outside.red = []
        await trio.sleep(EVERY_S)
    assert len(outside.heard_s) == 4
    assert (outside.beats.sent, outside.beats.withheld) == (4, 5)
    assert outside.alerts == []


async def test_operators_hear_of_beats_that_do_not_arrive_once_and_of_the_first_that_does(
    autojump_clock: MockClock,
) -> None:
    outside = Outside(away=ChatUnavailable("the heartbeat: ConnectError"))
    async with outside.told():
        await trio.sleep((LOST_AFTER - 1) * EVERY_S - 1)
        assert outside.alerts == []
        outside.away = Undeliverable("the heartbeat: HTTP status 404")
        await trio.sleep(5 * EVERY_S)
        outside.away = None
        await trio.sleep(2 * EVERY_S)
    assert [(alert.turn, alert.page) for alert in outside.alerts] == [(Turn.BEGINS, WATCHING), (Turn.ENDS, WATCHING)]
    assert "HTTP status 404" in outside.alerts[0].text
    assert outside.beats.failed == LOST_AFTER - 1 + 5


async def test_a_bot_is_red_until_its_books_are_compared_and_when_a_position_is_not_judged(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        assert unwatched(bot)
        await open_for_entries(bot)
        assert unwatched(bot) == []
        await with_position(world, bot, Crowd(world.chain))
        assert unwatched(bot) == []
        [look] = bot.looks.values()
        look.checked_at_ms -= UNJUDGED_MS + 5_000
        assert unwatched(bot) == [f"a position was not judged for {(UNJUDGED_MS + 5_000) // 1000} s"]


async def test_a_bot_is_red_while_everything_that_watches_is_gone(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert bot.root is not None
        await bot.root.terminate_child("money")
        assert any("money" in why for why in unwatched(bot))
        await bot.root.restart_child("money")
        await open_for_entries(bot)
        assert unwatched(bot) == []
        await bot.root.terminate_child("hunt")
        assert unwatched(bot) == [], "who hunts watches nothing"
