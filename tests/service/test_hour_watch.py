"""Hours held against the last seven days, and days that are told once, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from actors.hour_watch import HourWatch
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.clock import virtual_clock
from bot.execution.alert_channels import Level, level_of
from bot.execution.alerts import Alert, Turn
from bot.execution.hours import HOUR_MS, Asked
from bot.ports import EndpointHealth, HourMeasure
from bot.storage.memory import MemoryStore
from bot.trading.limits import UserSettings
from tests.storage.storage_samples import bought, enrol
from tests.storage.test_contract_books import sold

MONDAY_MS = 1_789_948_800_000  # 2026-09-21, 00:00 UTC
HOUR_S = HOUR_MS / 1000


class Scene:
    """A store with the hours of some days, and a process that counts."""

    def __init__(self, at_ms: int = MONDAY_MS + 12 * HOUR_MS) -> None:
        self.clock = virtual_clock(trio.current_time, epoch_ms=at_ms, seed=1)
        self.store = MemoryStore()
        self.asked, self.alerts = Asked(), list[Alert]()
        self.answered = self.failed = 0

    def begin_another_life(self) -> None:
        """What a process keeps in its memory is gone."""
        self.asked, self.answered, self.failed = Asked(), 0, 0

    async def remember(self, name: str, total: int, count: int, hours: int) -> None:
        now_ms = self.clock.now_ms()
        begin_ms = now_ms - now_ms % HOUR_MS
        rows = [HourMeasure(name, begin_ms - number * HOUR_MS, total, count) for number in range(1, hours + 1)]
        await self.store.keep_measures(rows, 0)

    def told(self, words: str) -> list[str]:
        return [one.text for one in self.alerts if words in one.text]

    def turns(self) -> list[Turn]:
        """How it began and ended, without what repeats what stands."""
        turns = [one.turn for one in self.alerts if not one.is_news]
        return [turn for number, turn in enumerate(turns) if not number or turn is not turns[number - 1]]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        def endpoints() -> list[EndpointHealth]:
            return [EndpointHealth("one", True, 0, 1, "", answered=self.answered, failed=self.failed)]

        watch = HourWatch(self.store, self.clock, self.asked, endpoints, self.alerts.append)
        spec = SupervisorSpec("records", "one_for_one", (ChildSpec("hour_watch", watch.run),))
        async with open_supervisor(spec):
            await trio.sleep(1)
            yield


async def test_endpoints_that_fail_more_than_all_week_are_told_and_their_end_too(autojump_clock: MockClock) -> None:
    scene = Scene()
    await scene.remember("rpc_errors", 30, 3_000, 100)
    async with scene.watching():
        scene.answered, scene.failed = 990, 10
        await trio.sleep(90)
        assert scene.alerts == []
        scene.failed += 500
        await trio.sleep(90)
        [line] = {*scene.told("Unusual (rpc_errors)")}
        assert "34.0 % in this hour, of 1500, where 1.0 % is usual over 100 hours of the last 7 days" in line
        await trio.sleep(HOUR_S)
        scene.answered += 300  # too few to say that it is over
        await trio.sleep(90)
        assert scene.turns() == [Turn.BEGINS]
        scene.answered += 3_000
        await trio.sleep(90)
    assert scene.turns() == [Turn.BEGINS, Turn.ENDS]


async def test_a_restart_within_an_hour_goes_on_with_what_was_counted(autojump_clock: MockClock) -> None:
    scene = Scene()
    await scene.remember("refusals", 2, 40, 30)
    async with scene.watching():
        scene.asked.buys, scene.asked.refused = 15, 12
        await trio.sleep(90)
    assert scene.alerts == [], "fifteen say nothing yet"
    scene.begin_another_life()
    async with scene.watching():
        scene.asked.buys, scene.asked.refused = 10, 8
        await trio.sleep(90)
    [known] = [one for one in await scene.store.measures(scene.clock.now_ms() - HOUR_MS) if one.name == "refusals"][-1:]
    assert (known.total, known.count) == (20, 25)
    assert scene.told("80.0 % in this hour, of 25, where 5.0 % is usual over 30 hours")


async def test_a_bot_without_a_past_rings_for_nothing(autojump_clock: MockClock) -> None:
    scene = Scene()
    async with scene.watching():
        for _ in range(20):
            scene.failed += 900
            scene.asked.buys += 50
            scene.asked.refused += 50
            await trio.sleep(HOUR_S)
    assert [one for one in scene.alerts if not one.is_news] == []
    assert {one.name for one in await scene.store.measures(0)} >= {"rpc_errors", "refusals"}


async def test_a_day_and_a_week_are_told_once_with_what_they_came_to_in_each_mode(autojump_clock: MockClock) -> None:
    scene = Scene(MONDAY_MS + 7 * 24 * HOUR_MS - HOUR_MS)  # Sunday night
    wallet = await enrol(scene.store, "ada", UserSettings())
    await bought(scene.store, "b-1", wallet, mint="M-p-1", position_id="p-1")  # on Monday, 14:13
    realized = await sold(scene.store, "s-1", wallet, 900, "take_profit", "p-1")
    async with scene.watching():
        await trio.sleep(HOUR_S)
        assert scene.alerts == []
        await trio.sleep(240)
        assert [one.key for one in scene.alerts] == ["report day 2026-09-27", "report week 2026-09-21"]
    async with scene.watching():
        await trio.sleep(HOUR_S)
    day, week = scene.alerts
    assert "The day from 2026-09-27 (UTC), 1 user. Nothing was traded and nothing is held." in day.text
    assert realized != 0
    assert "paper: result " in week.text
    assert "; 1 buy, 1 sale, 0 orders without a trade; " in week.text
    assert "live:" not in week.text
    assert {level_of(one) for one in scene.alerts} == {Level.INFO}, "nobody is woken by it"


async def test_what_was_done_after_midnight_belongs_to_the_next_day(autojump_clock: MockClock) -> None:
    scene = Scene(MONDAY_MS + 60_000)
    wallet = await enrol(scene.store, "ada", UserSettings())
    await bought(scene.store, "b-1", wallet, mint="M1", position_id="p-1")  # at 14:13 of this day, after the look
    async with scene.watching():
        await trio.sleep(180)
    [day] = [one.text for one in scene.alerts if "report day" in one.key]
    assert "The day from 2026-09-20" in day
    assert "0 buys, 0 sales" in day
