"""Who owns the drawing process: nobody waits for it, its troubles cost one picture, and none is left when it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from actors import picture_drawer
from actors.picture_drawer import BROKEN, RESTING, SLOW, UNREAD, WAITING_MAX, PictureDrawer
from actors.runtime import Backoff, ChildSpec, Report, Supervisor, SupervisorSpec, open_supervisor
from bot.errors import PictureUnavailable, StoreUnavailable
from bot.pictures.memory import MemoryDrawings
from bot.pictures.plain import PNG_MAGIC, Picture
from bot.ports import DrawingProcess, Recipe
from tests.pictures.picture_samples import profit_picture


@dataclass(slots=True)
class Asking:
    """Somebody who asks for pictures, and what he got."""

    drawer: PictureDrawer
    got: list[bytes | str] = field(default_factory=list)

    def ask(self, recipe: Recipe | None = None) -> bool:
        return self.drawer.show(recipe or simple, self._deliver)

    async def _deliver(self, outcome: bytes | str) -> None:
        await trio.lowlevel.checkpoint()
        self.got.append(outcome)

    async def gets(self, count: int) -> list[bytes | str]:
        with trio.fail_after(600):
            while len(self.got) < count:
                await trio.sleep(0.05)
        return self.got


async def simple() -> Picture:
    await trio.lowlevel.checkpoint()
    return profit_picture()


@dataclass(slots=True)
class Owned:
    asking: Asking
    drawings: MemoryDrawings
    supervisor: Supervisor
    reports: list[Report]


@asynccontextmanager
async def drawing() -> AsyncIterator[Owned]:
    """A supervised drawer on the twin of its process."""
    drawings, reports = MemoryDrawings(), []
    drawer = PictureDrawer(drawings.begin)
    child = ChildSpec("picture_drawer", drawer.run, backoff=Backoff(min_s=0.5, max_s=30))
    spec = SupervisorSpec("records", "one_for_one", (child,), intensity=5, period_s=60)
    async with open_supervisor(spec, report=reports.append) as supervisor:
        yield Owned(Asking(drawer), drawings, supervisor, reports)
    assert drawings.alive == 0


async def test_a_process_is_started_for_the_first_picture_and_ended_when_none_is_wanted(
    autojump_clock: MockClock,
) -> None:
    async with drawing() as owned:
        await trio.sleep(1)
        assert owned.drawings.alive == 0
        owned.asking.ask()
        owned.asking.ask()
        assert all(isinstance(one, bytes) and one.startswith(PNG_MAGIC) for one in await owned.asking.gets(2))
        assert owned.drawings.alive == 1
        await trio.sleep(picture_drawer.IDLE_S + 1)
        assert owned.drawings.alive == 0
        owned.asking.ask()
        await owned.asking.gets(3)
        assert owned.asking.drawer.statistics() == picture_drawer.PictureStatistics(3, 0, 0, 2)


async def test_one_that_hangs_is_ended_and_costs_one_picture(autojump_clock: MockClock) -> None:
    async with drawing() as owned:
        owned.drawings.troubles.append("hangs")
        owned.asking.ask()
        owned.asking.ask()
        got = await owned.asking.gets(2)
        assert got[0] == SLOW
        assert isinstance(got[1], bytes)
        assert owned.drawings.alive == 1
        assert owned.reports == []


async def test_one_that_keeps_ending_rests_and_is_tried_again(autojump_clock: MockClock) -> None:
    async with drawing() as owned:
        owned.drawings.troubles.extend(["ends"] * 4)
        for _ in range(5):
            owned.asking.ask()
        assert await owned.asking.gets(5) == [BROKEN, BROKEN, RESTING, RESTING, RESTING]
        assert len(owned.drawings.troubles) == 1  # nobody was started while it rested
        await trio.sleep(picture_drawer.REST_MIN_S)
        owned.asking.ask()
        await owned.asking.gets(6)
        await trio.sleep(2 * picture_drawer.REST_MIN_S)
        owned.asking.ask()
        got = await owned.asking.gets(7)
        assert got[5] == RESTING
        assert isinstance(got[6], bytes)
        assert owned.reports == []


async def test_a_machine_without_processes_to_spare_is_told_in_words(autojump_clock: MockClock) -> None:
    def begin() -> DrawingProcess:
        raise PictureUnavailable("the drawing process does not start: no memory")

    async with drawing() as owned:
        owned.asking.drawer.begin = begin
        owned.asking.ask()
        assert await owned.asking.gets(1) == [BROKEN]


async def test_what_cannot_be_read_holds_up_no_other_picture(autojump_clock: MockClock) -> None:
    async def away() -> Picture:
        await trio.lowlevel.checkpoint()
        raise StoreUnavailable("away")

    async def hangs() -> Picture:
        await trio.sleep_forever()
        raise AssertionError

    async def empty() -> Picture:
        await trio.lowlevel.checkpoint()
        raise LookupError("there is nothing to show yet")

    async def wrong() -> Picture:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async with drawing() as owned:
        for recipe in (hangs, wrong, away, empty, simple):
            owned.asking.ask(recipe)
        got = await owned.asking.gets(4)
        assert set(got[:2]) == {UNREAD, "there is nothing to show yet"}
        assert isinstance(got[2], bytes)
        assert got[3] == UNREAD
        assert owned.reports == []
        assert owned.asking.drawer.statistics().waiting == 0


async def test_of_too_many_the_last_are_refused_at_once(autojump_clock: MockClock) -> None:
    async with drawing() as owned:
        asked = [owned.asking.ask() for _ in range(WAITING_MAX + 1)]
        assert asked == [True] * WAITING_MAX + [False]
        await owned.asking.gets(WAITING_MAX)
        assert owned.asking.ask()


async def test_a_killed_owner_leaves_no_process_and_its_next_life_draws(autojump_clock: MockClock) -> None:
    async with drawing() as owned:
        owned.asking.ask()
        await owned.asking.gets(1)
        owned.supervisor.kill("picture_drawer")
        await trio.sleep(1)
        assert owned.drawings.alive == 0
        owned.asking.ask()
        await owned.asking.gets(2)
        assert isinstance(owned.asking.got[1], bytes)
